// Package record writes a batch as bytes, column by column, and reads it back exactly: rows, order,
// classes, marks, annotations, origins, units, kinds, tally and id. Disk queues, pipes to child
// processes and agents that feed hubs use it. What no window has read of an absorbed row is left out: for
// none of them it matters.
//
// # Format, version 1
//
// A frame is a header of 20 bytes and a payload. Numbers in the header are little-endian.
//
//	0   magic      4 bytes, "GPLR"
//	4   version    uint16, 1
//	6   reserved   uint16, 0
//	8   rows       uint32
//	12  length     uint32, of the payload, at most 2³⁰
//	16  checksum   uint32, CRC-32C (Castagnoli) of the bytes 0 to 15 and the payload
//
// In the payload, N is an unsigned LEB128 of at most 64 bits, and Z a signed number of 64 bits as the N
// of its zigzag form (0, -1, 1, -2, … as 0, 1, 2, 3, …). An index counts from 0. Deltas wrap around at
// 64 bits. The payload consists of these parts, in this order:
//
//	id           N length and bytes of the agent's name, N epoch, N seq
//	tally        N added, absorbed, filtered, merged, conflict;
//	             N number of drops, each: N length and bytes of the reason, N count
//	strings      N number; N length of each; then the bytes of all
//	series       N number; each: N index of the name in strings, tags
//	annotations  N number; each: tags
//	schemas      N number; each: N number of fields, fields, mask
//	rows         the columns schema, series, time, state, annotations, origin
//	values       the columns of schema 0, field by field, then those of schema 1, …
//
// Tags are N number, and each N index of the key and N index of the value in strings. They are sorted by
// key, no key stands twice, and none is empty, nor is a value.
//
// A field is N index of its name in strings, N index of its unit in strings, and a byte: the type (0
// float, 1 int, 2 uint, 3 bool, 4 string) and, times 16, the kind (0 gauge, 1 counter, 2 info). No name
// stands twice in a schema. A mask says which fields a filter hides from the processor at work: a byte 0
// for none, or a byte 1 and a bit for each field, packed as the bools below.
//
// The rows' columns have an entry for each row, in the order of the batch. Those of series and time are
// written out; the others are written as runs, N number of equal entries in a row (1 or more) and the
// entry, until all rows are covered:
//
//	schema       runs of N index
//	series       N index
//	time         Z nanoseconds since 1970, less those of the row before (of the first, less 0)
//	state        runs of a byte: the class (0 sample, 1 result, 2 event, 3 info), + 4 absorbed,
//	             + 8 made since the batch entered the chain, + 16 hidden by a filter
//	annotations  runs of N: 0 for none, or index + 1
//	origin       runs of N: 0 for none, or index in series + 1
//
// A column of values has an entry for each row of its schema, in the order of the batch:
//
//	float        8 bytes, IEEE 754, little-endian
//	int, uint    Z the value less that of the entry before (of the first, less 0)
//	bool         a bit each, the first in the lowest bit of the first byte; bits left over are 0
//	string       N index in strings
//
// A reader refuses a frame with a greater version than its own, with anything left over at the payload's
// end, and with an index, a type, a kind or a state that is not defined here.
package record
