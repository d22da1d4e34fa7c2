package external

import (
	"io"
	"log/slog"
)

// log writes messages for the agent: JSON objects, a line each.
type log struct{ w io.Writer }

// newLog makes the log that of package slog, too.
func newLog(w io.Writer) *log {
	l := &log{w}
	slog.SetDefault(l.instance(slog.LevelDebug))
	return l
}

func (l *log) instance(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(l.w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration { // else it would arrive as a number
				a.Value = slog.StringValue(a.Value.Duration().String())
			}
			return a
		},
	}))
}
