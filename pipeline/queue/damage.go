package queue

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/record"
)

const (
	segmentSuffix = ".seg"
	corruptMark   = ".corrupt-"
	salvageSuffix = ".salvage"

	// No queue writes a segment of such a size, and a damaged one is searched in memory.
	maxSalvage = 256 << 20
)

// walkFile calls visit for each batch in a segment that nobody has open, and checks it.
func walkFile(path string, visit func(key, value []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := walkTree(f, info.Size(), visit); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// readSegment calls visit for each batch of a segment. Where an error wraps errDamaged, the file is
// damaged, and visit may have been called for some.
func readSegment(path string, visit func(e entry, value []byte) error) error {
	return walkFile(path, func(key, value []byte) error {
		e, err := inspect(value)
		if err != nil {
			return err
		}
		if !bytes.Equal(key, keyBytes(e.key)) {
			return damage("batch %d stands under the key %x", e.key, key)
		}
		return visit(e, value)
	})
}

// found is a batch in a damaged file.
type found struct {
	entry
	value []byte
}

// salvage finds every whole batch in a damaged file, in order of key, wherever it stands: among them are
// some that were delivered not long before, whose place has not been used again. Of several versions of a
// batch it takes the longest.
func salvage(path string) ([]found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSalvage {
		return nil, fmt.Errorf("%w: the file is too large to be searched", errDamaged)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []found
	for at := 0; ; {
		next := bytes.Index(text[at:], []byte(record.Magic))
		if next < 0 {
			break
		}
		at += next
		value, ok := valueAt(text, at)
		at += len(record.Magic)
		if e, err := inspect(value); ok && err == nil {
			all = append(all, found{e, value})
			at += len(value) - headSize - len(record.Magic)
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.key, b.key), -cmp.Compare(a.rows, b.rows))
	})
	return slices.CompactFunc(all, func(a, b found) bool { return a.key == b.key }), nil
}

// valueAt returns the value whose frame starts at a place in a file.
func valueAt(text []byte, at int) ([]byte, bool) {
	n, err := record.Size(text[at:])
	if err != nil || at < headSize || n > len(text)-at {
		return nil, false
	}
	return text[at-headSize : at+n], true
}

func asideName(path string, now time.Time) string {
	return path + corruptMark + now.UTC().Format("20060102T150405.000000000Z")
}

// putAside replaces a damaged segment by one with those of its batches that are whole and wanted, and
// keeps the damaged file beside it. Until it is through, the segment stays as it is.
func putAside(path string, now time.Time, wanted func(entry) bool) ([]entry, error) {
	all, err := salvage(path)
	if err != nil && !errors.Is(err, errDamaged) {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(f found) bool { return !wanted(f.entry) })
	entries := make([]entry, len(all))
	puts := make([]put, len(all))
	for i, f := range all {
		entries[i], puts[i] = f.entry, put{f.key, f.value}
	}
	aside := asideName(path, now)
	if len(puts) == 0 {
		return nil, os.Rename(path, aside)
	}
	healed := &segment{path: path + salvageSuffix}
	_ = os.Remove(healed.path)
	if _, err := healed.commit(puts, nil); err != nil {
		return nil, errors.Join(err, healed.remove())
	}
	if err := healed.close(); err != nil {
		return nil, err
	}
	if err := os.Link(path, aside); err != nil { // a file system without links: a crash between the two is the end of the healed
		if err := os.Rename(path, aside); err != nil {
			return nil, err
		}
	}
	return entries, os.Rename(healed.path, path)
}
