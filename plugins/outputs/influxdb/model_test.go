package influxdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestRandomServers plays servers that refuse some lines and say so in different ways, that fail now and then,
// and that take no large requests. In the end each line is stored or in the dead-letter file, and no line is in
// both, whatever the server did on the way.
func TestRandomServers(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 1 + rng.IntN(200)
		bad := badLines(rng, n)
		server := newFar(t)
		server.refuses = func(line string) string {
			if bad[line] {
				return "field type conflict"
			}
			return ""
		}
		switch rng.IntN(4) {
		case 0:
			server.partial = v3Answer
		case 1: // as InfluxDB 2 does where a line cannot be parsed
			server.partial = func(string, []int) reply {
				return reply{status: http.StatusBadRequest, body: `{"code":"invalid","message":"unable to parse 'm x=\"dropped=3\"'"}`}
			}
		case 2: // as InfluxDB 1 does where the lines are of several shards
			server.partial = func(reason string, refused []int) reply {
				return reply{status: http.StatusBadRequest, body: fmt.Sprintf(`{"error":"partial write: %s dropped=%d"}`, reason, 1+rng.IntN(len(refused)))}
			}
		}
		largest, calm := 1+rng.IntN(2*n), 0.3+0.7*rng.Float64()
		server.answer = func(_ int, r request) reply {
			store := rng.IntN(2) == 0
			switch {
			case rng.Float64() < calm:
				if len(r.lines) > largest {
					return reply{status: http.StatusRequestEntityTooLarge}
				}
				return reply{}
			case rng.IntN(2) == 0 || len(r.lines) == 1:
				return reply{status: []int{401, 429, 502, 503}[rng.IntN(4)], store: store}
			case rng.IntN(2) == 0:
				return reply{status: http.StatusInternalServerError, store: store}
			}
			return reply{status: http.StatusBadRequest, store: store} // with no word about which
		}
		path := filepath.Join(t.TempDir(), "dead.lp")
		r := open(t, func(c *Config) {
			c.DeadLetter.Path = path
			if rng.IntN(2) == 0 {
				c.Database = "gpu-{kind}"
			}
		}, server)
		partial := r.persist(t, kinds(r.catalog, n))
		checkWhole(t, fmt.Sprintf("seed %d, %d lines", seed, n), server, partial, n, path)
	}
}

// badLines chooses lines to refuse: single ones, a run, a kind, all.
func badLines(rng *rand.Rand, n int) map[string]bool {
	bad := make(map[string]bool)
	share := rng.Float64() / 4
	from, to := rng.IntN(n), rng.IntN(n)
	how, kind := rng.IntN(5), rng.IntN(3)
	for i := range n {
		switch how {
		case 0:
			bad[kindLine(i)] = rng.Float64() < share
		case 1:
			bad[kindLine(i)] = i >= from && i < to
		case 2:
			bad[kindLine(i)] = i%3 == kind
		case 3:
			bad[kindLine(i)] = true
		}
	}
	return bad
}

// kinds returns n rows of three kinds in turn.
func kinds(c *sdk.Catalog, n int) *sdk.Batch {
	b := sdk.NewBatch(c)
	b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: 1}
	for i := range n {
		m := b.Add(b.Series("m", sdk.Tag{Key: "kind", Value: fmt.Sprint(i % 3)}), int64(i))
		m.Float(fmt.Sprintf("x%d", i%3), float64(i))
	}
	return b
}

func kindLine(i int) string { return fmt.Sprintf("m,kind=%d x%d=%d %d", i%3, i%3, i, i) }

func v3Answer(reason string, refused []int) reply {
	type line struct {
		Number  int    `json:"line_number"`
		Message string `json:"error_message"`
		Line    string `json:"original_line"`
	}
	var named []line
	for _, number := range refused[:min(len(refused), 100)] {
		named = append(named, line{number, reason, "…"})
	}
	text, _ := json.Marshal(map[string]any{"error": "partial write of line protocol occurred", "data": named})
	return reply{status: http.StatusBadRequest, body: string(text)}
}

// persist writes b until it is through, as the engine does but without pauses.
func (r *rig) persist(t *testing.T, b *sdk.Batch) *sdk.PartialError {
	t.Helper()
	for range 10_000 {
		err := r.write(b)
		var partial *sdk.PartialError
		if err == nil || errors.As(err, &partial) {
			return partial
		}
	}
	t.Fatal("it is never through")
	return nil
}

