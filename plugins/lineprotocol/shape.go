package lineprotocol

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// measure is what the decoder knows of one measurement: its fields, and the shapes of its lines.
type measure struct {
	name   string
	fields map[string]string // raw field keys that the library has accepted, escapes and the '=' included
	root   shape             // no field yet
}

// shape is a node in a tree of "one field more", as sdk.Schema is, keyed by how the field is written: a
// line is decoded by walking from node to node.
type shape struct {
	key      string      // raw, with the '=' that ends it
	written  sdk.Type    // of the value, as the line writes it
	verbatim bool        // the value keeps that type, since it does not fit the field's own
	field    sdk.Field   // what the value becomes
	slot     int         // in schema
	schema   *sdk.Schema // of the fields so far
	convert  bool        // written and field.Type differ
	ignore   bool        // the field came before, with a type that this value cannot take
	text     string      // a string's last value: most of them never change

	next     *shape // the child that was taken last, and most likely is again
	children []*shape
}

// follow returns the child whose field stands at data, whatever the type of its value, or nil. Neither
// a raw key nor what it is compared with can hold an '=' before its end that no backslash escapes.
func (s *shape) follow(data []byte) *shape {
	for _, c := range s.children {
		if len(data) > len(c.key) && string(data[:len(c.key)]) == c.key {
			s.next = c
			return c
		}
	}
	return nil
}

// child returns the child for a key whose value is written as the type written.
func (s *shape) child(key string, written sdk.Type, verbatim bool) *shape {
	for _, c := range s.children {
		if c.written == written && c.verbatim == verbatim && c.key == key {
			s.next = c
			return c
		}
	}
	return nil
}

// known returns the raw field key at the start of data, '=' included, if the library has accepted it
// before, else "".
func (m *measure) known(data []byte) string {
	if len(data) > keptText {
		data = data[:keptText]
	}
	return m.fields[string(data[:bytes.IndexByte(data, '=')+1])]
}

// grow returns the child of s for one field more. It keeps the child unless the tree is full or the
// schema is private. It returns nil where s has all the fields that a line may have.
func (d *Decoder) grow(m *measure, s *shape, key string, written sdk.Type, verbatim bool) *shape {
	if c := s.child(key, written, verbatim); c != nil {
		return c
	}
	if s.schema.Len() >= maxFields {
		return nil
	}
	name := unescapeKey(key[:len(key)-1])
	c := &shape{key: key, written: written, verbatim: verbatim}
	c.field = d.resolve(m.name, name, written, verbatim)
	if slot := s.schema.Slot(c.field.Name); slot >= 0 {
		c.field, c.slot, c.schema = s.schema.Field(slot), slot, s.schema
		c.ignore = c.field.Type != written && !(c.field.Type.Numeric() && written.Numeric())
	} else {
		c.slot, c.schema = s.schema.Len(), s.schema.With(c.field)
	}
	c.convert = c.field.Type != written
	if c.schema.Private() || !d.learn(key) {
		return c
	}
	s.children = append(s.children, c)
	s.next = c
	return c
}

// learn reports whether there is room to remember one thing more about a field key.
func (d *Decoder) learn(key string) bool {
	if d.learned >= d.limits.learned || len(key) > keptText {
		return false
	}
	d.learned++
	return true
}

// resolve says what a field is: as the caller coerces it where the value's type allows that, else as it
// is written.
func (d *Decoder) resolve(measurement, name string, written sdk.Type, verbatim bool) sdk.Field {
	if d.options.Coerce != nil && !verbatim {
		f, ok := d.options.Coerce(measurement, name)
		if ok && (f.Type == written || f.Type.Numeric() && written.Numeric()) {
			if f.Name == "" {
				f.Name = name
			}
			return f
		}
	}
	f := sdk.Field{Name: name, Type: written}
	if written.Numeric() && d.isCounter(name) {
		f.Kind = sdk.Counter
	}
	return f
}

// isCounter reports whether a field that the caller does not coerce is a counter by its name.
func (d *Decoder) isCounter(name string) bool {
	return slices.ContainsFunc(d.options.Counters, func(pattern string) bool { return sdk.Match(pattern, name) })
}

var keyEscapes = strings.NewReplacer(`\,`, ",", `\=`, "=", `\ `, " ")

// unescapeKey undoes the escapes of a raw field key that the library has accepted. The result shares no
// memory with what was decoded.
func unescapeKey(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return keyEscapes.Replace(raw)
}

var keyEscaper = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)

// escapeKey is the raw form of a field key, with the '=' that ends it.
func escapeKey(name []byte) string { return keyEscaper.Replace(string(name)) + "=" }
