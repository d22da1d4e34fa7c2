package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// asVictim makes the test binary push to the queue in a folder until it is killed.
const asVictim = "GPULINE_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(asVictim); path != "" {
		first, err := strconv.Atoi(os.Getenv(asVictim + "_FIRST"))
		if err != nil {
			panic(err)
		}
		victim(path, first)
	}
	goleak.VerifyTestMain(m)
}

var victimLimits = Limits{MaxBytes: 8 << 20, BatchSize: 500, FlushInterval: 50 * time.Millisecond}

// victim pushes and delivers, and says on stdout, a line each and only afterwards: p and the row below which
// all have been pushed; a, below which all have had their Ack; c, below which all are on disk; and before
// it ends a delivered batch d, with its epoch, its seq and its rows.
func victim(path string, next int) {
	q := NewDisk(sdk.NewCatalog(sdk.Limits{}), path, victimLimits, "h", slog.New(slog.DiscardHandler))
	q.Start()
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }
	say("p %d", next)
	go func() {
		for {
			b, err := q.Next(context.Background())
			if err != nil {
				panic(err)
			}
			var rows []string
			for m := range b.All() {
				rows = append(rows, strconv.Itoa(int(m.Time())))
			}
			say("d %d %d %s", b.ID.Epoch, b.ID.Seq, strings.Join(rows, " "))
			q.Done(Outcome{Delivered: uint64(b.Len())})
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		}
	}()
	for {
		n := 1 + rand.IntN(800)
		from := Source{Held: rand.IntN(3) == 0}
		if end := next + n; from.Held {
			from.Ack = func(error) { say("a %d", end) }
		}
		q.WaitRoom(context.Background())
		push(q, q.catalog, next, n, from)
		next += n
		say("p %d", next)
		if q.Stats().Volatile == 0 {
			say("c %d", next)
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
}

// watcher follows what victims say, and knows what must not be lost.
type watcher struct {
	t         *testing.T
	pushed    int          // below which rows were pushed by a victim, or may have been
	begun     int          // first row of this victim
	must      map[int]bool // rows that were acked or committed, and not delivered
	delivered map[int]bool
	batches   map[string]int // first row of a batch, by its id
	again     int            // rows that were delivered twice
}

func (w *watcher) hear(line string) {
	words := strings.Fields(line)
	n, err := strconv.Atoi(words[1])
	if err != nil {
		w.t.Fatalf("a victim says %q", line)
	}
	switch words[0] {
	case "p":
		w.pushed = max(w.pushed, n)
	case "a", "c":
		for i := n - 1; i >= w.begun && !w.must[i] && !w.delivered[i]; i-- {
			w.must[i] = true
		}
	case "d":
		var rows []int
		for _, word := range words[3:] {
			i, err := strconv.Atoi(word)
			if err != nil {
				w.t.Fatalf("a victim says %q", line)
			}
			rows = append(rows, i)
		}
		w.deliver(words[1]+"/"+words[2], rows)
	}
}

func (w *watcher) deliver(id string, rows []int) {
	if first, known := w.batches[id]; known && first != rows[0] {
		w.t.Errorf("batch %s begins with row %d, and before with row %d", id, rows[0], first)
	}
	w.batches[id] = rows[0]
	for _, i := range rows {
		if w.delivered[i] {
			w.again++
		}
		w.delivered[i] = true
		delete(w.must, i)
	}
}

// TestKill kills a process again and again while it pushes and delivers. What was acked or committed is
// delivered by one that follows; what is delivered twice has the same id.
func TestKill(t *testing.T) {
	path := t.TempDir()
	w := &watcher{t: t, must: make(map[int]bool), delivered: make(map[int]bool), batches: make(map[string]int)}
	for range killRounds {
		w.begun = w.pushed
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), asVictim+"="+path, fmt.Sprintf("%s_FIRST=%d", asVictim, w.begun))
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewReader(stdout)
		alarm := (*time.Timer)(nil)
		for {
			line, err := out.ReadString('\n')
			if errors.Is(err, io.EOF) {
				break // what it had no time to say does not count
			}
			if err != nil {
				t.Fatal(err)
			}
			if alarm == nil { // it has begun
				alarm = time.AfterFunc(time.Duration(rand.IntN(400_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
			w.hear(line)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("a victim ended by itself: %v", err)
		}
		w.pushed += 1000 // it may have pushed more than it said
	}
	q := start(t, path, victimLimits)
	q.Close()
	for {
		b, err := q.Next(t.Context())
		if err != nil {
			break
		}
		var rows []int
		for m := range b.All() {
			rows = append(rows, number(t, m))
		}
		w.deliver(fmt.Sprintf("%d/%d", b.ID.Epoch, b.ID.Seq), rows)
		q.Done(Outcome{Delivered: uint64(b.Len())})
	}
	s := q.Stats()
	s.check(t)
	if len(w.must) > 0 || s.Corrupt > 0 || s.Faults > 0 {
		t.Errorf("%d rows that were safe are lost; %+v", len(w.must), s)
	}
	t.Logf("%d kills: of %d rows pushed %d were not on disk and are lost, %d were delivered twice",
		killRounds, w.pushed-1000*killRounds, w.pushed-1000*killRounds-len(w.delivered), w.again)
}
