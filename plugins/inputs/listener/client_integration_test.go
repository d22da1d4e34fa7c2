//go:build integration

package listener

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	clienthttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/api/write"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// The official client of InfluxDB 2 writes to the listener as it does to a database.
func TestOfficialClient(t *testing.T) {
	sink := &sdktest.Sink{}
	a := start(t, settings(t, func(c *Config) { c.Token, c.Buckets = sdk.NewSecret("t0k"), []string{"gpu"} }), sink)
	url := "http://" + a.address("tcp")
	client := influxdb2.NewClientWithOptions(url, "t0k", influxdb2.DefaultOptions().SetUseGZip(true).SetPrecision(time.Millisecond))
	defer client.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if ok, err := client.Ping(ctx); !ok || err != nil {
		t.Errorf("ping: %v, %v", ok, err)
	}
	health, err := client.Health(ctx)
	if err != nil || health.Status != domain.HealthCheckStatusPass {
		t.Errorf("health: %+v, %v", health, err)
	}

	blocking := client.WriteAPIBlocking("org", "gpu")
	at := time.UnixMilli(1_700_000_000_123)
	point := write.NewPoint("inference", map[string]string{"model": "resnet 50", "host": "x"},
		map[string]any{"latency_seconds": 0.0125, "requests": int64(3), "ok": true, "text": "a \"b\""}, at)
	if err := blocking.WritePoint(ctx, point); err != nil {
		t.Fatal(err)
	}
	check(t, sink.Lines(), []string{`inference,host=x,model=resnet\ 50 latency_seconds=0.0125,ok=true,requests=3i,text="a \"b\"" 1700000000123000000`})

	status := func(err error) (int, string) {
		var e *clienthttp.Error
		if !errors.As(err, &e) {
			t.Errorf("%v", err)
			return 0, ""
		}
		return e.StatusCode, e.Message
	}
	code, message := status(blocking.WriteRecord(ctx, "m,host=x f=1 1\nbad\n"))
	if code != http.StatusBadRequest || !strings.HasPrefix(message, "partial write: unable to parse: line 2:4: ") {
		t.Errorf("%d %s", code, message)
	}
	if code, _ = status(client.WriteAPIBlocking("org", "other").WriteRecord(ctx, "m f=1")); code != http.StatusForbidden {
		t.Errorf("another bucket: %d", code)
	}
	stranger := influxdb2.NewClient(url, "wrong")
	defer stranger.Close()
	if code, _ = status(stranger.WriteAPIBlocking("org", "gpu").WriteRecord(ctx, "m f=1")); code != http.StatusUnauthorized {
		t.Errorf("another token: %d", code)
	}

	batching := client.WriteAPI("org", "gpu")
	failed := batching.Errors()
	const points = 20_000
	for i := range points {
		batching.WritePoint(write.NewPoint("b", map[string]string{"host": "x"}, map[string]any{"i": int64(i)}, at.Add(time.Duration(i)*time.Millisecond)))
	}
	batching.Flush()
	select {
	case err := <-failed:
		t.Errorf("batching: %v", err)
	default:
	}
	eventually(t, "all points", func() bool { return len(sink.Lines()) >= 2+points })
	got := sink.Lines()[2:]
	if len(slices.Compact(got)) != points {
		t.Errorf("%d points", len(got))
	}
	a.stop()
}
