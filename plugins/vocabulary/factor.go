package vocabulary

import "math"

// Factors from our base units to the units of others: our value × factor = theirs.
const (
	percent    = 100             // ratio to %
	mebi       = 1.0 / (1 << 20) // bytes to MiB
	kilo       = 1e-3            // bytes per second to KB/s
	mega       = 1e-6            // hertz to MHz
	milli      = 1e3             // joules to mJ
	micro      = 1e6             // seconds to µs
	nano       = 1e9             // seconds to ns
	nvlinkRate = 1.0 / 1_024_000 // bytes per second to KiB per ms, which DCGM takes for MB/s
)

// FromSMI turns a number that nvidia-smi printed into ours.
func (r *Reading) FromSMI(v float64) float64 { return ours(v, r.SMIFactor) }

// Ours turns a value of DCGM into ours, Theirs the reverse.
func (d DCGM) Ours(v float64) float64   { return ours(v, d.Factor) }
func (d DCGM) Theirs(v float64) float64 { return theirs(v, d.Factor) }

// Theirs turns a value of ours into Telegraf's.
func (t Telegraf) Theirs(v float64) float64 { return theirs(v, t.Factor) }

// ours undoes a factor. Every factor or its inverse is a whole number; whichever is, is used, so that
// whole numbers stay whole: 1980 MHz is 1980000000 hertz and not a bit less.
func ours(v, factor float64) float64 {
	switch {
	case factor == 0:
		return v
	case factor < 1:
		return v * math.Round(1/factor)
	}
	return v / factor
}

func theirs(v, factor float64) float64 {
	switch {
	case factor == 0:
		return v
	case factor < 1:
		return v / math.Round(1/factor)
	}
	return v * factor
}
