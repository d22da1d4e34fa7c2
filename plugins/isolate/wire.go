package isolate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// version is that of the protocol. Both ends are of one program, so it differs only where a program was
// replaced and a launcher started the new one: no version speaks with another.
const version = 1

// The kinds of messages. None is a character that a program would print.
const (
	kindHello byte = iota + 1
	kindOpened
	kindRows
	kindFigures
	kindBeat
	kindEnded
)

const (
	headerSize = 5
	maxRows    = 64 << 20 // bytes of a message of rows
	maxBody    = 64 << 10 // of another
	maxText    = 4 << 10  // of an error
	maxMark    = maxOrder / 4
	chunk      = 1 << 20 // memory that an announced length gets at once
)

var errWire = errors.New("the child's output is no message")

// begin appends a message's header; finish fills in its length. at is where the header stands.
func begin(dst []byte, kind byte) []byte { return append(dst, kind, 0, 0, 0, 0) }

func finish(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-headerSize))
	return dst
}

func appendHello(dst []byte) []byte {
	at := len(dst)
	return finish(binary.LittleEndian.AppendUint16(begin(dst, kindHello), version), at)
}

func appendOpened(dst []byte) []byte { return begin(dst, kindOpened) }

func appendBeat(dst []byte, running time.Duration) []byte {
	at := len(dst)
	return finish(binary.LittleEndian.AppendUint64(begin(dst, kindBeat), uint64(running)), at)
}

func appendEnded(dst []byte, f fault) []byte {
	at := len(dst)
	return finish(append(append(begin(dst, kindEnded), byte(f.class)), f.text...), at)
}

func appendRows(dst []byte, b *sdk.Batch, mark []byte, f fault) []byte {
	at := len(dst)
	dst = append(begin(dst, kindRows), byte(f.class))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(mark)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(f.text)))
	dst = append(append(dst, mark...), f.text...)
	return finish(record.Append(dst, b), at)
}

// readMessage reads a message into buf, which it extends where needed. The body is valid as long as buf.
// The error is io.EOF where the stream ends between messages.
func readMessage(r *bufio.Reader, buf []byte) (kind byte, body []byte, err error) {
	header, err := r.Peek(headerSize)
	if err != nil {
		if len(header) > 0 && errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it ends with %q", errWire, header)
		}
		return 0, buf[:0], err
	}
	kind = header[0]
	length, limit := int(binary.LittleEndian.Uint32(header[1:])), maxBody
	if kind == kindRows {
		limit = maxRows
	}
	if kind < kindHello || kind > kindEnded || length > limit {
		start, _ := r.Peek(min(r.Buffered(), 40))
		return 0, buf[:0], fmt.Errorf("%w: %q", errWire, start)
	}
	_, _ = r.Discard(headerSize)
	for body = buf[:0]; len(body) < length; {
		n := min(length-len(body), chunk)
		body = slices.Grow(body, n)[:len(body)+n]
		if _, err := io.ReadFull(r, body[len(body)-n:]); err != nil {
			return 0, body[:0], fmt.Errorf("%w: it ends within one: %w", errWire, err)
		}
	}
	return kind, body, nil
}

func parseHello(body []byte) error {
	if len(body) != 2 {
		return fmt.Errorf("%w: a greeting of %d bytes", errWire, len(body))
	}
	if v := binary.LittleEndian.Uint16(body); v != version {
		return fmt.Errorf("the child speaks version %d of the protocol and the agent version %d, because the program was replaced: restart the agent: %w",
			v, version, sdk.ErrPermanent)
	}
	return nil
}

func parseBeat(body []byte) (running time.Duration, err error) {
	if len(body) != 8 {
		return 0, fmt.Errorf("%w: a beat of %d bytes", errWire, len(body))
	}
	return max(time.Duration(binary.LittleEndian.Uint64(body)), 0), nil
}

func parseEnded(body []byte) (fault, error) {
	if len(body) < 1 || class(body[0]) >= classes || class(body[0]) == classNone {
		return fault{}, fmt.Errorf("%w: an end without a class", errWire)
	}
	return fault{class(body[0]), clip(string(body[1:]), maxText)}, nil
}

// rows is a message of rows taken apart; mark and frame lie within the message.
type rows struct {
	fault fault
	mark  []byte
	frame []byte
}

func parseRows(body []byte) (rows, error) {
	const head = 1 + 4 + 2
	if len(body) < head || class(body[0]) > classOther {
		return rows{}, fmt.Errorf("%w: rows without a head", errWire)
	}
	r := rows{fault: fault{class: class(body[0])}}
	mark, text := int(binary.LittleEndian.Uint32(body[1:])), int(binary.LittleEndian.Uint16(body[5:]))
	body = body[head:]
	if mark > maxMark || mark+text > len(body) {
		return rows{}, fmt.Errorf("%w: a mark of %d bytes and an error of %d", errWire, mark, text)
	}
	r.mark, body = body[:mark], body[mark:]
	r.fault.text, r.frame = clip(string(body[:text]), maxText), body[text:]
	return r, nil
}
