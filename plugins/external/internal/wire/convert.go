package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Clean returns s as a string that protobuf carries: valid UTF-8, and not longer than a string of the
// dictionary.
func Clean(s string) string {
	if len(s) > MaxString {
		s = s[:MaxString]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// FromOptions and ToOptions carry the schema of a configuration.
func FromOptions(options []sdk.Option) []*proto.Option {
	var list []*proto.Option
	for i := range options {
		list = append(list, fromOption(&options[i]))
	}
	return list
}

func fromOption(o *sdk.Option) *proto.Option {
	p := &proto.Option{
		Key: Clean(o.Key), Kind: string(o.Kind), Doc: Clean(o.Doc), Default: Clean(o.Default), Unit: Clean(o.Unit),
		Min: o.Min, Max: o.Max, Enum: o.Enum, Required: o.Required, Options: FromOptions(o.Options),
	}
	if o.Elem != nil {
		p.Elem = fromOption(o.Elem)
	}
	return p
}

// A schema nests no deeper, and has no more keys altogether.
const (
	maxDepth   = 16
	maxOptions = 4096
)

var kinds = map[sdk.OptionKind]bool{
	sdk.OptionString: true, sdk.OptionBool: true, sdk.OptionInteger: true, sdk.OptionNumber: true,
	sdk.OptionDuration: true, sdk.OptionSize: true, sdk.OptionSecret: true, sdk.OptionTable: true,
	sdk.OptionList: true, sdk.OptionMap: true,
}

// ToOptions checks what it reads: sdk.Check can rely on it.
func ToOptions(list []*proto.Option) ([]sdk.Option, error) {
	room := maxOptions
	return toOptions(list, maxDepth, &room)
}

func toOptions(list []*proto.Option, depth int, room *int) ([]sdk.Option, error) {
	var options []sdk.Option
	seen := make(map[string]bool, len(list))
	for _, p := range list {
		o, err := toOption(p, depth, room)
		if err != nil {
			return nil, err
		}
		if o.Key == "" || seen[o.Key] {
			return nil, fmt.Errorf("schema: key %q is empty or stands twice", o.Key)
		}
		seen[o.Key] = true
		options = append(options, o)
	}
	return options, nil
}

func toOption(p *proto.Option, depth int, room *int) (sdk.Option, error) {
	if *room--; depth == 0 || *room < 0 {
		return sdk.Option{}, fmt.Errorf("schema: more than %d levels or %d keys", maxDepth, maxOptions)
	}
	o := sdk.Option{
		Key: p.GetKey(), Kind: sdk.OptionKind(p.GetKind()), Doc: p.GetDoc(), Default: p.GetDefault(), Unit: p.GetUnit(),
		Min: p.GetMin(), Max: p.GetMax(), Enum: p.GetEnum(), Required: p.GetRequired(),
	}
	if !kinds[o.Kind] {
		return o, fmt.Errorf("schema: `%s` is of the unknown kind %q", o.Key, p.GetKind())
	}
	var err error
	if o.Options, err = toOptions(p.GetOptions(), depth-1, room); err != nil {
		return o, err
	}
	if o.Kind == sdk.OptionList || o.Kind == sdk.OptionMap {
		if p.GetElem() == nil {
			return o, fmt.Errorf("schema: `%s` does not say what its elements are", o.Key)
		}
		elem, err := toOption(p.GetElem(), depth-1, room)
		if err != nil {
			return o, err
		}
		o.Elem = &elem
	}
	return o, nil
}

// FromFaults and ToFaults carry what is wrong with a configuration.
func FromFaults(faults []sdk.Fault) []*proto.Fault {
	var list []*proto.Fault
	for _, f := range faults {
		p := &proto.Fault{Problem: Clean(f.Problem), Remedy: Clean(f.Remedy)}
		for _, key := range f.Path {
			p.Path = append(p.Path, Clean(key))
		}
		list = append(list, p)
	}
	return list
}

// ToFaults puts the faults below a key.
func ToFaults(key string, list []*proto.Fault) []sdk.Fault {
	var faults []sdk.Fault
	for _, p := range list {
		faults = append(faults, sdk.Fault{
			Path: append([]string{key}, p.GetPath()...), Problem: p.GetProblem(), Remedy: p.GetRemedy(),
		})
	}
	return faults
}

// ErrPanic and ErrCancelled stand for the codes that no error of the sdk does.
var (
	ErrPanic     = errors.New("the plugin panicked")
	ErrCancelled = errors.New("the call's time was over")
)

// FromError carries an error of a call; nil for none.
func FromError(err error) *proto.Error {
	if err == nil {
		return nil
	}
	p := &proto.Error{Text: Clean(err.Error())}
	var partial *sdk.PartialError
	var retry *sdk.RetryError
	switch {
	case errors.As(err, &partial):
		p.Code, p.DeadLettered = proto.Error_PARTIAL, partial.DeadLettered
		if partial.Err != nil {
			p.Text = Clean(partial.Err.Error())
		}
		for _, i := range partial.Rejected {
			if i >= 0 && i <= math.MaxInt32 {
				p.Rejected = append(p.Rejected, uint32(i))
			}
		}
	case errors.As(err, &retry):
		p.Code, p.After = proto.Error_RETRY, int64(retry.After)
		if retry.Err != nil {
			p.Text = Clean(retry.Err.Error())
		}
	case errors.Is(err, ErrPanic):
		p.Code = proto.Error_PANIC
	case errors.Is(err, sdk.ErrPermanent):
		p.Code = proto.Error_PERMANENT
	case errors.Is(err, sdk.ErrEnd):
		p.Code = proto.Error_END
	case errors.Is(err, sdk.ErrNoData):
		p.Code = proto.Error_NO_DATA
	case errors.Is(err, ErrCancelled):
		p.Code = proto.Error_CANCELLED
	}
	return p
}

// farError is an error that the peer has told: its text, and what it stands for here.
type farError struct {
	text string
	is   error
}

func (e *farError) Error() string { return e.text }
func (e *farError) Unwrap() error { return e.is }

// A far end that is told to wait does not wait for longer.
const longestRetry = time.Hour

// ToError returns the error that p stands for; nil for none.
func ToError(p *proto.Error) error {
	if p == nil {
		return nil
	}
	plain := &farError{text: Clean(p.GetText())}
	switch p.GetCode() {
	case proto.Error_PARTIAL:
		e := &sdk.PartialError{DeadLettered: p.GetDeadLettered(), Err: plain}
		for _, i := range p.GetRejected() {
			e.Rejected = append(e.Rejected, int(i))
		}
		return e
	case proto.Error_RETRY:
		return &sdk.RetryError{After: min(max(time.Duration(p.GetAfter()), 0), longestRetry), Err: plain}
	case proto.Error_PANIC:
		plain.is = ErrPanic
	case proto.Error_PERMANENT:
		plain.is = sdk.ErrPermanent
	case proto.Error_END:
		plain.is = sdk.ErrEnd
	case proto.Error_NO_DATA:
		plain.is = sdk.ErrNoData
	case proto.Error_CANCELLED:
		plain.is = ErrCancelled
	}
	return plain
}

// FromConfig writes a table of a configuration as a JSON object.
func FromConfig(table map[string]any) ([]byte, error) {
	if table == nil {
		table = map[string]any{}
	}
	text, err := json.Marshal(table)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return text, nil
}

// ToConfig reads a table as a TOML decoder would yield it.
func ToConfig(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var table map[string]any
	if err := d.Decode(&table); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	for key, value := range table {
		table[key] = plain(value)
	}
	return table, nil
}

// plain replaces JSON's numbers by those of TOML.
func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := value.Float64()
		return f
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = plain(value[key])
		}
	}
	return value
}

// Role returns a role of the sdk in the protocol, and ToRole the other way.
func Role(r sdk.Role) proto.Role { return proto.Role(r) }

// ToRole returns a role of the protocol in the sdk; it is not ok for one that there is not.
func ToRole(r proto.Role) (role sdk.Role, ok bool) {
	return sdk.Role(r), r >= 0 && r <= proto.Role_OUTPUT
}
