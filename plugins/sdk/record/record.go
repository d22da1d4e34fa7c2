package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Version is the version of the format that Append writes, and the greatest that Decode reads.
const Version = 1

// HeaderSize is the length of a frame's header: so many bytes are enough for [Size].
const HeaderSize = 20

// MaxPayload is the length of the longest payload that Decode reads.
const MaxPayload = 1 << 30

var (
	// ErrVersion says that a newer gpuline wrote the frame.
	ErrVersion = errors.New("record: written by a newer version")

	// ErrCorrupt says that the bytes are no frame, or a damaged one.
	ErrCorrupt = errors.New("record: corrupt")

	// ErrShort says that the bytes end before the frame does. It wraps ErrCorrupt.
	ErrShort = fmt.Errorf("%w: cut short", ErrCorrupt)
)

// Magic is what every frame starts with.
const Magic = "GPLR"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends b to dst as one frame and returns the extended slice. It changes nothing in b. The
// caller bounds a batch such that its frame stays below [MaxPayload]; an estimate is [sdk.Batch.Bytes].
func Append(dst []byte, b *sdk.Batch) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	dst, rows := encode(dst, b)
	h := dst[start:]
	copy(h, Magic)
	binary.LittleEndian.PutUint16(h[4:], Version)
	binary.LittleEndian.PutUint32(h[8:], uint32(rows))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(h)-HeaderSize))
	binary.LittleEndian.PutUint32(h[16:], checksum(h, h[HeaderSize:])) // last, over the rest
	return dst
}

// Decode reads the frame at the start of src and appends its rows to b, with series and schemas of b's
// catalog. It adds the frame's tally to that of b, and sets b.ID where the frame has one. n is the length
// of the frame.
//
// Rows whose series do not fit into the catalog are dropped as series_cap, in b's tally. An error wraps
// [ErrVersion] or [ErrCorrupt], and then b is as it was; n is the length of the frame where it is known,
// so that a reader may step over it, and 0 elsewhere. Memory grows in proportion to len(src), whatever
// src holds. Nothing in b refers to src afterwards.
func Decode(src []byte, b *sdk.Batch) (n int, err error) {
	n, err = Size(src)
	if err != nil {
		return 0, err
	}
	if len(src) < n {
		return 0, ErrShort
	}
	payload := src[HeaderSize:n]
	if got, want := checksum(src, payload), binary.LittleEndian.Uint32(src[16:]); got != want {
		return n, fmt.Errorf("%w: checksum is %08x, not %08x", ErrCorrupt, got, want)
	}
	return n, decode(payload, int(binary.LittleEndian.Uint32(src[8:])), b)
}

// Size returns the length of the frame, header and payload, of which header is the start: what a reader
// of a stream must have before it calls Decode. Its errors are those of Decode; [ErrShort] means that
// header has less than [HeaderSize] bytes.
func Size(header []byte) (int, error) {
	if len(header) < HeaderSize {
		return 0, ErrShort
	}
	if string(header[:4]) != Magic {
		return 0, fmt.Errorf("%w: no frame starts here", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint16(header[4:]); v > Version {
		return 0, fmt.Errorf("%w: version %d of the format, this program reads up to %d", ErrVersion, v, Version)
	} else if v == 0 {
		return 0, fmt.Errorf("%w: version 0", ErrCorrupt)
	}
	if binary.LittleEndian.Uint16(header[6:]) != 0 {
		return 0, fmt.Errorf("%w: reserved bytes are set", ErrCorrupt)
	}
	length := binary.LittleEndian.Uint32(header[12:])
	if length > MaxPayload {
		return 0, fmt.Errorf("%w: a payload of %d bytes", ErrCorrupt, length)
	}
	return HeaderSize + int(length), nil
}

// checksum covers the header up to the checksum itself, and the payload.
func checksum(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:16], castagnoli), castagnoli, payload)
}
