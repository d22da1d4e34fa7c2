package vocabulary

import (
	"cmp"
	"slices"
)

// XID is an error that the driver reports by number.
type XID struct {
	Number      int
	Meaning     string
	Severity    string
	Application bool // a fault of the program that ran, as a rule, and not of the device
}

// xids holds the numbers that operators meet, in order. Sources: NVIDIA's "XID Errors", and for the
// severities the lists that operators alert on.
var xids = []XID{
	{13, "graphics engine exception", Notice, true},
	{31, "memory page fault", Notice, true},
	{32, "invalid or corrupted push buffer stream", Warning, false},
	{38, "driver firmware error", Warning, false},
	{43, "GPU stopped processing a program's work", Notice, true},
	{44, "graphics engine fault during context switch", Warning, false},
	{45, "work cleaned up after an earlier error", Notice, true},
	{48, "uncorrectable (double-bit) memory error", Critical, false},
	{56, "display engine error", Warning, false},
	{57, "error programming the video memory interface", Warning, false},
	{61, "internal microcontroller breakpoint", Warning, false},
	{62, "internal microcontroller halt", Critical, false},
	{63, "memory page retired or row remapped", Warning, false},
	{64, "memory page retirement or row remapping failed", Critical, false},
	{66, "illegal access by the driver", Warning, false},
	{68, "video decoder exception", Notice, true},
	{69, "graphics engine class error", Notice, true},
	{74, "NVLink error", Critical, false},
	{79, "GPU has fallen off the bus", Critical, false},
	{92, "high rate of corrected memory errors", Warning, false},
	{94, "contained memory error", Warning, false},
	{95, "uncontained memory error", Critical, false},
	{109, "context switch timeout", Notice, true},
	{110, "security fault", Warning, false},
	{119, "GSP RPC timeout", Critical, false},
	{120, "GSP error", Critical, false},
	{121, "C2C link error corrected", Warning, false},
	{140, "unrecovered memory error", Warning, false},
	{143, "GPU could not be initialised", Warning, false},
	{154, "recovery action of the GPU changed", Warning, false},
}

// FindXID returns what is known of an XID; of an unknown one, a warning.
func FindXID(number int) XID {
	i, found := slices.BinarySearchFunc(xids, number, func(x XID, n int) int { return cmp.Compare(x.Number, n) })
	if !found {
		return XID{Number: number, Meaning: "see NVIDIA's list of XID errors", Severity: Warning}
	}
	return xids[i]
}
