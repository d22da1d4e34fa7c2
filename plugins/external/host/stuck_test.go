package host

import (
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"testing"
	"time"
)

// TestStuck plays processes that nothing kills: one is replaced, two are not.
func TestStuck(t *testing.T) {
	p := (&Config{Path: filepath.Join(t.TempDir(), "none"), StartTimeout: time.Second}).program()
	p.kill = time.Millisecond
	refuses := func() bool {
		_, err := p.launch(t.Context(), slog.New(slog.DiscardHandler))
		if err == nil {
			t.Fatal("a program that is not there has started")
		}
		return errors.Is(err, errStuck)
	}
	var exited []chan struct{}
	for range 2 {
		if refuses() {
			t.Errorf("%d processes hang, and no other is started", len(exited))
		}
		run := &process{exited: make(chan struct{}), pid: math.MaxInt32} // no group has that number
		exited = append(exited, run.exited)
		p.end(run, nil, &folder{path: t.TempDir()}, 0)
	}
	if !refuses() {
		t.Error("two processes hang, and a third is started")
	}
	if close(exited[0]); refuses() {
		t.Error("one of them has ended, and no other is started")
	}
}
