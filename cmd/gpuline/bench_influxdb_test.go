package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkInfluxDBProcess runs the whole program over a million lines that go to an InfluxDB as they are: here
// one that reads and forgets. cpu-s and peak-MiB are the program's.
func BenchmarkInfluxDBProcess(b *testing.B) {
	path, lines := build(b), trace(b, 1_000_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	f := func(encoding string) {
		b.Run(encoding, func(b *testing.B) {
			config := configFile(b, fmt.Sprintf(`
[agent]
http = ""

[[inputs.replay]]
files = [%q]

[[outputs.influxdb]]
url = %q
database = "gpu"
content_encoding = %q
`, lines, server.URL, encoding))
			var cpu, rss float64
			for b.Loop() {
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
	f("gzip")
	f("identity")
}
