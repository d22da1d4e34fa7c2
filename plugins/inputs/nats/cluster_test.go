package nats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// The hub goes on while servers of a cluster are killed, or retire, one after the other.
func TestCluster(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.URL())
	}
	makeStream(t, servers[0], jetstream.StreamConfig{Replicas: 3})
	h := open(t, func(c *Config) { c.URLs, c.JetStream, c.AckWait = urls, true, 2*time.Second })
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	total := 0
	more := func(n int) {
		t.Helper()
		for i := total; i < total+n; i++ {
			natstest.Eventually(t, patience, "store", func() bool {
				_, err := js.Publish(t.Context(), "gpu.h.0", fmt.Appendf(nil, "a x=%d %d\n", i, i+1))
				return err == nil
			})
		}
		total += n
		for end := time.Now().Add(30 * time.Second); len(seen) < total; {
			if time.Now().After(end) {
				t.Fatalf("%d metrics of %d", len(seen), total)
			}
			got, ack, err := h.readFor(patience)
			if err != nil {
				continue
			}
			for _, line := range got {
				seen[line] = true
			}
			ack(nil)
		}
	}
	more(20)
	for i, s := range servers {
		if i == 2 {
			s.Retire()
		} else {
			s.Stop()
		}
		more(20)
		s.Start()
		more(5)
	}
	for _, line := range lines(0, total) {
		if !seen[line] {
			t.Errorf("%s is lost", line)
		}
	}
}
