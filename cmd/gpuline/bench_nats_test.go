package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// natsServer runs a server in this process, with a stream that forgets.
func natsServer(b *testing.B, storage jetstream.StreamConfig) (*natstest.Server, jetstream.JetStream) {
	b.Helper()
	s := natstest.Run(b, nil)
	js := s.JetStream()
	storage.Name, storage.Subjects = "GPULINE", []string{"gpu.>"}
	storage.Storage, storage.Discard, storage.Duplicates = jetstream.MemoryStorage, jetstream.DiscardOld, time.Second
	if _, err := js.CreateStream(b.Context(), storage); err != nil {
		b.Fatal(err)
	}
	return s, js
}

// BenchmarkNATSProcess runs the whole program over a million lines that go to a NATS server. cpu-s and peak-MiB
// are the program's.
func BenchmarkNATSProcess(b *testing.B) {
	path, lines := build(b), trace(b, 1_000_000)
	s, _ := natsServer(b, jetstream.StreamConfig{MaxMsgs: 10})
	f := func(name, output string) {
		b.Run(name, func(b *testing.B) {
			config := configFile(b, fmt.Sprintf(`
[agent]
http = ""

[[inputs.replay]]
files = [%q]

[[outputs.nats]]
url = %q
%s
`, lines, s.URL(), output))
			var cpu, rss float64
			for b.Loop() {
				debug.FreeOSMemory() // the account of a process starts with what its parent has
				cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Run(); err != nil || !strings.Contains(stderr.String(), "delivered=1000000 dropped=0 queued=0 balance=ok") {
					b.Fatalf("%v\n%s", err, &stderr)
				}
				c, m := usage(cmd)
				cpu, rss = cpu+c, max(rss, m)
			}
			b.ReportMetric(cpu/float64(b.N), "cpu-s")
			b.ReportMetric(rss, "peak-MiB")
		})
	}
	f("core influx", `subject = "core.{host}"`)
	f("jetstream influx", "subject = \"gpu.{host}\"\njetstream = true")
	f("jetstream influx per GPU", "jetstream = true")
	f("jetstream record zstd", "subject = \"gpu.{host}\"\njetstream = true\nencoding = \"record\"\ncontent_encoding = \"zstd\"")
}

// BenchmarkHubProcess runs the whole program as a hub for 1,000 hosts with 8 GPUs of 30 fields, read once a
// second and sent each 5 seconds, on to an InfluxDB. core-% is the processor time that it takes in 20 s.
func BenchmarkHubProcess(b *testing.B) {
	const hosts, gpus, fields, every, seconds = 1000, 8, 30, 5, 20
	path := build(b)
	var lines atomic.Int64
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lines.Add(int64(bytes.Count(body, []byte{'\n'})))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer database.Close()
	s, js := natsServer(b, jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy})
	messages := make([][]byte, hosts)
	for i := range messages {
		messages[i] = hostMessage(b, i, gpus, fields, every)
	}
	config := configFile(b, fmt.Sprintf(`
[agent]
http = ""

[[inputs.nats]]
url = %q
jetstream = true

[[outputs.influxdb]]
url = %q
database = "gpu"
content_encoding = "identity"
batch_size = 5000
`, s.URL(), database.URL))
	var share, rss float64
	for b.Loop() {
		lines.Store(0)
		debug.FreeOSMemory()
		cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		for n := range hosts * seconds / every {
			time.Sleep(time.Until(began.Add(time.Duration(n) * seconds * time.Second / (hosts * seconds / every))))
			i := n % hosts
			h := nats.Header{"Content-Type": {"application/vnd.gpuline.record"}, "Content-Encoding": {"zstd"}}
			if _, err := js.PublishMsgAsync(&nats.Msg{Subject: fmt.Sprintf("gpu.n%d", i), Header: h, Data: messages[i]}); err != nil {
				b.Fatal(err)
			}
		}
		for end := time.Now().Add(30 * time.Second); lines.Load() < hosts*gpus*seconds; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				b.Fatalf("%d lines after 30 s\n%s", lines.Load(), &stderr)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), fmt.Sprintf("delivered=%d dropped=0 queued=0 balance=ok", hosts*gpus*seconds)) {
			b.Fatalf("%v\n%s", err, &stderr)
		}
		c, m := usage(cmd)
		share, rss = share+c/seconds*100, max(rss, m)
	}
	b.ReportMetric(share/float64(b.N), "core-%")
	b.ReportMetric(rss, "peak-MiB")
	b.ReportMetric(float64(len(messages[0])), "message-B")
}

// hostMessage is what a host sends: so many samples of each of its GPUs.
func hostMessage(b *testing.B, host, gpus, fields, samples int) []byte {
	b.Helper()
	batch := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	for t := range samples {
		for gpu := range gpus {
			s := batch.Series("gpu", sdk.Tag{Key: "host", Value: fmt.Sprintf("n%d", host)}, sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(gpu)},
				sdk.Tag{Key: "gpu_uuid", Value: fmt.Sprintf("GPU-7a1c%04d-3f2b-11ee-be56-%08d", host, gpu)},
				sdk.Tag{Key: "gpu_name", Value: "NVIDIA H100"}, sdk.Tag{Key: "source", Value: "nvml"})
			m := batch.Add(s, 1_700_000_000_000_000_000+int64(t)*1e9)
			for k := range fields {
				if k%2 == 0 {
					m.Float(fmt.Sprintf("reading_%d_ratio", k), float64((host+gpu*7+t*13+k*31)%1000)/999)
				} else {
					m.Uint(fmt.Sprintf("reading_%d_bytes", k), uint64(host+gpu*7+t*13+k*31)*4096)
				}
			}
		}
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(record.Append(nil, batch), nil)
}
