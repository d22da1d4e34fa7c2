package lineprotocol

import (
	"bytes"
	"fmt"
	"testing"

	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// sampleLines returns n lines of 6 tags and 13 fields, in turn from 8 GPUs; each of about 369
// bytes.
func sampleLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		gpu, step := i%8, i/8
		fmt.Fprintf(&b, `gpu,gpu_index=%d,gpu_name=H100\ 80,gpu_uuid=GPU-5f%02d,host=n1,pci_bus_id=%02X:00,source=nvml `,
			gpu, gpu, 0x18+gpu)
		fmt.Fprintf(&b, `utilization_ratio=%g,memory_activity_ratio=%g,memory_used_bytes=%di,memory_total_bytes=85520809984i,`,
			float64(step*37%101)/100, float64(step*13%101)/100, 60_000_000_000+step*4096)
		fmt.Fprintf(&b, `power_watts=%g,temperature_celsius=%d,clock_sm_hertz=%d,`,
			300+float64(step*7919%400_000)/1000, 40+step%40, 1_980_000_000-step%7*15_000_000)
		fmt.Fprintf(&b, `energy_joules=%.3f,fan_ratio=%g,up=1i,pstate=0i,`, 81234567+float64(step)*0.317, float64(step%10)/10)
		fmt.Fprintf(&b, `a=%di,b=%di %d`, 123456+step, 654321+step, 1_700_000_000_000_000_000+int64(step)*10_000_000+int64(gpu))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	const lines = 1000
	data := sampleLines(lines)
	catalog := sdk.NewCatalog(sdk.Limits{})
	d := NewDecoder(catalog, DecoderOptions{Counters: DefaultCounters})
	batch := sdk.NewBatch(catalog)
	decode := func() {
		batch.Reset()
		if err := d.Decode(batch, data, 0); err != nil || batch.Len() != lines {
			b.Fatal(batch.Len(), err)
		}
	}
	decode()
	b.SetBytes(int64(len(data) / lines))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += lines {
		decode()
	}
}

func BenchmarkDecodeLibrary(b *testing.B) {
	const lines = 1000
	data := sampleLines(lines)
	b.SetBytes(int64(len(data) / lines))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += lines {
		n := 0
		for d := lp.NewDecoderWithBytes(data); d.Next(); n++ {
			for {
				key, _, err := d.NextTag()
				if err != nil {
					b.Fatal(err)
				}
				if key == nil {
					break
				}
			}
			for {
				key, _, err := d.NextField()
				if err != nil {
					b.Fatal(err)
				}
				if key == nil {
					break
				}
			}
			if _, err := d.TimeBytes(); err != nil {
				b.Fatal(err)
			}
		}
		if n != lines {
			b.Fatal(n)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	const lines = 1000
	data := sampleLines(lines)
	catalog := sdk.NewCatalog(sdk.Limits{})
	d := NewDecoder(catalog, DecoderOptions{})
	batch := sdk.NewBatch(catalog)
	if err := d.Decode(batch, data, 0); err != nil {
		b.Fatal(err)
	}
	e := NewEncoder(catalog, EncoderOptions{})
	out, _ := e.AppendBatch(nil, batch)
	b.SetBytes(int64(len(out) / lines))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += lines {
		out, _ = e.AppendBatch(out[:0], batch)
	}
}
