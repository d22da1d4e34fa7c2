package lineprotocol

import (
	"bytes"

	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// prefix returns m's line up to its fields.
func (e *Encoder) prefix(m *sdk.Metric) []byte {
	if e.catalog.Generation() != e.generation {
		e.sweep()
	}
	key := prefixKey{m.Series(), m.Annotations()}
	if e.last != nil && e.last.next != nil && e.last.next.prefixKey == key {
		e.last = e.last.next
		return e.last.text
	}
	p := e.prefixes[key]
	if p == nil {
		p = e.newPrefix(key)
	}
	if e.last != nil {
		e.last.next = p
	}
	e.last = p
	return p.text
}

func (e *Encoder) newPrefix(key prefixKey) *prefix {
	if len(e.prefixes) >= e.limits.entries || e.bytes >= e.limits.bytes {
		e.forget()
	}
	e.library.SetBuffer(nil)
	e.library.StartLine(cleanMeasurement(key.series.Name()))
	for _, t := range cleanTags(key.series.Tags(), key.notes.Tags()) {
		e.library.AddTag(t.Key, t.Value)
	}
	p := &prefix{prefixKey: key, text: e.library.Bytes()}
	e.prefixes[key] = p
	e.bytes += len(p.text)
	return p
}

// fieldKeys returns the field keys of s.
func (e *Encoder) fieldKeys(s *sdk.Schema) *fieldKeys {
	if e.schema != nil && e.schema.schema == s {
		return e.schema
	}
	k := e.schemas[s]
	if k == nil {
		k = e.newFieldKeys(s)
	}
	if !s.Private() {
		e.schema = k
	}
	return k
}

func (e *Encoder) newFieldKeys(s *sdk.Schema) *fieldKeys {
	names := make([]string, s.Len())
	for i := range names {
		names[i] = s.Field(i).Name
	}
	k := &fieldKeys{schema: s, keys: make([][]byte, len(names))}
	for i, name := range cleanKeys(names) {
		k.keys[i] = e.fieldKey(name)
	}
	if !s.Private() {
		if len(e.schemas) >= e.limits.entries {
			clear(e.schemas)
		}
		e.schemas[s] = k
	}
	return k
}

// fieldKey returns ",name=" with name escaped by the library.
func (e *Encoder) fieldKey(name string) []byte {
	if key := e.keys[name]; key != nil {
		return key
	}
	e.library.SetBuffer(nil)
	e.library.StartLine("m")
	e.library.AddField(name, lp.IntValue(0))
	key := bytes.TrimSuffix(e.library.Bytes()[1:], []byte("0i"))
	key[0] = ','
	if len(e.keys) >= e.limits.entries || e.bytes >= e.limits.bytes {
		e.forget()
	}
	e.keys[name] = key
	e.bytes += len(key)
	return key
}

// sweep forgets the series and schemas that left the catalog.
func (e *Encoder) sweep() {
	e.generation, e.last, e.schema = e.catalog.Generation(), nil, nil
	clear(e.schemas)
	for key, p := range e.prefixes {
		p.next = nil
		if key.series.Left() {
			delete(e.prefixes, key)
			e.bytes -= len(p.text)
		}
	}
}

// forget empties the caches, which are full.
func (e *Encoder) forget() {
	clear(e.prefixes)
	clear(e.keys)
	clear(e.schemas)
	e.last, e.schema, e.bytes = nil, nil, 0
}
