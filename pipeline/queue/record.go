package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// A batch stands in a segment under its key, the big-endian number of its turn in the segment. The value
// is a head and a frame of package record; numbers are little-endian:
//
//	0   checksum  uint32, CRC-32C (Castagnoli) of all that follows
//	4   version   uint8, 1
//	5   flags     uint8; 1: held
//	6   reserved  uint16, 0
//	8   rows      uint32
//	12  reserved  uint32, 0
//	16  key       uint64
//	24  born      int64, Unix nanoseconds
//	32  frame
//
// A value says by itself what it is, so that it can be found in a file whose structure is lost.
const (
	recordVersion = 1
	headSize      = 32
	flagHeld      = 1
)

var (
	errDamaged = errors.New("damaged")
	errNewer   = errors.New("written by a newer version of gpuline")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is what a queue knows of a batch without reading it.
type entry struct {
	key  uint64
	born int64 // Unix nanoseconds
	rows uint32
	size uint32 // of the value
	held bool
	gone bool // delivered or dropped; its place in the index is not used again
}

// appendRecord appends a value without its head, which stamp fills in.
func appendRecord(dst []byte, b *sdk.Batch) []byte {
	b.Tally().Reset() // of copying, which nobody counts
	return record.Append(append(dst, make([]byte, headSize)...), b)
}

// stamp fills in the head of a value.
func stamp(value []byte, e entry) {
	head := value[:headSize]
	clear(head)
	head[4] = recordVersion
	if e.held {
		head[5] = flagHeld
	}
	binary.LittleEndian.PutUint32(head[8:], e.rows)
	binary.LittleEndian.PutUint64(head[16:], e.key)
	binary.LittleEndian.PutUint64(head[24:], uint64(e.born))
	restamp(value)
}

// restamp fills in the checksum.
func restamp(value []byte) {
	binary.LittleEndian.PutUint32(value, crc32.Checksum(value[4:], castagnoli))
}

// inspect returns what the head of a whole value says. Its errors wrap errDamaged or errNewer.
func inspect(value []byte) (entry, error) {
	if len(value) < headSize+record.HeaderSize {
		return entry{}, fmt.Errorf("%w: a value of %d bytes", errDamaged, len(value))
	}
	if crc32.Checksum(value[4:], castagnoli) != binary.LittleEndian.Uint32(value) {
		return entry{}, fmt.Errorf("%w: wrong checksum", errDamaged)
	}
	if value[4] > recordVersion {
		return entry{}, errNewer
	}
	if _, err := record.Size(value[headSize:]); errors.Is(err, record.ErrVersion) {
		return entry{}, errNewer
	} else if err != nil {
		return entry{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return entry{
		key:  binary.LittleEndian.Uint64(value[16:]),
		born: int64(binary.LittleEndian.Uint64(value[24:])),
		rows: binary.LittleEndian.Uint32(value[8:]),
		size: uint32(len(value)),
		held: value[5]&flagHeld != 0,
	}, nil
}

// decode reads the batch that is wanted from a value into b, which is emptied first.
func decode(value []byte, want entry, b *sdk.Batch) error {
	got, err := inspect(value)
	if err != nil {
		return err
	}
	if got.key != want.key || got.rows != want.rows {
		return damage("batch %d of %d rows instead of batch %d of %d", got.key, got.rows, want.key, want.rows)
	}
	return decodeFrame(value, b)
}

// decodeFrame does the same for a value whose head may not be filled in.
func decodeFrame(value []byte, b *sdk.Batch) error {
	b.Reset()
	if _, err := record.Decode(value[headSize:], b); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}
