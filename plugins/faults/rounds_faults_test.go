//go:build faults

package faults

const (
	networkRounds = 20 // of all faults of a network
	fleetRounds   = 50
)
