package sdktest

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// patience is how long a plugin may take where the contract says that it returns soon.
var patience = 10 * time.Second

// across runs check as two subtests: "in process" and "serialised".
func across(t *testing.T, check func(t *testing.T, l *link)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) { check(t, newLink(false)) })
	t.Run("serialised", func(t *testing.T) { check(t, newLink(true)) })
}

// start opens the plugin p, and closes it when the test ends, or when end is called before; whatever goroutine
// is left when the test ends fails it.
func start(t *testing.T, p any, l *link) (end func()) {
	t.Helper()
	l.watch(t)
	opened := true
	if o, ok := p.(sdk.Opener); ok {
		within(t, "Open", func() {
			if err := o.Open(t.Context(), Env(t, l.far)); err != nil {
				opened = false
				t.Errorf("Open: %v", err)
			}
		})
	}
	if !opened {
		t.FailNow()
	}
	end = sync.OnceFunc(func() {
		if c, ok := p.(io.Closer); ok {
			within(t, "Close", func() {
				if err := c.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
	})
	t.Cleanup(end)
	return end
}

// within fails the test when f panics or takes longer than patience. f runs on a goroutine of its own.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan string, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
			close(done)
		}()
		f()
	}()
	select {
	case p := <-done:
		if p != "" {
			t.Fatalf("%s panics: %s", what, p)
		}
	case <-time.After(patience):
		t.Fatalf("%s has not returned after %v", what, patience)
	}
}

// differ tells how two lists of lines differ, line by line, or "". go-cmp would say it as well; it looks methods
// up by name, for which the linker has to keep every exported method of a program with this package.
func differ(want, got []string) string {
	lines := func(list []string) []byte { return []byte(strings.Join(list, "\n") + "\n") }
	return string(diff.Diff("want", lines(want), "got", lines(got)))
}

// cancelled returns a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// checkLedger checks that every row that entered b left it for a reason, or still stands in it.
func checkLedger(t *testing.T, b *sdk.Batch) {
	t.Helper()
	y := b.Tally()
	if y.Added != uint64(b.Len())+y.Dropped()+y.Merged+y.Filtered {
		t.Errorf("the ledger does not balance: %d rows added, %d left, tally %+v", y.Added, b.Len(), *y)
	}
	n := 0
	seen := make(map[*sdk.Metric]bool, b.Len())
	for m := range b.All() {
		if seen[m] {
			t.Errorf("a row stands twice in the batch: %s", Line(m))
		}
		seen[m] = true
		n++
	}
	if n != b.Len() {
		t.Errorf("a loop over the batch meets %d rows, its length is %d", n, b.Len())
	}
}

// checkRead checks what an input has read. fields holds what was seen of each field so far.
func checkRead(t *testing.T, b *sdk.Batch, fields map[string]sdk.Field) {
	t.Helper()
	checkLedger(t, b)
	for m := range b.All() {
		s := m.Series()
		if !legible(s.Name()) {
			t.Errorf("bad name: %s", Line(m))
		}
		for _, tag := range s.Tags() {
			if !legible(tag.Key) || !legible(tag.Value) {
				t.Errorf("bad tag: %s", Line(m))
			}
		}
		if m.Time() <= 0 {
			t.Errorf("the time is not after 1970: %s", Line(m))
		}
		if m.Len() == 0 {
			t.Errorf("no fields: %s", Line(m))
		}
		for slot, f := range m.Schema().Fields() {
			if !legible(f.Name) {
				t.Errorf("bad field name: %s", Line(m))
			}
			if !m.Value(slot).Finite() {
				t.Errorf("%s is not a finite number: %s", f.Name, Line(m))
			}
			key := s.Name() + " " + f.Name
			if old, ok := fields[key]; ok && old != f {
				t.Errorf("%s was %+v before and is %+v now", key, old, f)
			}
			fields[key] = f
		}
	}
}

// legible reports whether a name or a tag can be written on one line.
func legible(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