// checkWhole checks that each of n lines is stored or a dead letter.
func checkWhole(t *testing.T, what string, server *far, partial *sdk.PartialError, n int, path string) {
	t.Helper()
	text, _ := os.ReadFile(path)
	var dead, want []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			dead = append(dead, strings.TrimSuffix(line, "\n"))
		}
	}
	if partial != nil {
		if !partial.DeadLettered || !slices.IsSorted(partial.Rejected) {
			t.Errorf("%s: %+v", what, partial)
		}
		for _, row := range partial.Rejected {
			want = append(want, kindLine(row))
		}
	}
	if diff := cmp.Diff(want, dead); diff != "" {
		t.Errorf("%s: rejected rows and dead letters differ: -rows +letters\n%s", what, diff)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	for i := range n {
		line := kindLine(i)
		isDead := slices.Contains(dead, line)
		if server.refuses != nil && server.refuses(line) != "" != isDead {
			t.Errorf("%s: %s: dead letter %t", what, line, isDead)
		}
		if server.stored[line] == isDead {
			t.Errorf("%s: %s: stored %t, dead letter %t", what, line, server.stored[line], isDead)
		}
	}
}

// How many requests it costs to find bad lines among a thousand.
func TestSearchIsShort(t *testing.T) {
	f := func(most int, bad func(i int) bool, partial func(string, []int) reply) {
		t.Helper()
		const n = 1000
		server := newFar(t)
		refused := make(map[string]bool)
		for i := range n {
			refused[kindLine(i)] = bad(i)
		}
		server.refuses = func(line string) string {
			if refused[line] {
				return "field type conflict"
			}
			return ""
		}
		server.partial = partial
		path := filepath.Join(t.TempDir(), "dead.lp")
		r := open(t, func(c *Config) { c.DeadLetter.Path = path }, server)
		checkWhole(t, "search", server, r.persist(t, kinds(r.catalog, n)), n, path)
		if got := len(server.asked()); got > most {
			t.Errorf("%d requests, want at most %d", got, most)
		}
	}
	one := func(i int) bool { return i == 700 }
	kind := func(i int) bool { return i%3 == 1 }
	f(1, func(int) bool { return false }, nil)
	f(1, func(int) bool { return true }, nil)
	f(21, one, nil)
	f(40, kind, nil)
	f(160, func(i int) bool { return i%100 == 0 }, nil)
	f(3, one, v3Answer)
	f(20, kind, v3Answer)
}

// A job that a context cuts short goes on where it was.
func TestRetriesGoOn(t *testing.T) {
	server := newFar(t)
	cut, stop := context.WithCancel(t.Context())
	server.answer = func(n int, _ request) reply {
		if n == 3 {
			stop()
			time.Sleep(20 * time.Millisecond)
		}
		return reply{}
	}
	server.refuses = func(line string) string {
		if strings.Contains(line, "i=0 ") {
			return "no"
		}
		return ""
	}
	r := open(t, func(c *Config) { c.Database = "gpu-{i}" }, server)
	b := r.numbered(5)
	if err := r.Write(cut, b); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	var partial *sdk.PartialError
	if err := r.write(b); !errors.As(err, &partial) || !slices.Equal(partial.Rejected, []int{0}) {
		t.Errorf("err = %v", err)
	}
	got := server.uris()
	for i := range got {
		got[i] = strings.TrimSuffix(strings.TrimPrefix(got[i], "POST /write?db=gpu-"), "&precision=ns")
	}
	if want := "0 1 2 2 3 4"; strings.Join(got, " ") != want {
		t.Errorf("databases %v, want %s", got, want)
	}
	// Another batch is not taken for the one before.
	server.answer = func(int, request) reply { return reply{status: 503} }
	if err := r.write(b); err == nil {
		t.Error("no error")
	}
	server.answer = nil
	other := r.batch("m,i=9 x=9 9")
	other.ID = b.ID
	if err := r.write(other); err != nil {
		t.Error(err)
	}
	if held := server.held(); !slices.Contains(held, "m,i=9 x=9 9") {
		t.Errorf("held %v", held)
	}
}
