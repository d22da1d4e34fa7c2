//go:build faults

package queue

const (
	damageRounds = 1000
	killRounds   = 200
	sumSeeds     = 1000
)
