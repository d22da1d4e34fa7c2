package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

const stream = `
	gpu,gpu_index=0,host=a energy_joules=1000 1s
	gpu,gpu_index=1,host=a energy_joules=500 1s
	inference,host=a,model=llm requests_total=10 2s
	gpu,gpu_index=0,host=a energy_joules=1600 5s
	inference,host=b,model=llm requests_total=7 5s
	inference,host=a,model=llm requests_total=50 6s
	gpu,gpu_index=1,host=a energy_joules=900 9s
	gpu,gpu_index=0,host=a energy_joules=1900,power_watts=3 11s
	inference,host=a,model=llm requests_total=3 12s
	gpu,gpu_index=0,host=a energy_joules=100 13s
`

func TestEnergy(t *testing.T) {
	p, err := build(&config{Period: 10 * time.Second, Energy: "energy_joules", Metric: "inference", Requests: "requests_total"})
	if err != nil {
		t.Fatal(err)
	}
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), stream)
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := p.(sdk.Flusher).Flush(t.Context(), time.Time{}, true, b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for m := range b.All() {
		if m.Class() == sdk.ClassResult {
			got = append(got, sdktest.Line(m))
		}
	}
	want := []string{
		`inference_energy,host=a,window=10s energy_joules=1000,requests=40,request_energy_joules=25 10000000000 class=result`,
		`inference_energy,host=a,window=10s energy_joules=400,requests=3,request_energy_joules=133.33333333333334 20000000000 class=result`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestContract(t *testing.T) {
	sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor {
		p, err := build(&config{Period: 10 * time.Second, Energy: "energy_joules", Metric: "inference", Requests: "requests_total"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, stream)
}
