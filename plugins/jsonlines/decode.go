package jsonlines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Decoder reads what an [Encoder] wrote, or another program in its manner, into batches of one catalog. It
// belongs to one goroutine.
//
// Units and kinds are not in JSON, nor is whether a number is a float or an integer: Coerce tells them for the
// fields that it knows. Another number is a float, whatever digits it has, so that a field never changes its
// type.
type Decoder struct {
	coerce func(measurement, field string) (sdk.Field, bool)
	tags   []sdk.Tag
	fields []field
}

// field is a field as it stands in the object.
type field struct {
	name  string
	value any
}

// NewDecoder returns a decoder. coerce, which may be nil, says what a field is, and false where it does not
// know it.
func NewDecoder(coerce func(measurement, field string) (sdk.Field, bool)) *Decoder {
	if coerce == nil {
		coerce = func(string, string) (sdk.Field, bool) { return sdk.Field{}, false }
	}
	return &Decoder{coerce: coerce}
}

// DecodeError says which lines were refused. Everything else was decoded.
type DecodeError struct {
	Count int   // of all refused lines
	Line  int   // the first of them, from 1
	Err   error // why
}

func (e *DecodeError) Error() string {
	if e.Count == 1 {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("line %d: %v; and %d more", e.Line, e.Err, e.Count-1)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// Decode adds the metrics in data to b, a line each. Lines without a time get the time now, in Unix
// nanoseconds. The error is nil or a [*DecodeError]: it names lines that were refused, while all others were
// added. Decode keeps no reference to data.
func (d *Decoder) Decode(b *sdk.Batch, data []byte, now int64) error {
	var bad *DecodeError
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		err := d.line(b, line, now)
		if err == nil {
			continue
		}
		if bad == nil {
			bad = &DecodeError{Line: n, Err: err}
		}
		bad.Count++
	}
	if bad == nil {
		return nil
	}
	return bad
}

// The bounds of one line: a schema of n fields costs n² to build.
const (
	maxFields = 1024
	maxTags   = 128
)

var (
	errNoName     = errors.New("no name")
	errNoFields   = errors.New("no fields")
	errTooMany    = fmt.Errorf("more than %d fields or %d tags", maxFields, maxTags)
	errTrailing   = errors.New("more than one object")
	errNotAnInt64 = errors.New("time is no number of nanoseconds")
	errNotAString = errors.New("the value of a tag is no string")
)

// object is a line without its tags and fields, which keep their order.
type object struct {
	name  string
	class sdk.Class
	time  int64
}

func (d *Decoder) line(b *sdk.Batch, line []byte, now int64) error {
	d.tags, d.fields = d.tags[:0], d.fields[:0]
	o := object{time: now}
	in := json.NewDecoder(bytes.NewReader(line))
	in.UseNumber()
	err := members(in, func(key string) error { return d.member(in, key, &o) })
	if err != nil {
		return err
	}
	if in.More() {
		return errTrailing
	}
	switch {
	case o.name == "":
		return errNoName
	case len(d.fields) == 0 && o.class != sdk.ClassInfo:
		return errNoFields
	}
	d.add(b, &o)
	return nil
}

// members calls each for the keys of the object that follows; each reads the value.
func members(in *json.Decoder, each func(key string) error) error {
	open, err := in.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return errors.New("no object")
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return err
		}
		if err := each(key.(string)); err != nil {
			return err
		}
	}
	_, err = in.Token()
	return err
}

func (d *Decoder) member(in *json.Decoder, key string, o *object) error {
	switch key {
	case "name":
		return in.Decode(&o.name)
	case "time":
		var n json.Number
		if err := in.Decode(&n); err != nil {
			return err
		}
		t, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil {
			return errNotAnInt64
		}
		o.time = t
		return nil
	case "class":
		var class string
		if err := in.Decode(&class); err != nil {
			return err
		}
		return o.setClass(class)
	case "tags":
		return members(in, func(key string) error { return d.tag(in, key) })
	case "fields":
		return members(in, func(key string) error { return d.field(in, key) })
	}
	var other json.RawMessage
	return in.Decode(&other)
}

func (o *object) setClass(name string) error {
	for c := sdk.ClassSample; c <= sdk.ClassInfo; c++ {
		if c.String() == name {
			o.class = c
			return nil
		}
	}
	return fmt.Errorf("no class is called %q", name)
}

func (d *Decoder) tag(in *json.Decoder, key string) error {
	value, err := in.Token()
	if err != nil {
		return err
	}
	text, ok := value.(string)
	if !ok {
		return errNotAString
	}
	if len(d.tags) == maxTags {
		return errTooMany
	}
	d.tags = append(d.tags, sdk.Tag{Key: key, Value: text})
	return nil
}

func (d *Decoder) field(in *json.Decoder, key string) error {
	value, err := in.Token()
	if err != nil {
		return err
	}
	switch value.(type) {
	case json.Delim:
		return fmt.Errorf("field %q is no number, string or bool", key)
	case nil:
		return nil // absent
	}
	if len(d.fields) == maxFields {
		return errTooMany
	}
	if key != "" {
		d.fields = append(d.fields, field{key, value})
	}
	return nil
}

func (d *Decoder) add(b *sdk.Batch, o *object) {
	m := b.Add(b.Series(o.name, d.tags...), o.time)
	m.SetClass(o.class)
	if o.class == sdk.ClassResult {
		d.setOrigin(b, m, o)
	}
	for _, f := range d.fields {
		known, ok := d.coerce(o.name, f.name)
		if !ok {
			known = sdk.Field{}
		}
		if !ok || known.Name == "" {
			known.Name = f.name
		}
		v := valueOf(f.value, known.Type)
		if fitted, fits := v.As(known.Type); ok && fits {
			m.Set(known, fitted)
			continue
		}
		m.Set(sdk.Field{Name: f.name, Type: v.Type()}, v)
	}
}

// setOrigin names the series that a result was made from: its own without the tags that windows add.
func (d *Decoder) setOrigin(b *sdk.Batch, m *sdk.Metric, o *object) {
	d.tags = slices.DeleteFunc(d.tags, func(t sdk.Tag) bool { return t.Key == "window" || t.Key == "part" })
	if origin := b.Series(o.name, d.tags...); origin != nil {
		m.SetOrigin(origin)
	}
}

// valueOf reads a number as the type that is wanted, where it is one of that type, or as a float.
func valueOf(value any, want sdk.Type) sdk.Value {
	switch v := value.(type) {
	case bool:
		return sdk.BoolValue(v)
	case string:
		return sdk.StringValue(v)
	case json.Number:
		switch want {
		case sdk.Int:
			if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
				return sdk.IntValue(n)
			}
		case sdk.Uint:
			if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
				return sdk.UintValue(n)
			}
		}
		f, err := v.Float64()
		if err != nil { // beyond the range of a float
			f = math.Copysign(math.MaxFloat64, f)
		}
		return sdk.FloatValue(f)
	}
	return sdk.Value{}
}
