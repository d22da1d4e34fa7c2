//go:build soak

package faults

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

const (
	churn = 10 * time.Second // what comes has other names after so long
	crowd = 20               // names of each kind at a time
)

// world is what an agent works with: GPUs, a page that it reads, a sender of lines, a chat that is told of events.
type world struct {
	*httptest.Server
	began  time.Time
	notes  map[string]int // lines that were taken, by how often they were sent
	events sync.Map       // bodies that were posted
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{began: time.Now(), notes: make(map[string]int)}
	mux := http.NewServeMux()
	mux.HandleFunc("/page", w.page)
	mux.HandleFunc("/chat", func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			w.events.Store(string(body), true)
		}
	})
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

// age is how often names have changed.
func (w *world) age() int { return int(time.Since(w.began) / churn) }

// page shows pods, which come and go, and a metric whose own name changes.
func (w *world) page(to http.ResponseWriter, _ *http.Request) {
	age := w.age()
	fmt.Fprintf(to, "# TYPE work_total counter\n# TYPE depth gauge\n# TYPE build_%d gauge\nbuild_%[1]d 1\n", age)
	for i := range crowd {
		fmt.Fprintf(to, "work_total{pod=\"%d-%d\"} %d\ndepth{pod=\"%[1]d-%[2]d\"} %d\n", age, i, time.Since(w.began).Milliseconds(), rand.IntN(100))
	}
}

// send sends lines until they are taken: readings of pods with fields that nobody had before, and notes, which no
// window reads, so that each of them is to be found again.
func (w *world) send(to string, n int) error {
	age, now := w.age(), time.Now().UnixNano()
	var text strings.Builder
	notes := make([]string, crowd)
	for i := range crowd {
		fmt.Fprintf(&text, "app,pod=%d-%d latency=%d,f%[1]d_%[2]d=%[3]d %[4]d\n", age, i, rand.IntN(10), now+int64(i))
		notes[i] = fmt.Sprintf("note,host=soak,pod=%d-%d text=\"%d\" %d", age, i, n, now+int64(i))
		fmt.Fprintln(&text, notes[i])
	}
	for times, end := 1, time.Now().Add(patience); ; times++ {
		answer, err := client.Post(to+"/write?db=any", "text/plain", strings.NewReader(text.String()))
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusNoContent {
				for _, note := range notes {
					w.notes[note] = times
				}
				return nil
			}
			err = errors.New(answer.Status)
		}
		if time.Now().After(end) {
			return fmt.Errorf("lines were not taken within %v: %w", patience, err)
		}
		time.Sleep(time.Second) // the agent is stopped, or its listener changes
	}
}

// told returns how many events were posted, each counted once.
func (w *world) told() (n uint64) {
	w.events.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}

// scenario writes what eight GPUs do: bursts of work, processes that come and go, and a card that is lost now and
// then.
func scenario(t *testing.T, dir string, long time.Duration) string {
	t.Helper()
	s := fakedriver.New(nil, 8)
	if err := s.StartNow(); err != nil { // and not when a child starts
		t.Fatal(err)
	}
	s.Loaded = -time.Hour
	const loop = 5 * time.Minute
	for i, g := range s.GPUs {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		power, util, sm := g.Line(fakedriver.Power).Base(95_000), g.Line(fakedriver.GPUUtil).Base(0), g.Line(fakedriver.GPMSM).Base(0)
		for at := time.Duration(0); ; {
			at += 200*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(3*time.Second))
			burst := 50*time.Millisecond + time.Duration(rng.Int64N(int64(2*time.Second)))
			if at+burst > loop {
				break
			}
			power.Burst(at, burst, 300_000+rng.Int64N(390_000))
			util.Burst(at, burst, 100)
			sm.Burst(at, burst, 600+rng.Int64N(350))
			at += burst
		}
		for _, line := range []*fakedriver.Line{power, util, sm} {
			line.Loop(loop)
		}
		for at, pid := time.Duration(0), 1000*(i+1); at < long; at, pid = at+churn, pid+8001 {
			g.Process(fakedriver.Process{PID: pid, From: at, To: at + churn, MemoryMiB: 1000, SM: 30})
		}
	}
	for at := time.Minute; at < long; at += loop {
		s.GPUs[3].Event(at, "xid", 79)
		s.GPUs[3].Lost(at+time.Second, at+20*time.Second, false)
	}
	path := filepath.Join(dir, "scenario")
	if err := s.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}
