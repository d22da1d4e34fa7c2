package child

import (
	"context"
	"errors"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// ErrAgain is returned by a session that another one should follow at once.
var ErrAgain = errors.New("ask again")

// Pauses says how long to wait before a program is started anew.
type Pauses struct {
	First   time.Duration // doubled each time
	Longest time.Duration
}

// DefaultPauses suits programs whose failure an operator has to see to.
var DefaultPauses = Pauses{First: 500 * time.Millisecond, Longest: time.Minute}

// Repeat calls session again and again until ctx ends, with growing pauses, and fault with the error of
// each in between, but for [ErrAgain]. A session that lasted for long begins with the first pause again.
func Repeat(ctx context.Context, p Pauses, session func(context.Context) error, fault func(error)) {
	pause := p.First
	for {
		began := time.Now()
		err := session(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrAgain):
			continue
		}
		if time.Since(began) > min(10*pause, p.Longest) {
			pause = p.First
		}
		fault(err)
		if !clock.Sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, p.Longest)
	}
}
