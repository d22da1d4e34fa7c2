package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkDiskQueueProcess runs the whole program over three million lines while its output is down, so
// that all of them are queued on disk, and starts it again with the output up and 50,000 more a second: the
// first two figures are of the filling, backlog-s is how long it takes until nothing waits any more. RSS is
// the highest of each.
func BenchmarkDiskQueueProcess(b *testing.B) {
	const lines, live = 3_000_000, 50_000
	path, trace := build(b), trace(b, lines/3)
	dir := b.TempDir()
	config := func(files, speed string) string {
		return configFile(b, fmt.Sprintf(`
[agent]
http = ""
shutdown_grace = "100ms"

[[inputs.replay]]
files = [%s]
speed = %s

[[outputs.stdout]]
queue = { disk = %q, max_bytes = "1GB", when_full = "block" }
`, files, speed, filepath.Join(dir, "queue")))
	}
	var filling, cpu, filled, drained, backlog, rate float64
	for b.Loop() {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			b.Skip("an output that is down is played by /dev/full: ", err)
		}
		cmd := exec.CommandContext(b.Context(), path, "run", "-c", config(fmt.Sprintf("%q, %[1]q, %[1]q", trace), "0"))
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		begun := time.Now()
		if err := cmd.Run(); err != nil || !strings.Contains(stderr.String(), fmt.Sprintf("queued=%d balance=ok", lines)) {
			b.Fatalf("%v\n%s", err, &stderr)
		}
		filling += time.Since(begun).Seconds()
		_ = full.Close()
		c, m := usage(cmd)
		cpu, filled = cpu+c, max(filled, m)

		cmd = exec.CommandContext(b.Context(), path, "run", "-c", config(fmt.Sprintf("%q", trace), fmt.Sprint(live/8000.0)))
		stderr.Reset()
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		begun = time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		n, took := drainTime(out, begun, lines, live)
		backlog += took
		rate += float64(n) / took
		_ = cmd.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), "dropped=0 queued=0 balance=ok") {
			b.Fatalf("%v\n%s", err, &stderr)
		}
		_, m = usage(cmd)
		drained = max(drained, m)
	}
	n := float64(b.N)
	b.ReportMetric(lines*n/filling, "queued/s")
	b.ReportMetric(cpu/n/lines*1e6, "cpu-s/M")
	b.ReportMetric(filled, "filling-MiB")
	b.ReportMetric(drained, "draining-MiB")
	b.ReportMetric(backlog/n, "backlog-s")
	b.ReportMetric(rate/n, "delivered/s")
}

// drainTime counts lines until all that waited and all that came meanwhile has been delivered, less half a
// second of what is on its way.
func drainTime(out io.Reader, begun time.Time, waiting, live int) (lines int, seconds float64) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := out.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte("\n"))
		seconds = time.Since(begun).Seconds()
		if err != nil || float64(lines) >= float64(waiting)+float64(live)*(seconds-0.5) {
			return lines, seconds
		}
	}
}
