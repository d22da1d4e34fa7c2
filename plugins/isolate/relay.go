package isolate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	maxLine    = 16 << 10 // bytes of a log message
	maxPrinted = 1 << 10  // bytes of another line
	printBurst = 20       // other lines logged in a period
	printEach  = 10 * time.Second
)

// relay hands the child's log to the agent's, and what else the child prints, as warnings.
func (s *session) relay(log *slog.Logger) {
	r := bufio.NewReaderSize(s.child.Stderr, maxLine)
	var limit printLimit
	for {
		line, err := r.ReadSlice('\n')
		whole := err == nil
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			line = bytes.Clone(line[:maxPrinted])
			_, err = r.ReadSlice('\n')
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if record, ok := parseLog(line); ok && whole {
				if log.Enabled(context.Background(), record.Level) {
					_ = log.Handler().Handle(context.Background(), record)
				}
			} else {
				s.printed(log, &limit, line)
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// printed logs a line that is no log message.
func (s *session) printed(log *slog.Logger, limit *printLimit, line []byte) {
	text := clip(string(line), maxPrinted)
	s.words.hear(text)
	held, ok := limit.admit(time.Now())
	if !ok {
		return
	}
	attrs := []any{"text", text}
	if held > 0 {
		attrs = append(attrs, "held_back", held)
	}
	log.Warn("the child process printed something", attrs...)
}

// printLimit lets so many lines pass in each period.
type printLimit struct {
	since time.Time
	count int
}

func (p *printLimit) admit(now time.Time) (held int, ok bool) {
	if now.Sub(p.since) >= printEach {
		held = max(p.count-printBurst, 0)
		p.since, p.count = now, 0
	}
	p.count++
	return held, p.count <= printBurst
}

// words keeps the first line that a child prints: of a crash, its reason.
type words struct {
	mu   sync.Mutex
	line string
}

func (w *words) hear(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line == "" {
		w.line = clip(line, 200)
	}
}

func (w *words) first() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.line
}

// parseLog reads a line of slog's JSON handler.
func parseLog(line []byte) (slog.Record, bool) {
	if line[0] != '{' {
		return slog.Record{}, false
	}
	attrs, err := object(json.NewDecoder(bytes.NewReader(line)))
	if err != nil || len(attrs) < 3 {
		return slog.Record{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, attrs[0].Value.String())
	var level slog.Level
	if err != nil || level.UnmarshalText([]byte(attrs[1].Value.String())) != nil ||
		attrs[0].Key != slog.TimeKey || attrs[1].Key != slog.LevelKey || attrs[2].Key != slog.MessageKey {
		return slog.Record{}, false
	}
	r := slog.NewRecord(at, level, attrs[2].Value.String(), 0)
	r.AddAttrs(attrs[3:]...)
	return r, true
}

// object reads an object, in the order in which it is written.
func object(d *json.Decoder) ([]slog.Attr, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no object: %w", err)
	}
	var attrs []slog.Attr
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := attribute(d)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, slog.Attr{Key: fmt.Sprint(key), Value: v})
	}
	_, err := d.Token()
	return attrs, err
}

// attribute reads a value. Lists and objects stay the JSON that they are.
func attribute(d *json.Decoder) (slog.Value, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return slog.Value{}, err
	}
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return slog.StringValue(text), err
	case 't', 'f':
		return slog.BoolValue(raw[0] == 't'), nil
	case '[', '{', 'n':
		return slog.StringValue(string(raw)), nil
	}
	return slog.AnyValue(json.Number(raw)), nil
}
