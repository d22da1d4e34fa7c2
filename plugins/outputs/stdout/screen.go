package stdout

import (
	"io"
	"os"
	"strconv"
)

// screen is where the table is drawn.
type screen struct {
	terminal bool // it can be redrawn in place
	colour   bool
	size     func() (width, height int, ok bool) // of a terminal
	columns  int                                 // $COLUMNS, or 0
}

// screenOf looks at a writer, and at what the environment says of it.
func screenOf(w io.Writer, env func(string) string) screen {
	var s screen
	if n, err := strconv.Atoi(env("COLUMNS")); err == nil && n > 0 {
		s.columns = n
	}
	f, ok := w.(*os.File)
	if !ok || env("TERM") == "dumb" {
		return s
	}
	s.size = func() (int, int, bool) { return terminalSize(f) }
	_, _, s.terminal = s.size()
	s.colour = s.terminal && env("NO_COLOR") == ""
	return s
}

const pipedWidth = 160

// measure returns the columns and lines that there are now. Terminals that do not tell have 80 × 24.
func (s *screen) measure() (width, height int) {
	if !s.terminal {
		if s.columns > 0 {
			return s.columns, 0
		}
		return pipedWidth, 0
	}
	width, height, _ = s.size()
	if width <= 0 {
		if width = s.columns; width == 0 {
			width = 80
		}
	}
	if height <= 0 {
		height = 24
	}
	return width, height
}
