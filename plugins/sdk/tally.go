package sdk

// Reason names why a metric was dropped. It appears as a label, so a plugin uses few of them.
type Reason string

// The reasons that the sdk and the engine use; a plugin may name its own.
const (
	DropSeriesCap Reason = "series_cap" // the catalog is full
	DropLate      Reason = "late"       // its window had been closed
	DropInvalid   Reason = "invalid"    // it cannot be decoded or written
	DropPanic     Reason = "panic"      // a plugin panicked over it
	DropQueueFull Reason = "queue_full" // an output was slower than its queue is long
	DropRejected  Reason = "rejected"   // the far end refused it for good
	DropShutdown  Reason = "shutdown"   // the agent ended before it could be delivered
)

// Tally counts what entered and left a batch since the tally was last taken. The sums are what makes
// the ledger exact: every row is added once, and leaves once.
type Tally struct {
	Added    uint64
	Absorbed uint64 // marks set, not rows gone
	Filtered uint64
	Merged   uint64
	Conflict uint64 // fields that a merge found with two values
	Drops    []Drop // by reason, in order of first use
}

// Drop counts the rows dropped for one reason.
type Drop struct {
	Reason Reason
	Count  uint64
}

// Dropped returns the sum over all reasons.
func (t *Tally) Dropped() uint64 {
	var n uint64
	for _, d := range t.Drops {
		n += d.Count
	}
	return n
}

// AddDrops counts n more rows dropped for reason r.
func (t *Tally) AddDrops(r Reason, n uint64) {
	if n == 0 {
		return
	}
	for i := range t.Drops {
		if t.Drops[i].Reason == r {
			t.Drops[i].Count += n
			return
		}
	}
	t.Drops = append(t.Drops, Drop{r, n})
}

// Plus adds the counts of u to t.
func (t *Tally) Plus(u *Tally) {
	t.Added += u.Added
	t.Absorbed += u.Absorbed
	t.Filtered += u.Filtered
	t.Merged += u.Merged
	t.Conflict += u.Conflict
	for _, d := range u.Drops {
		t.AddDrops(d.Reason, d.Count)
	}
}

// Reset sets all counts to zero and keeps the memory.
func (t *Tally) Reset() {
	drops := t.Drops[:0]
	*t = Tally{Drops: drops}
}
