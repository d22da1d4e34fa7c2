package faults

// fault is what a proxy does to what passes.
type fault int

// The faults of a network, and of a server behind it.
const (
	none         fault = iota
	hang               // connections are taken, and nothing passes before the fault ends
	slow               // some bytes pass, then some more
	resetRequest       // RST in the middle of what a client says
	resetAnswer        // what a client says arrives, and RST comes in the middle of the answer
	cutAnswer          // the same with FIN
	halfOpen           // what a client says arrives, and nothing comes back, ever, on a connection where this began
	dead               // nothing passes, ever, on a connection where this began, and nobody closes it
	allFaults
)

func (f fault) String() string {
	return [...]string{"none", "hang", "slow", "reset request", "reset answer", "cut answer", "half-open", "dead"}[f]
}

// strikes reports whether f does something to what a client says, or else to what a server answers.
func (f fault) strikes(asks bool) bool {
	switch f {
	case none:
		return false
	case resetRequest:
		return asks
	case resetAnswer, cutAnswer, halfOpen:
		return !asks
	}
	return true
}
