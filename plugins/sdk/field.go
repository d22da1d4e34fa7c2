package sdk

// Type is the type of a field's value. A field keeps its type for ever: databases refuse a change.
type Type uint8

// The types that line protocol knows.
const (
	Float Type = iota
	Int
	Uint
	Bool
	String
)

var typeNames = [...]string{"float", "int", "uint", "bool", "string"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// Numeric reports whether a value of the type can be averaged.
func (t Type) Numeric() bool { return t <= Uint }

// Kind says how a field behaves over time, and so what a window may do with it.
type Kind uint8

const (
	Gauge   Kind = iota // a level: windows take its mean and its extremes
	Counter             // only grows, until it is reset: windows take its rate
	Info                // a code or a constant: windows carry its last value along
)

var kindNames = [...]string{"gauge", "counter", "info"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Unit is a base unit in the plural, as it ends a field's name: "ratio", "bytes", "watts", "joules",
// "celsius", "hertz", "seconds", or "" for a number without one.
type Unit string

// Field describes one value of a metric. It is comparable, and part of a [Schema].
type Field struct {
	Name string
	Unit Unit
	Type Type
	Kind Kind
}
