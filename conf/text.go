package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// How long a pipe is waited for: until somebody writes to it, since a shell starts both ends at once, and between
// one piece and the next, since a program that decrypts a file may ask for a password first.
var (
	writerPatience = time.Second
	piecePatience  = time.Minute
)

// ReadText reads a file of no more than a mebibyte, as Load reads its files: whatever is there in place of one, it does
// not wait for good.
func ReadText(path string) (string, error) {
	if path == "" {
		return "", errNoName
	}
	text, err := readLimited(path, maxFile)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	return text, nil
}

var errNoName = errors.New("the name of a file is empty: is a variable of the shell not set?")

// readLimited reads a file of at most so many bytes; a pipe will do, such as a shell makes of <(…). It never waits
// for good, whatever is there in place of a file. Its errors do not repeat the path.
func readLimited(path string, limit int64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", reason(err)
	}
	if what := noFile(info); what != "" { // opening a device may do something
		return "", fmt.Errorf("it is a %s: name a file", what)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	var from io.Reader = f
	if info.Mode()&fs.ModeNamedPipe != 0 {
		from = &pipe{file: f}
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return "", reason(err)
	}
	if int64(len(text)) > limit {
		return "", fmt.Errorf("it is longer than %d bytes", limit)
	}
	return string(text), nil
}

// noFile names what holds no text, or returns "".
func noFile(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(info, null) {
			return ""
		}
		return "device"
	}
	return ""
}

// pipe reads a pipe that was opened without waiting for somebody who writes.
type pipe struct {
	file    *os.File
	started bool
}

func (p *pipe) Read(b []byte) (int, error) {
	for since := time.Now(); ; time.Sleep(time.Millisecond) {
		if err := p.file.SetReadDeadline(time.Now().Add(piecePatience)); err != nil {
			return 0, err
		}
		n, err := p.file.Read(b)
		p.started = p.started || n > 0
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return n, fmt.Errorf("it is a pipe, and nothing came out of it for %v: name a file, or close the end that is written to", piecePatience)
		case !errors.Is(err, io.EOF) || p.started:
			return n, err
		case time.Since(since) > writerPatience:
			return 0, errors.New("it is a pipe that nobody writes to: start first what writes to it, or name a file")
		}
	}
}

func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
