package sdk

import (
	"math"
	"testing"
)

func TestSetConverts(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	// A field of type has is set to v: what it holds then, and whether v fitted.
	f := func(has Type, v Value, want string, fits bool) {
		t.Helper()
		for _, way := range []string{"new", "known", "again"} {
			b.Reset()
			m := b.Add(b.Series(way), 1)
			field := Field{Name: "x", Type: has}
			zero := map[Type]Value{Int: IntValue(0), Uint: UintValue(0), Bool: BoolValue(false), String: StringValue("")}[has]
			switch way {
			case "known": // the schema exists
				b.Add(b.Series(way), 1).Set(field, zero)
			case "again":
				m.Set(field, zero)
			}
			if got := m.Set(field, v); got != fits {
				t.Errorf("%s: %v into %v: %v", way, v, has, got)
			}
			if !fits {
				if way != "again" && (m.Len() != 0 || m.Schema().Len() != 0) {
					t.Errorf("%s: %v does not fit into %v, and yet there is a field", way, v, has)
				}
				continue
			}
			if got, ok := m.Lookup("x"); !ok || got.Type() != has || got.String() != want {
				t.Errorf("%s: %v into %v: %v (%v)", way, v, has, got, got.Type())
			}
		}
	}
	f(Float, FloatValue(1.5), "1.5", true)
	f(Float, IntValue(-3), "-3", true)
	f(Float, UintValue(math.MaxUint64), "1.8446744073709552e+19", true)
	f(Int, IntValue(math.MinInt64), "-9223372036854775808", true)
	f(Int, FloatValue(-2.9), "-2", true)
	f(Int, FloatValue(math.MinInt64), "-9223372036854775808", true)
	f(Int, FloatValue(math.MaxInt64), "", false) // 2⁶³ as a float
	f(Int, FloatValue(1e300), "", false)
	f(Int, FloatValue(math.NaN()), "", false)
	f(Int, FloatValue(math.Inf(-1)), "", false)
	f(Int, UintValue(math.MaxInt64), "9223372036854775807", true)
	f(Int, UintValue(math.MaxInt64+1), "", false)
	f(Uint, IntValue(7), "7", true)
	f(Uint, IntValue(-1), "", false)
	f(Uint, FloatValue(1.9), "1", true)
	f(Uint, FloatValue(-1), "", false)
	f(Uint, FloatValue(math.NaN()), "", false)
	f(Uint, FloatValue(math.MaxUint64), "", false) // 2⁶⁴ as a float
	f(Bool, BoolValue(true), "true", true)
	f(Bool, IntValue(1), "", false)
	f(Bool, StringValue("true"), "", false)
	f(String, StringValue("x"), "x", true)
	f(String, StringValue(""), "", true)
	f(String, FloatValue(1), "", false)
	f(Float, StringValue("1"), "", false)
	f(Float, BoolValue(true), "", false)
}

func TestSetKeepsUnitAndTypeOfTheFirst(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	m := b.Add(b.Series("s"), 1)
	first := Field{Name: "x", Unit: "watts", Type: Int, Kind: Counter}
	m.Set(first, IntValue(1))
	if !m.Set(Field{Name: "x", Unit: "bytes", Type: Float}, FloatValue(2.7)) {
		t.Error("a number does not fit into a number")
	}
	if m.Len() != 1 || m.Field(0) != first || m.Value(0) != IntValue(2) {
		t.Errorf("%d fields: %+v = %v", m.Len(), m.Field(0), m.Value(0))
	}
	if m.Set(Field{Name: "x", Type: String}, StringValue("n/a")) || m.Value(0) != IntValue(2) {
		t.Error("a string fits into a number")
	}
}

func TestAFailedSetLeavesTheMetricUsable(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	known := b.Add(b.Series("s"), 1)
	known.Int("a", 1)
	known.Int("b", 1)
	m := b.Add(b.Series("s"), 2)
	m.Int("a", 5)
	if m.Set(Field{Name: "b", Type: Int}, StringValue("no")) {
		t.Error("a string fits into an int")
	}
	m.Int("c", 6)
	m.Int("b", 7)
	checkText(t, b, "s@1{a=1 b=1} s@2{a=5 c=6 b=7}")
}

func TestReadingFields(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	m := b.Add(b.Series("s", Tag{"k", "v"}), 5)
	m.Float("f", 1.5)
	m.Int("i", -2)
	m.Uint("u", math.MaxUint64)
	m.Bool("b", true)
	m.Text("t", "x")
	number := func(name string, want float64, wantOK bool) {
		t.Helper()
		if v, ok := m.Number(name); v != want || ok != wantOK {
			t.Errorf("%s is %v, %v", name, v, ok)
		}
		if slot := m.Schema().Slot(name); wantOK && m.NumberAt(slot) != want {
			t.Errorf("slot %d of %s is %v", slot, name, m.NumberAt(slot))
		}
	}
	number("f", 1.5, true)
	number("i", -2, true)
	number("u", math.MaxUint64, true)
	number("b", 0, false)
	number("t", 0, false)
	number("absent", 0, false)
	if v, ok := m.Lookup("b"); !ok || !v.Bool() || v.Type() != Bool {
		t.Errorf("b is %v, %v", v, ok)
	}
	if m.Tag("k") != "v" || m.Tag("l") != "" || m.Name() != "s" || m.Time() != 5 || m.Origin() != m.Series() {
		t.Error("series, tag, time or origin")
	}
}

func TestAnnotate(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	c := b.Catalog()
	m := b.Add(b.Series("s"), 1)
	m.Annotate(nil)
	if m.Annotations() != nil {
		t.Error("nil is something")
	}
	first := c.Annotations(Tag{"a", "1"})
	m.Annotate(first)
	m.Annotate(first)
	if m.Annotations() != first {
		t.Error("the first stays as it is")
	}
	m.Annotate(c.Annotations(Tag{"a", "2"}, Tag{"b", "3"}))
	if m.Annotations() != c.Annotations(Tag{"a", "1"}, Tag{"b", "3"}) {
		t.Errorf("%v: what the metric bears wins", m.Annotations().Tags())
	}
}

func TestClassesAndTypesHaveNames(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(ClassSample.String()+ClassResult.String()+ClassEvent.String()+ClassInfo.String(), "sampleresulteventinfo")
	f(Float.String()+Int.String()+Uint.String()+Bool.String()+String.String(), "floatintuintboolstring")
	f(Gauge.String()+Counter.String()+Info.String(), "gaugecounterinfo")
	f(Class(9).String()+Type(9).String()+Kind(9).String()+Role(9).String(), "unknownunknownunknownunknown")
}

func TestValues(t *testing.T) {
	if !FloatValue(math.NaN()).Equal(FloatValue(math.NaN())) || FloatValue(0).Equal(FloatValue(math.Copysign(0, -1))) {
		t.Error("Equal compares bits")
	}
	if FloatValue(1).Equal(IntValue(1)) || (Value{}) != FloatValue(0) {
		t.Error("Equal compares types")
	}
	for _, v := range []Value{FloatValue(math.NaN()), FloatValue(math.Inf(1)), FloatValue(math.Inf(-1))} {
		if v.Finite() {
			t.Errorf("%v is finite", v)
		}
	}
	for _, v := range []Value{FloatValue(math.MaxFloat64), UintValue(math.MaxUint64), IntValue(-1), StringValue("NaN"), BoolValue(true)} {
		if !v.Finite() {
			t.Errorf("%v is not finite", v)
		}
	}
}
