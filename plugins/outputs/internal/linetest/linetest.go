// Package linetest makes the batch that outputs are measured with.
package linetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Rows is how many rows a Batch has.
const Rows = 1000

// Batch returns a batch of lines of about 369 bytes, of 8 GPUs in turn, with readings that vary.
func Batch(t testing.TB, c *sdk.Catalog) *sdk.Batch {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for i := range Rows {
		gpu, step := i%8, i/8
		text = fmt.Appendf(text, `gpu,gpu_index=%d,gpu_name=H100\ 80,gpu_uuid=GPU-5f%02d,host=n1,pci_bus_id=%02X:00,source=nvml `, gpu, gpu, 0x18+gpu)
		text = fmt.Appendf(text, "utilization_ratio=%.2f,memory_activity_ratio=%.2f,memory_used_bytes=%di,memory_total_bytes=85520809984i,power_watts=%.3f,temperature_celsius=%d,"+
			"clock_sm_hertz=%di,energy_joules=%.3f,fan_ratio=%g,up=1i,pstate=0i,a=%di,b=%di %d\n",
			rng.Float64(), rng.Float64(), 60_000_000_000+rng.Int64N(1e9), 300+100*rng.Float64(), 60+rng.IntN(9), 1_500_000_000+rng.IntN(30)*15_000_000,
			81234567+float64(step)*0.317, float64(step%10)/10, 123456+step, 654321+step, 1_700_000_000_000_000_000+int64(step)*10_000_000+int64(gpu))
	}
	batch := sdk.NewBatch(c)
	d := lineprotocol.NewDecoder(c, lineprotocol.DecoderOptions{Coerce: vocabulary.Coerce})
	if err := d.Decode(batch, text, 0); err != nil {
		t.Fatal(err)
	}
	return batch
}
