//go:build !faults

package queue

// How often each fault is tried: see make faults for the long form.
const (
	damageRounds = 50
	killRounds   = 5
	sumSeeds     = 30
)
