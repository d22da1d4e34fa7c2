package lineprotocol

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// libraryDecode decodes with the library alone, and fills a batch by the sdk's plainest means. It returns the
// numbers of the lines that the library refuses; comments do not count.
func libraryDecode(b *sdk.Batch, data []byte, now int64) (refused []int) {
	d := lp.NewDecoderWithBytes(slices.Clone(data))
	for d.Next() {
		if err := libraryEntry(b, d, now); err != nil {
			line := 0
			if at := (*lp.DecodeError)(nil); errors.As(err, &at) {
				line = int(at.Line)
				text := bytes.Split(data, newline)[line-1]
				if bytes.HasPrefix(bytes.TrimLeft(text, " "), []byte("#")) {
					continue
				}
			}
			refused = append(refused, line)
		}
	}
	return slices.Compact(refused) // of some lines it refuses two parts
}

func libraryEntry(b *sdk.Batch, d *lp.Decoder, now int64) error {
	name, err := d.Measurement()
	if err != nil {
		return err
	}
	measurement := string(name)
	var tags []sdk.Tag
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		tags = append(tags, sdk.Tag{Key: string(key), Value: string(value)})
	}
	type field struct {
		name  string
		value sdk.Value
	}
	var fields []field
	for {
		key, value, err := d.NextField()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		fields = append(fields, field{string(key), fromLibrary(value)})
	}
	text, err := d.TimeBytes()
	if err != nil {
		return err
	}
	if text != nil {
		if now, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return err
		}
	}
	m := b.Add(b.Series(measurement, tags...), now)
	for _, f := range fields {
		m.Set(sdk.Field{Name: f.name, Type: f.value.Type()}, f.value)
	}
	return nil
}

func fromLibrary(v lp.Value) sdk.Value {
	switch v.Kind() {
	case lp.Float:
		return sdk.FloatValue(v.FloatV())
	case lp.Int:
		return sdk.IntValue(v.IntV())
	case lp.Uint:
		return sdk.UintValue(v.UintV())
	case lp.Bool:
		return sdk.BoolValue(v.BoolV())
	}
	return sdk.StringValue(v.StringV())
}

// dump writes metrics with every bit of them.
func dump(b *sdk.Batch) []string {
	var all []string
	for m := range b.All() {
		var s strings.Builder
		fmt.Fprintf(&s, "%q %q %d", m.Name(), m.Series().Tags(), m.Time())
		for slot := range m.Len() {
			v := m.Value(slot)
			fmt.Fprintf(&s, " %q=%v:%#x:%q", m.Field(slot).Name, v.Type(), v.Uint(), v.Text())
		}
		all = append(all, s.String())
	}
	return all
}

// refusedLines returns the numbers of the lines that err names; it fails where it names not all.
func refusedLines(t testing.TB, err error) []int {
	t.Helper()
	if err == nil {
		return nil
	}
	var bad *DecodeError
	if !errors.As(err, &bad) || bad.Count == 0 {
		t.Fatalf("error %v", err)
	}
	var lines []int
	for _, l := range bad.Lines {
		lines = append(lines, l.Line)
	}
	if len(lines) < bad.Count {
		lines = append(lines, make([]int, bad.Count-len(lines))...)
	}
	return lines
}
