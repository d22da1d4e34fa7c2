package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// listen returns lines of which those that begin with "row" are rows, and what was taken.
func listen() (*Lines, *[]string) {
	var taken []string
	l := &Lines{
		Program: "program", Row: "row", First: 10 * time.Second, Stall: 10 * time.Second, Longest: 1000, Now: time.Now,
		Line: func(line []byte, _ time.Time, _ int64) bool {
			taken = append(taken, string(line))
			return strings.HasPrefix(string(line), "row")
		},
		Long: func(beginning []byte) { taken = append(taken, fmt.Sprint("long ", len(beginning))) },
	}
	return l, &taken
}

func TestFollow(t *testing.T) {
	f := func(text string, change func(*Lines), wantRows int, wantHeld bool, wantErr string, want ...string) {
		t.Helper()
		launcher := script(t, text)
		c, err := launcher.Start()
		if err != nil {
			t.Fatal(err)
		}
		l, taken := listen()
		if change != nil {
			change(l)
		}
		rows, held, err := l.Follow(t.Context(), c)
		launcher.Stop(c)
		if rows != wantRows || held != wantHeld || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) || !slices.Equal(*taken, want) {
			t.Errorf("%q: %d rows, held %v, error %v, lines %q; want %d, %v, %q, %q", text, rows, held, err, *taken, wantRows, wantHeld, wantErr, want)
		}
	}
	f(`printf 'row 1\nnoise\n\r\nrow 2\r\nrow 3'`, nil, 2, false, "", "row 1", "noise", "", "row 2")
	f("echo row; sleep 20 &", nil, 1, true, "", "row")
	f("echo noise; exec sleep 20", func(l *Lines) { l.First = 100 * time.Millisecond }, 0, false, "program printed no row for 100ms: it is stopped, and another one started", "noise")
	f("echo row; exec sleep 20", func(l *Lines) { l.Stall = 100 * time.Millisecond }, 1, false, "no row for 100ms", "row")
	f("echo row; exec sleep 20", func(l *Lines) {
		l.Settle = func(time.Time) error { return errors.New("enough") }
	}, 1, false, "enough", "row")
	f("echo row; exec sleep 20", func(l *Lines) {
		due := time.Now().Add(50 * time.Millisecond)
		l.Due = func() (time.Time, bool) { return due, true }
		l.Settle = func(now time.Time) error {
			if now.Before(due) {
				return nil
			}
			return errors.New("due")
		}
	}, 1, false, "due", "row")
}

// TestFirstRowIsLate: whoever looks at the log learns of a program that says nothing long before it is stopped.
func TestFirstRowIsLate(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		launcher := script(t, text)
		c, err := launcher.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer launcher.Stop(c)
		var log strings.Builder
		l, _ := listen()
		l.First, l.Stall, l.Log, l.Why = 2*time.Second, time.Second, slog.New(slog.NewTextHandler(&log, nil)), ": who knows"
		_, _, err = l.Follow(t.Context(), c)
		if err == nil || strings.Count(log.String(), `msg="program has printed no row yet; it is waited for: who knows" for=1s at_most=2s`) != want {
			t.Errorf("%q: %v, and the log says %q", text, err, log.String())
		}
	}
	f("echo noise; exec sleep 20", 1)
	f("sleep 1.2; echo row; exec sleep 20", 1)
	f("echo row; exec sleep 20", 0)
}

func TestFollowEndsWithItsContext(t *testing.T) {
	launcher := script(t, "exec sleep 20")
	c, err := launcher.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer launcher.Stop(c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	l, _ := listen()
	if _, _, err := l.Follow(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A line without an end does not eat the host's memory.
func TestLongLines(t *testing.T) {
	l, taken := listen()
	for range 1000 {
		l.Feed([]byte(strings.Repeat("x", 700)), time.Now(), 1)
	}
	if len(*taken) != 1 || (*taken)[0] != "long 200" || cap(l.input) > 10_000 {
		t.Errorf("%d lines, %d bytes are kept", len(*taken), cap(l.input))
	}
	if n := l.Feed([]byte("\nrow\nro"), time.Now(), 1) + l.Feed([]byte("w\n"), time.Now(), 1); n != 2 {
		t.Errorf("%d rows behind them", n)
	}
}

// FuzzLines: what a program prints is taken alike however the pipe cuts it.
func FuzzLines(f *testing.F) {
	f.Add([]byte("row 1\nnoise\r\n\nrow 2\n"+strings.Repeat("x", 1001)+"row\nrow"), uint16(3))
	f.Add([]byte(strings.Repeat("x", 1000)+"\r\n"+strings.Repeat("row\n", 300)), uint16(700))
	f.Fuzz(func(t *testing.T, text []byte, size uint16) {
		whole, want := listen()
		cut, got := listen()
		wantRows, gotRows := whole.Feed(text, time.Now(), 1), 0
		for part := range slices.Chunk(text, int(size)+1) {
			gotRows += cut.Feed(part, time.Now(), 1)
		}
		if gotRows != wantRows || !slices.Equal(*got, *want) {
			t.Errorf("%q in pieces of %d: %d rows, %q; want %d, %q", text, int(size)+1, gotRows, *got, wantRows, *want)
		}
		for _, line := range *got {
			if len(line) > whole.Longest {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	})
}

func TestSpares(t *testing.T) {
	s := NewSpares[int](1)
	v := s.Take()
	*v = 7
	s.GiveBack(v)
	s.GiveBack(new(int)) // no room
	if got := s.Take(); got != v || s.Take() == v {
		t.Error("what was given back is not used again, or twice")
	}
}
