//go:build !faults

package faults

// How often each fault is tried: see make faults for the long form.
const (
	networkRounds = 1 // of all faults of a network
	fleetRounds   = 3
)
