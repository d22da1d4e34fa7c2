package nats_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// database is an InfluxDB that keeps the lines that it gets.
type database struct {
	*httptest.Server
	mu    sync.Mutex
	lines map[string]int
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{lines: make(map[string]int)}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(unpacked)
		if err != nil {
			t.Error(err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		for line := range strings.Lines(string(body)) {
			d.lines[line]++
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(d.Close)
	return d
}

// shipped returns a file of conf/ that runs here: at the test's servers, on simulated GPUs, with shorter windows.
func shipped(t *testing.T, file, urls, database string) string {
	t.Helper()
	text, err := os.ReadFile("../../../conf/" + file)
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for _, change := range [][2]string{
		{`["nats://nats-0:4222", "nats://nats-1:4222", "nats://nats-2:4222"]`, urls},
		{`"http://influxdb:8086"`, fmt.Sprintf("%q", database)},
		{"/var/lib/gpuline", t.TempDir()},
		{"[[inputs.nvidia_smi]]", "[[inputs.simulate]]"},
		{`period = "10s"`, "period = \"200ms\"\nlateness = \"0s\""},
		{`interval = "100ms"`, "interval = \"20ms\"\nhttp = \"127.0.0.1:0\""},
		{`http = ":9445"`, "http = \"127.0.0.1:0\""},
		{`max_bytes = "64GB"`, `max_bytes = "64MB"`},
	} {
		out = strings.ReplaceAll(out, change[0], change[1])
	}
	return out
}

// The shipped files, edges and hubs, over a cluster of three: what the edges send is in the database.
func TestShippedFleet(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	var urls []string
	for _, s := range servers {
		urls = append(urls, fmt.Sprintf("%q", s.URL()))
	}
	list := "[" + strings.Join(urls, ", ") + "]"
	db := newDatabase(t)
	var edges []*running
	for i := range 3 {
		text := strings.Replace(shipped(t, "edge.toml", list, ""), "[agent]", fmt.Sprintf("[agent]\nhostname = \"edge-%d\"", i), 1)
		edges = append(edges, run(t, new(collector), text))
	}
	delivered := func() (n uint64) {
		for _, e := range edges {
			l := e.agent.Ledger()
			sent, _ := counts(l, "outputs.nats")
			n += sent
		}
		return n
	}
	natstest.Eventually(t, 30*time.Second, "the stream", func() bool { return delivered() > 0 })
	hubs := []*running{run(t, new(collector), shipped(t, "hub.toml", list, db.URL)), run(t, new(collector), shipped(t, "hub.toml", list, db.URL))}
	natstest.Eventually(t, 60*time.Second, "metrics from the edges", func() bool { return delivered() > 300 })
	for _, e := range edges {
		e.stop()
	}
	stored := func() int {
		db.mu.Lock()
		defer db.mu.Unlock()
		return len(db.lines)
	}
	natstest.Eventually(t, 30*time.Second, fmt.Sprintf("%d metrics in the database", delivered()), func() bool { return uint64(stored()) >= delivered() })
	var read uint64
	for _, h := range hubs {
		l := h.stop()
		sent, dropped := counts(l, "outputs.influxdb")
		if read += sent; dropped != 0 {
			t.Errorf("a hub: %s", l.String())
		}
	}
	if uint64(stored()) != delivered() || read != delivered() {
		t.Errorf("the edges sent %d metrics, the hubs delivered %d, the database has %d", delivered(), read, stored())
	}
}
