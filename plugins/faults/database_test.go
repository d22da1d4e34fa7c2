package faults

import (
	"compress/gzip"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// database is an InfluxDB that keeps the lines that it gets, and how often.
type database struct {
	*httptest.Server
	slow   time.Duration // an answer takes up to so long; before the first request
	status func() int    // of the next answer, under mu; where it is nil, all is stored
	mu     sync.Mutex
	lines  map[string]int
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{lines: make(map[string]int)}
	d.Server = httptest.NewServer(d.handler())
	t.Cleanup(d.Close)
	return d
}

func (d *database) handler() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var text []byte
		unpacked, err := gzip.NewReader(r.Body)
		if err == nil {
			text, err = io.ReadAll(unpacked)
		}
		if err != nil { // the client has gone in the middle of it
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if d.slow > 0 {
			time.Sleep(rand.N(d.slow))
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.status != nil {
			if status := d.status(); status != http.StatusNoContent {
				w.WriteHeader(status)
				return
			}
		}
		for line := range strings.Lines(string(text)) {
			d.lines[strings.TrimSuffix(line, "\n")]++
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// held returns what has been stored.
func (d *database) held() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.lines)
}

// twice returns how many lines have come again.
func twice(held map[string]int) (n int) {
	for _, times := range held {
		n += times - 1
	}
	return n
}
