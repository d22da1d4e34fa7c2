package sdk

import (
	"math"
	"strconv"
)

// Value is one field's value with its type. The zero Value is the float 0.
type Value struct {
	bits uint64
	text string
	typ  Type
}

// FloatValue, IntValue, UintValue, BoolValue and StringValue make a Value of their type.
func FloatValue(v float64) Value { return Value{bits: math.Float64bits(v), typ: Float} }
func IntValue(v int64) Value     { return Value{bits: uint64(v), typ: Int} }
func UintValue(v uint64) Value   { return Value{bits: v, typ: Uint} }
func StringValue(v string) Value { return Value{text: v, typ: String} }
func BoolValue(v bool) Value {
	if v {
		return Value{bits: 1, typ: Bool}
	}
	return Value{typ: Bool}
}

// Type returns the value's type.
func (v Value) Type() Type { return v.typ }

// Float returns a float's value; for other types the result is meaningless. Int, Uint, Bool and Text
// do the same for theirs; Number converts.
func (v Value) Float() float64 { return math.Float64frombits(v.bits) }
func (v Value) Int() int64     { return int64(v.bits) }
func (v Value) Uint() uint64   { return v.bits }
func (v Value) Bool() bool     { return v.bits != 0 }
func (v Value) Text() string   { return v.text }

// Number returns a numeric value as a float64, and false for a bool or a string.
func (v Value) Number() (float64, bool) {
	switch v.typ {
	case Float:
		return math.Float64frombits(v.bits), true
	case Int:
		return float64(int64(v.bits)), true
	case Uint:
		return float64(v.bits), true
	}
	return 0, false
}

// Finite reports whether the value can be written anywhere: NaN and the infinities cannot.
func (v Value) Finite() bool {
	if v.typ != Float {
		return true
	}
	const exponent = 0x7ff << 52
	return v.bits&exponent != exponent
}

// Equal reports whether two values are the same bit by bit, types included.
func (v Value) Equal(w Value) bool { return v == w }

// String formats the value for people and for tests.
func (v Value) String() string {
	switch v.typ {
	case Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case Int:
		return strconv.FormatInt(v.Int(), 10)
	case Uint:
		return strconv.FormatUint(v.Uint(), 10)
	case Bool:
		return strconv.FormatBool(v.Bool())
	}
	return v.text
}

// As converts v to the type t. Numbers convert where nothing but a fraction is lost; everything else
// must have the type already.
func (v Value) As(t Type) (Value, bool) {
	if v.typ == t {
		return v, true
	}
	if !v.typ.Numeric() || !t.Numeric() {
		return Value{}, false
	}
	f, _ := v.Number()
	switch t {
	case Float:
		return FloatValue(f), true
	case Int:
		if v.typ == Uint {
			return IntValue(int64(v.bits)), v.bits <= math.MaxInt64
		}
		return IntValue(int64(f)), f >= math.MinInt64 && f < math.MaxInt64
	default:
		if v.typ == Int {
			return UintValue(v.bits), int64(v.bits) >= 0
		}
		return UintValue(uint64(f)), f >= 0 && f < math.MaxUint64
	}
}
