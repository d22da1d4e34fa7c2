package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// unpacked reads what raw holds, and decompresses it if it is gzip by its name or its first bytes. It
// looks at them with the first Read, so that making one does not block.
type unpacked struct {
	raw  io.Reader
	gzip bool
	from io.Reader
}

var gzipMagic = []byte{0x1f, 0x8b}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.from == nil {
		if err := u.look(); err != nil {
			return 0, err
		}
	}
	return u.from.Read(p)
}

func (u *unpacked) look() error {
	b := bufio.NewReader(u.raw)
	start, err := b.Peek(len(gzipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !u.gzip && !bytes.Equal(start, gzipMagic) {
		u.from = b // large reads go past its buffer
		return nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	u.from = z
	return nil
}

// expand returns the files that the patterns name. A file that is called like a pattern is that file. The
// error joins what is wrong with patterns; the files of the others are returned all the same.
func expand(patterns []string) ([]string, error) {
	var files []string
	var faults []error
	for _, pattern := range patterns {
		if pattern == "-" || !strings.ContainsAny(pattern, "*?[") || exists(pattern) {
			files = append(files, pattern)
			continue
		}
		found, err := filepath.Glob(pattern) // sorted
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("read %s: %w", pattern, err))
		case len(found) == 0:
			faults = append(faults, fmt.Errorf("read %s: no file matches", pattern))
		}
		files = append(files, found...)
	}
	return files, errors.Join(faults...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
