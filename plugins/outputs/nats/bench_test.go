package nats

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

const benchRows = 1000

// rows returns a batch of lines of about 369 bytes, of 8 GPUs in turn, with readings that vary.
func rows(b *testing.B, c *sdk.Catalog) *sdk.Batch {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for i := range benchRows {
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
		b.Fatal(err)
	}
	return batch
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPlan is a batch of 1,000 lines up to its messages. message-B is what they hold per line.
func BenchmarkPlan(b *testing.B) {
	f := func(encoding, packed, subject string) {
		b.Run(strings.Join([]string{encoding, packed, subject}, " "), func(b *testing.B) {
			o, err := New(config(func(c *Config) {
				c.URL, c.Encoding, c.ContentEncoding, c.Subject = "nats://h", encoding, packed, subject
			}))
			if err != nil {
				b.Fatal(err)
			}
			batch := rows(b, sdk.NewCatalog(sdk.Limits{}))
			b.ReportAllocs()
			for b.Loop() {
				o.take(batch, limits{1 << 20, 1 << 20})
			}
			size := 0
			for i := range o.fresh.messages {
				size += len(o.fresh.messages[i].data)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/line")
			b.ReportMetric(float64(size)/benchRows, "message-B/line")
		})
	}
	for _, encoding := range []string{"influx", "json", "record"} {
		f(encoding, "identity", "gpu.{host}")
		f(encoding, "zstd", "gpu.{host}")
		f(encoding, "identity", "gpu.{host}.{gpu_index}")
	}
}

// BenchmarkWrite is the same batch with the server's side, which runs in this process. CPU-s/M is the processor
// time of both, for a million lines.
func BenchmarkWrite(b *testing.B) {
	f := func(name string, change func(*Config)) {
		b.Run(name, func(b *testing.B) {
			s := natstest.Run(b, nil)
			if _, err := s.JetStream().CreateStream(b.Context(), jetstream.StreamConfig{
				Name: "GPULINE", Subjects: []string{"gpu.>"}, Storage: jetstream.MemoryStorage, MaxMsgs: 100, Discard: jetstream.DiscardOld, Duplicates: time.Second,
			}); err != nil {
				b.Fatal(err)
			}
			o, c := opened(b, func(c *Config) { c.URL = s.URL(); change(c) })
			batch := rows(b, c)
			batch.ID = sdk.BatchID{Agent: "h", Epoch: 1}
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				batch.ID.Seq++
				if err := o.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			lines := float64(b.N) * benchRows
			b.ReportMetric((processorTime(b)-before).Seconds()*1e6/lines, "CPU-s/M")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/lines, "ns/line")
		})
	}
	f("core influx", func(c *Config) { c.Subject, c.JetStream = "core.{host}", false })
	f("jetstream influx", func(c *Config) { c.Subject, c.JetStream = "gpu.{host}", true })
	f("jetstream influx per GPU", func(c *Config) { c.JetStream = true })
	f("jetstream record", func(c *Config) { c.Subject, c.JetStream, c.Encoding = "gpu.{host}", true, "record" })
	f("jetstream record zstd", func(c *Config) {
		c.Subject, c.JetStream, c.Encoding, c.ContentEncoding = "gpu.{host}", true, "record", "zstd"
	})
}
