package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// proc writes files as the kernel has them.
func proc(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func stat(name, cpu string) string {
	return "7 (" + name + ") S 1 7 7 0 -1 4194560 1 0 0 0 " + cpu + " 50 0 0 20 0 4 0 777 1000 256 18446744073709551615"
}

func TestGather(t *testing.T) {
	files := map[string]string{
		"pressure/cpu":        "some avg10=1.50 avg60=0.87 avg300=0.29 total=8035871\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"pressure/memory":     "some avg10=x total=1\n",
		"7/stat":              stat("triton) server", "100"),
		"7/task/7/schedstat":  "5 1500000000 3\n",
		"7/task/8/schedstat":  "5 500000000 3\n",
		"8/stat":              stat("bash", "9000"),
		"self/stat":           "nonsense",
		"9/stat":              "nonsense",
		"10/task/1/schedstat": "",
	}
	dir := proc(t, files)
	c := &config{Processes: []string{"triton*"}, Proc: dir}
	p, err := build(c)
	if err != nil {
		t.Fatal(err)
	}
	in := p.(*input)
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Now = func() time.Time { return time.Unix(0, 5) }
	if err := in.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	gather := func() []string {
		b := sdk.NewBatch(env.Catalog)
		if err := in.Gather(t.Context(), b); err == nil {
			t.Error("pressure/memory is faulty, and nobody says so")
		}
		return sdktest.Dump(b)
	}
	gather()
	if err := os.WriteFile(filepath.Join(dir, "7/stat"), []byte(stat("triton) server", "350")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "7/task/8/schedstat"), []byte("5 750000000 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`host_pressure,resource=cpu some_stalled_ratio=0.015,some_stalled_seconds=8.035871,full_stalled_ratio=0,full_stalled_seconds=0 5`,
		`host_pressure,resource=memory some_stalled_seconds=1e-06 5`,
		`host_process,process=triton)\ server processes=1i,cpu_seconds=2.5,run_delay_seconds=0.25,resident_bytes=1048576u 5`,
	}
	if diff := cmp.Diff(want, gather()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestContract(t *testing.T) {
	sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer {
		p, err := build(&config{Processes: []string{"*"}, Proc: proc(t, map[string]string{
			"pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n", "1/stat": stat("init", "1"),
		})})
		if err != nil {
			t.Fatal(err)
		}
		return p.(sdk.Gatherer)
	})
}
