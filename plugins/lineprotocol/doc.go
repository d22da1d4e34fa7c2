// Package lineprotocol turns InfluxDB line protocol into batches and batches into line protocol. Inputs
// and outputs that speak it share this one [Decoder] and this one [Encoder].
//
// Both are fast where a stream repeats itself, as metrics do, and leave the rest to the library
// github.com/influxdata/line-protocol/v2: it decodes each distinct head (measurement and tags) and each
// distinct field name once, and whole lines with anything unusual in them; it encodes each series and
// each field name once. The tests hold both against it.
//
// What comes in may be damaged, and what goes out may come from anywhere. The decoder refuses a bad line,
// says where it is, and goes on with the next. The encoder sends every byte through one sanitiser: one
// metric in, one line out. README.md lists what becomes of each bad byte.
package lineprotocol
