package listener

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// sampleLines returns n lines of about 390 bytes: 6 tags and 13 fields, in turn from 8 GPUs.
func sampleLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		gpu := i % 8
		fmt.Fprintf(&b, "gpu,gpu_index=%d,gpu_name=H100,gpu_uuid=GPU-7a1c%02d,host=node-17,pci_bus_id=%02d:00,source=nvml "+
			"utilization_ratio=0.%02d,memory_activity_ratio=0.%02d,memory_used_bytes=%di,memory_total_bytes=85899345920i,power_watts=%d.%03d,power_limit_watts=700,"+
			"energy_joules=%d.25,temperature_celsius=%d,clock_sm_hertz=%di,fan_ratio=0,pstate=0i,up=1i,throttle_reasons=%di %d\n",
			gpu, gpu, gpu+16, i%100, i*7%100, 40_000_000_000+i*4096, 300+i%100, i%1000, 1_000_000+i, 60+i%9, 1_500_000_000+i%7*15_000_000, i%8, 1_700_000_000_000_000_000+int64(i/8)*1_000_000)
	}
	return b.Bytes()
}

// BenchmarkHTTP posts 5,000 lines a request on one connection, to a reader that confirms at once. An
// operation is a line.
func BenchmarkHTTP(b *testing.B) {
	const perRequest = 5000
	catalog := sdk.NewCatalog(sdk.Limits{})
	env := sdktest.Env(b, catalog)
	l := open(b, settings(b), env)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		batch := sdk.NewBatch(catalog)
		for ctx.Err() == nil {
			batch.Reset()
			if ack, _ := l.Read(ctx, batch); ack != nil {
				ack(nil)
			}
		}
	}()
	defer func() {
		cancel()
		<-done
		_ = l.Close()
	}()
	body := sampleLines(perRequest)
	b.SetBytes(int64(len(body) / perRequest))
	b.ReportAllocs()
	client := http.Client{}
	defer client.CloseIdleConnections()
	for n := 0; n < b.N; n += perRequest {
		resp, err := client.Post("http://"+l.address("tcp")+"/write", "", bytes.NewReader(body))
		if err != nil || resp.StatusCode != http.StatusNoContent {
			b.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// BenchmarkUDP sends a datagram of one line, and reads it.
func BenchmarkUDP(b *testing.B) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	l := open(b, settings(b, func(c *Config) { c.HTTP, c.UDP = "", "127.0.0.1:0" }), sdktest.Env(b, catalog))
	defer func() { _ = l.Close() }()
	conn, err := net.Dial("udp", l.address("udp"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	line := sampleLines(1)
	batch := sdk.NewBatch(catalog)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(line); err != nil {
			b.Fatal(err)
		}
		for batch.Reset(); batch.Len() == 0; {
			if _, err := l.Read(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
}
