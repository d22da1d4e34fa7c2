package lineprotocol

import "fmt"

// Precision is the unit of time stamps, in nanoseconds. The zero value stands for Nanosecond.
type Precision int64

// The precisions that InfluxDB knows.
const (
	Nanosecond  Precision = 1
	Microsecond Precision = 1e3
	Millisecond Precision = 1e6
	Second      Precision = 1e9
)

// ParsePrecision parses "ns", "us", "ms" or "s"; "" is "ns".
func ParsePrecision(text string) (Precision, error) {
	switch text {
	case "", "ns":
		return Nanosecond, nil
	case "us", "µs":
		return Microsecond, nil
	case "ms":
		return Millisecond, nil
	case "s":
		return Second, nil
	}
	return 0, fmt.Errorf("unknown precision %q: use ns, us, ms or s", text)
}

// nanoseconds converts a time stamp, and reports whether it fits.
func (p Precision) nanoseconds(stamp int64) (int64, bool) {
	if p <= Nanosecond {
		return stamp, true
	}
	ns := stamp * int64(p)
	return ns, ns/int64(p) == stamp
}
