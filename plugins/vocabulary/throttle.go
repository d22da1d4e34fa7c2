package vocabulary

import "time"

// Throttle is one bit of throttle_reasons.
type Throttle struct {
	Bit     int64
	Name    string // as in throttle_NAME_seconds where there is such a counter
	Counter string // the field that counts its time, "" if none
	Fault   string // severity of its onset, "" where the bit is part of normal work
	Help    string
}

// The bits of throttle_reasons.
const (
	ThrottleIdle               = 0x1
	ThrottleApplicationsClocks = 0x2
	ThrottleSWPower            = 0x4
	ThrottleHWSlowdown         = 0x8
	ThrottleSyncBoost          = 0x10
	ThrottleSWThermal          = 0x20
	ThrottleHWThermal          = 0x40
	ThrottlePowerBrake         = 0x80
	ThrottleDisplay            = 0x100
	ThrottleBoardLimit         = 0x200 // this and the next one since driver 615
	ThrottleReliability        = 0x400
)

var throttles = [...]Throttle{
	{ThrottleIdle, "idle", "", "", "nothing to do"},
	{ThrottleApplicationsClocks, "applications_clocks", "", "", "clocks that an operator has set"},
	{ThrottleSWPower, "sw_power", "throttle_sw_power_seconds", Notice, "power limit; normal for a device at full load"},
	{ThrottleHWSlowdown, "hw_slowdown", "", Warning, "hardware slowdown: too hot, power brake, or too much current"},
	{ThrottleSyncBoost, "sync_boost", "throttle_sync_boost_seconds", Notice, "another device of the sync boost group"},
	{ThrottleSWThermal, "sw_thermal", "throttle_sw_thermal_seconds", Warning, "above the operating temperature"},
	{ThrottleHWThermal, "hw_thermal", "throttle_hw_thermal_seconds", Critical, "far too hot: clocks halved, or worse"},
	{ThrottlePowerBrake, "power_brake", "throttle_power_brake_seconds", Critical, "the system's power supply asks for less"},
	{ThrottleDisplay, "display", "", "", "clocks that the display needs"},
	{ThrottleBoardLimit, "board_limit", "throttle_board_limit_seconds", Notice, "a limit of the board's voltage or current"},
	{ThrottleReliability, "reliability", "throttle_reliability_seconds", "", "the limit of reliable voltage; normal at the fastest clocks"},
}

// Throttles returns the table of bits, in their order. The slice is the caller's own.
func Throttles() []Throttle { return append([]Throttle(nil), throttles[:]...) }

// Onsets follows throttle_reasons of one device and tells when clocks begin to be held back. The zero
// value is ready.
type Onsets struct {
	last [len(throttles)]int64 // when the bit was last seen, 0 for never
}

// A reason that returns sooner than this is the same episode: a device at its power limit touches it
// many times a second.
const episode = int64(10 * time.Second)

// Observe adds an event for each reason in bits that was not there in the last ten seconds, the
// harmless ones left out.
func (o *Onsets) Observe(r Reporter, bits int64) {
	for i := range throttles {
		reason := &throttles[i]
		if bits&reason.Bit == 0 || reason.Fault == "" {
			continue
		}
		if o.last[i] == 0 || r.time-o.last[i] > episode {
			r.Add(EventThrottle, reason.Name, reason.Fault, "clocks held back: "+reason.Help)
		}
		o.last[i] = r.time
	}
}
