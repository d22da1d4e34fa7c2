package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// words takes what a process says: messages of package slog as JSON, a line each, go into the agent's log
// as they are; other lines are what libraries print. So many lines, and so long ones, are let through.
type words struct {
	log *slog.Logger

	mu     sync.Mutex
	recent []string // the last plain lines
	tokens float64
	at     time.Time
	missed int
}

const (
	maxLine     = 16 << 10
	maxAttrs    = 32
	recentLines = 8
	recentBytes = 200 // of each
	linesBurst  = 200
	linesSecond = 20
)

func newWords(log *slog.Logger) *words { return &words{log: log, tokens: linesBurst, at: time.Now()} }

// follow takes all lines of r.
func (w *words) follow(r io.Reader) {
	w.lines(r, func(line []byte) {
		if !w.message(line) {
			w.plain(line)
		}
	})
}

// lines calls f with each line of r; of a long one with its beginning.
func (w *words) lines(r io.Reader, f func(line []byte)) {
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			f([]byte(strings.TrimRight(string(line), "\r\n")))
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

// admit reports whether a line may pass now.
func (w *words) admit() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.tokens = min(w.tokens+now.Sub(w.at).Seconds()*linesSecond, linesBurst)
	w.at = now
	if w.tokens < 1 {
		w.missed++
		return false
	}
	w.tokens--
	if w.missed > 0 {
		w.log.Warn("the plugin says more than is let through", "lines", w.missed)
		w.missed = 0
	}
	return true
}

// plain takes a line that is no message.
func (w *words) plain(line []byte) {
	text := strings.ToValidUTF8(strings.Map(printable, string(line)), "\uFFFD")
	if strings.TrimSpace(text) == "" {
		return
	}
	w.mu.Lock()
	if len(w.recent) == recentLines {
		w.recent = w.recent[1:]
	}
	w.recent = append(w.recent, text[:min(len(text), recentBytes)])
	w.mu.Unlock()
	if w.admit() {
		w.log.Info(text)
	}
}

func printable(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}

// last returns the last lines that were no messages, for the report of a crash.
func (w *words) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.ToValidUTF8(strings.Join(w.recent, " | "), "\uFFFD")
}

// message takes a line that is one of package slog, or of hclog; it reports false for others.
func (w *words) message(line []byte) bool {
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return false
	}
	take := func(keys ...string) string {
		for _, key := range keys {
			if text, ok := fields[key].(string); ok {
				delete(fields, key)
				return text
			}
		}
		return ""
	}
	level, ok := levelNamed(take(slog.LevelKey, "@level"))
	text := take(slog.MessageKey, "@message")
	if !ok || text == "" {
		return false
	}
	take(slog.TimeKey, "@timestamp")
	if !w.admit() {
		return true
	}
	var attrs []slog.Attr
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if key == "plugin" { // it is ours to say
			continue
		}
		if attrs = append(attrs, slog.Any(key, fields[key])); len(attrs) == maxAttrs {
			break
		}
	}
	w.log.LogAttrs(context.Background(), level, strings.Map(printable, text), attrs...)
	return true
}

func levelNamed(name string) (slog.Level, bool) {
	if strings.EqualFold(name, "trace") {
		return slog.LevelDebug, true
	}
	var level slog.Level
	err := level.UnmarshalText([]byte(name))
	return level, err == nil
}
