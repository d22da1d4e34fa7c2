package dcgm

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// DCGM says that it has no value by values that are none, see dcgm_structs.h: no data, not found, not
// supported, not permitted. dcgm-exporter writes them as they are.
const (
	blankInt64 = 0x7ffffffffffffff0
	blankFloat = 140737488355328.0
	blankInt32 = 0x7ffffff0
	blanks     = 16 // values from blankFloat and from blankInt32 on that are blank, too
)

// mayBeBlank judges a value of a field whose type is not known. A counter of bytes is above blankFloat in minutes, and
// passes the few blank values there unseen.
func mayBeBlank(v float64) bool {
	return v >= blankInt64 || v >= blankFloat && v < blankFloat+blanks
}

// isBlank reports whether a value of the field, in DCGM's unit, says that there is none.
func (r *reading) isBlank(v float64) bool {
	switch {
	case v >= blankInt64:
		return true
	case r.double:
		return v >= blankFloat
	case r.Kind == sdk.Counter || r.Unit == "bytes_per_second":
		return false
	}
	return v >= blankInt32 && v < blankInt32+blanks
}

// isBlankText is isBlank for texts: <<<NULL>>>, <<<NOT_SUPPORTED>>>, N/A.
func isBlankText(s string) bool {
	return s == "" || s == "N/A" || strings.HasPrefix(s, "<<<") && strings.HasSuffix(s, ">>>")
}
