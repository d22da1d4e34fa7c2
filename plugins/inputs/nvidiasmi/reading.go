package nvidiasmi

import (
	"bytes"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// reading is a row of the vocabulary with what it takes to decode it here.
type reading struct {
	vocabulary.Reading
	form form
}

// form says how nvidia-smi writes a reading.
type form uint8

const (
	formNumber form = iota // "16.32 W"
	formWord               // "Enabled"
	formState              // "P8"
	formFlag               // "Yes"
	formMask               // "0x0000000000000004"
	formAction             // "Drain and Reset"
)

// readings holds the whole vocabulary; a reading's position in it, its slot, names it in this package.
var readings, slots = load()

func load() ([]reading, map[string]int) {
	all := vocabulary.All()
	table, slots := make([]reading, len(all)), make(map[string]int, len(all))
	for i, r := range all {
		table[i] = reading{r, formOf(&r)}
		slots[r.Metric+" "+r.Name] = i
	}
	return table, slots
}

func formOf(r *vocabulary.Reading) form {
	switch {
	case r.Type.Numeric() && r.Name == "pstate":
		return formState
	case r.Name == "throttle_reasons":
		return formMask
	case r.Name == "recovery_action":
		return formAction
	case r.Bounded && r.Max == 1 && r.Unit == "":
		return formFlag
	case r.Type.Numeric():
		return formNumber
	}
	return formWord
}

var (
	slotUp        = slots[vocabulary.GPU+" up"]
	slotUsed      = slots[vocabulary.GPU+" memory_used_bytes"]
	slotReserved  = slots[vocabulary.GPU+" memory_reserved_bytes"]
	slotTotal     = slots[vocabulary.GPU+" memory_total_bytes"]
	slotUsedRatio = slots[vocabulary.GPU+" memory_used_ratio"]
	slotReasons   = slots[vocabulary.GPU+" throttle_reasons"]
	slotECC       = slots[vocabulary.GPU+" ecc_uncorrected_errors"]
)

// decode turns what nvidia-smi printed into our number. ok is false for whatever stands in place of a
// value, and for a unit that is not the reading's. column is the unit that a CSV header promises for
// values that bear none themselves; nil is the vocabulary's.
func (r *reading) decode(text []byte, column *scale) (v float64, ok bool) {
	switch r.form {
	case formNumber:
		n, unit, ok := quantity(text)
		if !ok {
			return 0, false
		}
		if len(unit) > 0 {
			s, known := scaleOf(unit)
			return s.apply(n), known && s.unit == r.Unit
		}
		if column != nil {
			return column.apply(n), true
		}
		return r.FromSMI(n), true
	case formState:
		if text = bytes.TrimSpace(text); len(text) < 2 || text[0] != 'P' {
			return 0, false
		}
		n, length := decimal.Parse(text[1:])
		return n, length == len(text)-1
	case formFlag:
		switch word, _ := word(text); string(word) {
		case "Yes", "True":
			return 1, true
		case "No", "False":
			return 0, true
		}
	case formMask:
		mask, ok := bitmask(text)
		return float64(mask), ok
	case formAction:
		return recovery(text)
	}
	return 0, false
}

// The recovery actions of NVML, by the words that stand for them.
func recovery(text []byte) (code float64, ok bool) {
	w, ok := word(text)
	switch {
	case !ok:
		return 0, false
	case bytes.EqualFold(w, []byte("none")):
		return 0, true
	}
	s := strings.ToLower(string(w))
	switch {
	case strings.Contains(s, "imex"):
		return 5, true
	case strings.Contains(s, "bus"):
		return 6, true
	case strings.Contains(s, "system"):
		return 7, true
	case strings.Contains(s, "drain") && strings.Contains(s, "reset"):
		return 4, true
	case strings.Contains(s, "drain"):
		return 3, true
	case strings.Contains(s, "reboot"):
		return 2, true
	case strings.Contains(s, "reset"):
		return 1, true
	}
	return 0, false
}

// The elements below clocks_event_reasons and clocks_throttle_reasons, without their prefix.
var reasonBits = map[string]uint64{
	"gpu_idle":                    vocabulary.ThrottleIdle,
	"applications_clocks_setting": vocabulary.ThrottleApplicationsClocks,
	"user_defined_clocks":         vocabulary.ThrottleApplicationsClocks,
	"sw_power_cap":                vocabulary.ThrottleSWPower,
	"hw_slowdown":                 vocabulary.ThrottleHWSlowdown,
	"sync_boost":                  vocabulary.ThrottleSyncBoost,
	"sw_thermal_slowdown":         vocabulary.ThrottleSWThermal,
	"hw_thermal_slowdown":         vocabulary.ThrottleHWThermal,
	"hw_power_brake_slowdown":     vocabulary.ThrottlePowerBrake,
	"display_clocks_setting":      vocabulary.ThrottleDisplay,
	"board_limit":                 vocabulary.ThrottleBoardLimit,
	"reliability":                 vocabulary.ThrottleReliability,
}
