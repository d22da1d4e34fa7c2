package simulate

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// server answers requests with a card: each burst of work is one. It has no queue, so that what a request takes
// is what the card takes for it, and a lower clock shows in it at once.
type server struct {
	began float64 // when the request at hand did, in seconds since the model began

	requests, errors int64 // since the model began

	answered int     // since the last forget
	took     float64 // seconds, all of those together
}

func (s *server) begin(at float64) { s.began = at }

func (s *server) answer(at float64) {
	s.requests++
	s.answered++
	s.took += at - s.began
}

// fail ends the request at hand without an answer.
func (s *server) fail() { s.errors++ }

func (s *server) forget() { s.answered, s.took = 0, 0 }

var (
	served  = vocabulary.Field(vocabulary.Inference, "requests")
	failed  = vocabulary.Field(vocabulary.Inference, "errors")
	running = vocabulary.Field(vocabulary.Inference, "running")
	latency = vocabulary.Field(vocabulary.Inference, "latency_seconds")
	compute = vocabulary.Field(vocabulary.Inference, "compute_seconds")
)

// serving returns the tags of a card's server: those of the card, so that the two can be joined, and the model's.
func serving(card []sdk.Tag) []sdk.Tag {
	return append(card[:len(card):len(card)],
		sdk.Tag{Key: vocabulary.TagModel, Value: "simulated"}, sdk.Tag{Key: vocabulary.TagVersion, Value: "1"})
}

// reportServer adds what a card's server says. Its means are absent while no request ends, as those of a real
// one are.
func reportServer(b *sdk.Batch, series *sdk.Series, w *work, now int64) {
	m := b.Add(series, now)
	m.SetNumber(served, float64(w.server.requests))
	m.SetNumber(failed, float64(w.server.errors))
	busy := 0.0
	if w.busy {
		busy = 1
	}
	m.SetNumber(running, busy)
	if n := w.server.answered; n > 0 {
		mean := w.server.took / float64(n)
		m.SetNumber(latency, mean)
		m.SetNumber(compute, mean)
	}
}
