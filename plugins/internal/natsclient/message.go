package natsclient

import (
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Encoding is how a message's data are written.
type Encoding string

// The encodings. Record is a frame of package record: it keeps classes, kinds, units and annotations.
const (
	Influx Encoding = "influx"
	JSON   Encoding = "json"
	Record Encoding = "record"
)

var contentTypes = map[Encoding]string{
	Influx: "application/vnd.influx.line-protocol",
	JSON:   "application/x-ndjson",
	Record: "application/vnd.gpuline.record",
}

// ContentType returns what the header says of an encoding.
func (e Encoding) ContentType() string { return contentTypes[e] }

// EncodingOf returns the encoding that a message's header names, and false where it names none that is known.
func EncodingOf(h nats.Header) (Encoding, bool) {
	value, _, _ := strings.Cut(header(h, HeaderContentType), ";")
	value = strings.ToLower(strings.TrimSpace(value))
	for e, t := range contentTypes {
		if t == value {
			return e, true
		}
	}
	return "", false
}

// The headers of a message. Part counts from 1 to parts: a batch is as many messages as it has subjects, or more
// where one message cannot hold the metrics of a subject.
const (
	HeaderContentType     = "Content-Type"
	HeaderContentEncoding = "Content-Encoding"
	headerAgent           = "Gpuline-Agent"
	headerEpoch           = "Gpuline-Epoch"
	headerSeq             = "Gpuline-Seq"
	headerPart            = "Gpuline-Part"
	headerParts           = "Gpuline-Parts"
)

// Zstd is the content encoding of compressed data.
const Zstd = "zstd"

// ContentEncodingOf returns what a message's header says of compression, in lower case; "" for none.
func ContentEncodingOf(h nats.Header) string {
	value := strings.ToLower(strings.TrimSpace(header(h, HeaderContentEncoding)))
	if value == "identity" {
		return ""
	}
	return value
}

// header returns a header by its name or, as other writers spell it, in lower case.
func header(h nats.Header, name string) string {
	if v := h.Get(name); v != "" {
		return v
	}
	return h.Get(strings.ToLower(name))
}

// Part says which part of which batch a message is.
type Part struct {
	ID          sdk.BatchID
	Part, Parts int
	Rows        uint64 // Digest of the rows that it holds, 0 for all of the batch; of its id alone
}

// Digest stands for the positions of rows in a batch.
func Digest(positions []int) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, at := range positions {
		h = (h ^ uint64(at)) * prime
	}
	return h
}

// messageID returns what JetStream recognises a duplicate by: agent/epoch/seq/part, and for a message that
// does not hold the whole batch a digest of the rows that it does. An agent that is started anew, with another
// limit of messages or other subjects, may cut a batch in another way than it did before: what it sends then must
// not be taken for a part of the same number that holds other rows.
func (p Part) messageID() string {
	b := make([]byte, 0, len(p.ID.Agent)+64)
	b = append(b, clean(p.ID.Agent)...)
	b = strconv.AppendUint(append(b, '/'), p.ID.Epoch, 10)
	b = strconv.AppendUint(append(b, '/'), p.ID.Seq, 10)
	b = strconv.AppendInt(append(b, '/'), int64(p.Part), 10)
	if p.Rows != 0 {
		b = strconv.AppendUint(append(b, '/'), p.Rows, 36)
	}
	return string(b)
}

// AddTo writes the part's headers. A batch without an identity has none.
func (p Part) AddTo(h nats.Header) {
	if p.ID == (sdk.BatchID{}) {
		return
	}
	h[nats.MsgIdHdr] = []string{p.messageID()}
	h[headerAgent] = []string{clean(p.ID.Agent)}
	h[headerEpoch] = []string{strconv.FormatUint(p.ID.Epoch, 10)}
	h[headerSeq] = []string{strconv.FormatUint(p.ID.Seq, 10)}
	h[headerPart] = []string{strconv.Itoa(p.Part)}
	h[headerParts] = []string{strconv.Itoa(p.Parts)}
}

// PartOf reads what AddTo wrote, and false where that is not all there, or makes no sense.
func PartOf(h nats.Header) (Part, bool) {
	epoch, err1 := strconv.ParseUint(h.Get(headerEpoch), 10, 64)
	seq, err2 := strconv.ParseUint(h.Get(headerSeq), 10, 64)
	part, err3 := strconv.Atoi(h.Get(headerPart))
	parts, err4 := strconv.Atoi(h.Get(headerParts))
	p := Part{ID: sdk.BatchID{Agent: h.Get(headerAgent), Epoch: epoch, Seq: seq}, Part: part, Parts: parts}
	ok := err1 == nil && err2 == nil && err3 == nil && err4 == nil && p.ID.Agent != "" &&
		seq > 0 && part > 0 && part <= parts && parts <= maxParts
	return p, ok
}

// maxParts bounds the parts of a batch.
const maxParts = 1 << 16

// clean keeps a host name on the line of a header.
func clean(text string) string {
	if strings.IndexFunc(text, control) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if control(r) {
			return '_'
		}
		return r
	}, text)
}

func control(r rune) bool { return r <= ' ' || r == 0x7f }
