package nats

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/outputs/internal/linetest"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
)

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
			batch := linetest.Batch(b, sdk.NewCatalog(sdk.Limits{}))
			b.ReportAllocs()
			for b.Loop() {
				o.take(batch, limits{1 << 20, 1 << 20})
			}
			size := 0
			for i := range o.fresh.messages {
				size += len(o.fresh.messages[i].data)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/linetest.Rows, "ns/line")
			b.ReportMetric(float64(size)/linetest.Rows, "message-B/line")
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
			batch := linetest.Batch(b, c)
			batch.ID = sdk.BatchID{Agent: "h", Epoch: 1}
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				batch.ID.Seq++
				if err := o.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			lines := float64(b.N) * linetest.Rows
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
