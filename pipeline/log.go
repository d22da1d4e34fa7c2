package pipeline

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quiet is a slog.Handler that lets each message of a plugin through a few times a minute, and only once a minute
// where its attributes stay the same, as those of a failure that is tried again and again do. It counts what it holds
// back; the next one that passes says how many there were.
type quiet struct {
	next  slog.Handler
	level slog.Level
	state *quietState
}

type quietState struct {
	mu   sync.Mutex
	seen map[string]*burst
}

type burst struct {
	since time.Time
	count int    // passed
	held  int    // held back
	text  string // of the attributes of the last one that passed
}

const (
	quietBurst  = 5
	quietPeriod = time.Minute
	quietKeys   = 256
)

// quieted returns a logger for one plugin.
func quieted(log *slog.Logger, level slog.Level, plugin string) *slog.Logger {
	return slog.New(&quiet{
		next:  log.Handler(),
		level: level,
		state: &quietState{seen: make(map[string]*burst)},
	}).With("plugin", plugin)
}

func (q *quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= q.level && q.next.Enabled(ctx, l)
}

func (q *quiet) Handle(ctx context.Context, r slog.Record) error {
	held, pass := q.state.admit(r.Message, attributes(&r), r.Time)
	if !pass {
		return nil
	}
	if held > 0 {
		r = r.Clone()
		r.Add("suppressed", held)
	}
	return q.next.Handle(ctx, r)
}

// attributes returns what the record says besides its message.
func attributes(r *slog.Record) string {
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(a.String())
		b.WriteByte(' ')
		return true
	})
	return b.String()
}

func (q *quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quiet{next: q.next.WithAttrs(attrs), level: q.level, state: q.state}
}

func (q *quiet) WithGroup(name string) slog.Handler {
	return &quiet{next: q.next.WithGroup(name), level: q.level, state: q.state}
}

func (s *quietState) admit(message, text string, now time.Time) (held int, pass bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.seen[message]
	if b == nil {
		if len(s.seen) >= quietKeys {
			clear(s.seen)
		}
		b = &burst{since: now}
		s.seen[message] = b
	}
	if now.Sub(b.since) >= quietPeriod {
		held = b.held
		*b = burst{since: now}
	}
	if b.count >= quietBurst || b.count > 0 && b.text == text {
		b.held++
		return 0, false
	}
	b.count++
	b.text = text
	return held, true
}
