package child

// Mailbox hands values from the goroutine that follows a program to the one that reads, which takes them
// from C. The sender never waits: where there is no room, the oldest value goes.
type Mailbox[T any] struct {
	C    chan T
	lost func(T)
}

// NewMailbox returns a mailbox with room for so many values. lost gets each that went, on the sender's
// goroutine.
func NewMailbox[T any](room int, lost func(T)) *Mailbox[T] {
	return &Mailbox[T]{C: make(chan T, room), lost: lost}
}

// Put passes v to the reader. It belongs to one goroutine.
func (m *Mailbox[T]) Put(v T) {
	for {
		select {
		case m.C <- v:
			return
		default:
		}
		select {
		case old := <-m.C:
			m.lost(old)
		default:
		}
	}
}

// Spares are what a mailbox's values are made of: those that have been read are filled again.
type Spares[T any] chan *T

// NewSpares returns room for so many of them.
func NewSpares[T any](room int) Spares[T] { return make(Spares[T], room) }

// Take returns one that is there, as it was given back, or a new one.
func (s Spares[T]) Take() *T {
	select {
	case v := <-s:
		return v
	default:
		return new(T)
	}
}

// GiveBack keeps v, where there is room.
func (s Spares[T]) GiveBack(v *T) {
	select {
	case s <- v:
	default:
	}
}
