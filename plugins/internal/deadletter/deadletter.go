// Package deadletter keeps what a far end refuses for good in files, so that an operator can look at it, mend
// it and send it again with inputs.replay. The files are line protocol with the reasons as comments; they are
// bounded in size and number.
package deadletter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is the table dead_letter.
type Config struct {
	Path     string   `toml:"path" doc:"File for what is refused for good; \"\" for none."`
	MaxBytes sdk.Size `toml:"max_bytes" doc:"A file of that size is put aside, as PATH.1, and another begun." default:"16MB" min:"64KiB"`
	MaxFiles int      `toml:"max_files" doc:"Files kept, PATH itself included; the oldest leaves." default:"4" min:"1" max:"1000"`
}

// Entry is a line that was refused.
type Entry struct {
	Reason string
	Line   []byte // line protocol with its newline; empty for a metric that has no line, whose reason names it
}

// File is PATH with those put aside. It is open only while something is written, so that an operator may
// move it away at any time. One goroutine uses it.
type File struct {
	config Config
	now    func() time.Time
}

// New returns the file of a configuration that has a path. It opens nothing.
func New(c Config, now func() time.Time) *File { return &File{config: c, now: now} }

// Path returns where the entries go.
func (f *File) Path() string { return f.config.Path }

// Check creates the file and its folder where they are not there, to tell early that they cannot be written.
func (f *File) Check() error {
	file, _, err := f.open()
	if err != nil {
		return err
	}
	return file.Close()
}

func (f *File) open() (file *os.File, size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(f.config.Path), 0o700); err != nil {
		return nil, 0, fmt.Errorf("open dead-letter file: %w", err)
	}
	file, err = os.OpenFile(f.config.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open dead-letter file: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = file.Chmod(0o600) // one that was there may be open to more
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open dead-letter file: %w", err), file.Close())
	}
	return file, info.Size(), nil
}

// Append writes entries to the disk. After an error none of them counts as written, though some may stand
// there. A file grows beyond its size by one entry at most.
func (f *File) Append(entries []Entry) error {
	for len(entries) > 0 {
		n, err := f.fill(entries)
		if err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// fill writes as many entries as the file has room for, and puts it aside where there are more.
func (f *File) fill(entries []Entry) (n int, err error) {
	file, size, err := f.open()
	if err != nil {
		return 0, err
	}
	var text []byte
	for i := range entries {
		if size+int64(len(text)) >= int64(f.config.MaxBytes) {
			break
		}
		e := &entries[i]
		if i == 0 || e.Reason != entries[i-1].Reason || len(e.Line) == 0 {
			text = f.appendComment(text, e.Reason)
		}
		text = append(text, e.Line...)
		n++
	}
	if err := errors.Join(write(file, text, size), file.Close()); err != nil {
		return 0, fmt.Errorf("write dead-letter file: %w", err)
	}
	if n < len(entries) {
		return n, f.rotate()
	}
	return n, nil
}

func (f *File) appendComment(text []byte, reason string) []byte {
	text = f.now().UTC().AppendFormat(append(text, "# "...), time.RFC3339)
	text = append(text, ' ')
	text = append(text, strings.Map(plain, reason)...)
	return append(text, '\n')
}

// plain keeps a reason, which quotes a server, on one line and out of a terminal's control.
func plain(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
		return ' '
	}
	return r
}

// write appends text, all or nothing, and has it reach the disk. size is what the file had.
func write(file *os.File, text []byte, size int64) error {
	if len(text) == 0 {
		return nil
	}
	n, err := file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err != nil && n > 0 {
		return errors.Join(err, file.Truncate(size))
	}
	return err
}

// rotate puts the file aside. The oldest leaves.
func (f *File) rotate() error {
	last := f.config.MaxFiles - 1
	var err error
	if last == 0 {
		err = os.Remove(f.config.Path)
	}
	for i := last; i > 0 && err == nil; i-- {
		if err = os.Rename(f.aside(i-1), f.aside(i)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("rotate dead-letter file: %w", err)
	}
	return nil
}

func (f *File) aside(i int) string {
	if i == 0 {
		return f.config.Path
	}
	return f.config.Path + "." + strconv.Itoa(i)
}
