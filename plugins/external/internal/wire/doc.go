// Package wire turns batches into messages of the plugin protocol and back, for both ends of a stream.
//
// An [Encoder] and a [Decoder] belong to one direction of one stream: what rows refer to, such as series
// and shapes, goes over once and is numbered from then on. The decoder trusts nothing: it checks every
// index and every length before it touches a batch, and its memory is bounded by the [Limits] and by the
// size of a message.
package wire

import "github.com/gpuline/gpuline/plugins/external/proto"

// Version is the version of the protocol.
const Version = 1

// Capabilities are what this implementation of the protocol can do beyond version 1: it knows Shape.unread.
var Capabilities = []string{"unread"}

// Limits bound a message and the dictionaries that it adds to.
type Limits struct {
	Rows    int // in a message
	Bytes   int // of a message
	Strings int // in the dictionary
	Series  int // in the dictionary, and as many annotations
	Shapes  int // in the dictionary

	// Words are the bytes of the names and tags of all series and annotations in the dictionary: each is kept in
	// full, however often they share a string. It is not announced.
	Words int
}

// Protocol are the greatest limits that there are.
var Protocol = Limits{Rows: 1 << 16, Bytes: 4 << 20, Strings: 1 << 20, Series: 100_000, Shapes: 4096, Words: 128 << 20}

const (
	// MaxString is the length of the longest string in a dictionary: a name, a unit, the key or the value
	// of a tag.
	MaxString = 16 << 10
	// maxStrings is the length of all strings in a dictionary together.
	maxStrings = 64 << 20
	// maxWords is the length of the name and tags of one series, or of the tags of annotations.
	maxWords = 64 << 10
	// MaxFields is how many fields a shape has, and maxAllFields all shapes of a dictionary together.
	MaxFields    = 4096
	maxAllFields = 1 << 20
	// MaxBatch is what the messages of one batch may come to, see [Rows.Bytes].
	MaxBatch = 256 << 20
	// MaxMessage is what gRPC must let through: a batch of the greatest size and what stands around it.
	MaxMessage = 4<<20 + 1<<20
)

// An encoder cuts a batch into messages of at most so much, unless the limits ask for less: a receiver
// works on one while the next is on its way.
const (
	partRows  = 4096
	partBytes = 1 << 20
)

// AsProto returns the limits as they are announced.
func (l Limits) AsProto() *proto.Limits {
	return &proto.Limits{
		Rows: uint32(l.Rows), Bytes: uint32(l.Bytes), Strings: uint32(l.Strings),
		Series: uint32(l.Series), Shapes: uint32(l.Shapes),
	}
}

// LimitsOf returns the limits that a peer has announced, none above those of the protocol.
func LimitsOf(p *proto.Limits) Limits {
	atMost := func(announced uint32, limit int) int {
		if announced == 0 || int64(announced) > int64(limit) {
			return limit
		}
		return int(announced)
	}
	return Limits{
		Rows:    atMost(p.GetRows(), Protocol.Rows),
		Bytes:   atMost(p.GetBytes(), Protocol.Bytes),
		Strings: atMost(p.GetStrings(), Protocol.Strings),
		Series:  atMost(p.GetSeries(), Protocol.Series),
		Shapes:  atMost(p.GetShapes(), Protocol.Shapes),
		Words:   Protocol.Words,
	}
}
