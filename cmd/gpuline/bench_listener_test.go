package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// trail is a request of lines, about 369 bytes each: 6 tags and 13 fields, in turn from 8 GPUs at 1 kHz. A
// poster moves it on in time.
type trail struct {
	text   []byte
	stamps []int // where the time stamps are
}

const stampDigits = 19

func newTrail(lines int) *trail {
	var b bytes.Buffer
	t := &trail{}
	for i := range lines {
		gpu := i % 8
		fmt.Fprintf(&b, "gpu,gpu_index=%d,gpu_name=H100,gpu_uuid=GPU-5f%02d,host=n1,pci_bus_id=%02d:00,source=nvml "+
			"utilization_ratio=0.%02d,memory_activity_ratio=0.%02d,memory_used_bytes=%di,memory_total_bytes=85899345920i,power_watts=%d.%03d,"+
			"energy_joules=%d.25,temperature_celsius=%d,clock_sm_hertz=%di,fan_ratio=0,pstate=0i,up=1i,xid=0i,throttle_reasons=%di ",
			gpu, gpu, gpu+16, i%100, i*7%100, 40_000_000_000+i*4096, 300+i%100, i%1000, 1_000_000+i, 60+i%9, 1_500_000_000+i%7*15_000_000, i%8)
		t.stamps = append(t.stamps, b.Len())
		b.WriteString(strings.Repeat("0", stampDigits) + "\n")
	}
	t.text = b.Bytes()
	return t
}

// move gives the lines the times of request n.
func (t *trail) move(n int) {
	first := 1_700_000_000_000_000_000 + int64(n)*int64(len(t.stamps)/8)*1_000_000
	for i, at := range t.stamps {
		strconv.AppendInt(t.text[at:at], first+int64(i/8)*1_000_000, 10)
	}
}

// BenchmarkListenerProcess posts a million lines to the whole program, 5,000 a request, on two connections;
// a filter lets none of them into the output. cpu-s and peak-MiB are the program's, without the posters'.
func BenchmarkListenerProcess(b *testing.B) {
	benchmarkListener(b, "")
}

// BenchmarkListenerWindowsProcess is the same with average and peak per second, to an output that is
// filtered likewise.
func BenchmarkListenerWindowsProcess(b *testing.B) {
	benchmarkListener(b, "[[processors.average]]\nperiod = \"1s\"\n[[processors.peak]]\nperiod = \"1s\"\n")
}

func benchmarkListener(b *testing.B, processors string) {
	const posters, perRequest, total = 2, 5000, 1_000_000
	path := build(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	config := configFile(b, fmt.Sprintf(`
[agent]
http = ""

[[inputs.listener]]
http = %q

%s
[[outputs.stdout]]
required = true
filter = { metrics = ["none"] }
`, address, processors))
	url := "http://" + address + "/api/v2/write?bucket=b"
	var cpu, rss float64
	b.SetBytes(int64(len(newTrail(perRequest).text)) / perRequest * total)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		for range 100 {
			if resp, err := http.Get("http://" + address + "/ping"); err == nil {
				_ = resp.Body.Close()
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		var posting sync.WaitGroup
		for p := range posters {
			posting.Go(func() {
				body := newTrail(perRequest)
				client := http.Client{}
				defer client.CloseIdleConnections()
				for n := range total / perRequest / posters {
					body.move(n*posters + p)
					resp, err := client.Post(url, "", bytes.NewReader(body.text))
					if err != nil {
						b.Error(err)
						return
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusNoContent {
						b.Error(resp.Status)
					}
				}
			})
		}
		posting.Wait()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), fmt.Sprintf("read=%d ", total)) || !strings.Contains(stderr.String(), "balance=ok") {
			b.Fatalf("%v\n%s", err, &stderr)
		}
		c, m := usage(cmd)
		cpu, rss = cpu+c, max(rss, m)
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s")
	b.ReportMetric(rss, "peak-MiB")
}
