package stdout

import (
	"math"
	"strings"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// reading is what the table shows of a GPU, and statistic which value of it.
type (
	reading   uint8
	statistic uint8
)

const (
	noReading reading = iota
	up
	use
	power
	powerLimit
	memoryUsed
	memoryTotal
	memoryRatio
	temperature
	clock
	reasons
	readings
)

const (
	latest statistic = iota
	mean
	peak
	above
	statistics
)

var readingNames = map[string]reading{
	"up": up, "utilization_ratio": use, "power_watts": power, "power_limit_watts": powerLimit,
	"memory_used_bytes": memoryUsed, "memory_total_bytes": memoryTotal, "memory_used_ratio": memoryRatio,
	"temperature_celsius": temperature, "clock_sm_hertz": clock, "throttle_reasons": reasons,
}

// source says what a field of the stream is to the table.
type source struct {
	known     bool // resolved
	reading   reading
	statistic statistic
	cause     int  // index in causes + 1, for a throttle time
	rate      bool // of a throttle time
}

// resolve finds out what a field of a sample or, if result is set, of a result is.
func resolve(field string, result bool) source {
	s := source{known: true}
	if !result {
		s.reading = readingNames[field]
		s.cause = causeOf(field)
		return s
	}
	for suffix, st := range map[string]statistic{"_mean": mean, "_max": peak, "_above_seconds": above} {
		if base, ok := strings.CutSuffix(field, suffix); ok {
			s.reading, s.statistic = readingNames[base], st
			return s
		}
	}
	if base, ok := strings.CutSuffix(field, "_rate"); ok {
		s.cause, s.rate = causeOf(base), true
		return s
	}
	// What travels along is as good as a sample.
	s.reading, s.cause = readingNames[field], causeOf(field)
	return s
}

// cause is a reason for clocks that are held down, as people call it. Worse ones come first.
type cause struct {
	words string
	field string
	bit   uint64
	style style
}

var causes = [...]cause{
	{"hw thermal", "throttle_hw_thermal_seconds", vocabulary.ThrottleHWThermal, alarm},
	{"power brake", "throttle_power_brake_seconds", vocabulary.ThrottlePowerBrake, alarm},
	{"hw slowdown", "", vocabulary.ThrottleHWSlowdown, alarm},
	{"sw thermal", "throttle_sw_thermal_seconds", vocabulary.ThrottleSWThermal, warn},
	{"thermal", "throttle_thermal_seconds", 0, warn},
	{"reliability", "throttle_reliability_seconds", vocabulary.ThrottleReliability, warn},
	{"board limit", "throttle_board_limit_seconds", vocabulary.ThrottleBoardLimit, plain},
	{"sw power", "throttle_sw_power_seconds", vocabulary.ThrottleSWPower, plain},
	{"sync boost", "throttle_sync_boost_seconds", vocabulary.ThrottleSyncBoost, plain},
}

func causeOf(field string) int {
	for i := range causes {
		if causes[i].field == field && field != "" {
			return i + 1
		}
	}
	return 0
}

// absent stands for a value that nobody has told.
var absent = math.NaN()

func has(v float64) bool { return !math.IsNaN(v) }
