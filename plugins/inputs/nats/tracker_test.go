package nats

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// watch is a tracker that is shown messages.
type watch struct {
	*tracker
	t        *testing.T
	delivery uint64
}

func newWatch(t *testing.T) *watch {
	f := newFigures(sdk.NewMeter())
	return &watch{tracker: newTracker(&f), t: t}
}

// message shows the next delivery.
func (w *watch) message(agent string, epoch, seq uint64, part, parts int, delivered uint64) {
	w.delivery++
	h := nats.Header{}
	natsclient.Part{ID: sdk.BatchID{Agent: agent, Epoch: epoch, Seq: seq}, Part: part, Parts: parts}.AddTo(h)
	w.see(h, &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: w.delivery}, NumDelivered: delivered})
}

// batch shows a batch of one message.
func (w *watch) batch(agent string, epoch, seq uint64) { w.message(agent, epoch, seq, 1, 1, 1) }

func (w *watch) want(batches, parts, duplicates float64) {
	w.t.Helper()
	f := w.figures
	if f.missingBatches.Get() != batches || f.missingParts.Get() != parts || f.duplicates.Get() != duplicates {
		w.t.Errorf("%v batches and %v messages missing, %v duplicates; want %v, %v, %v",
			f.missingBatches.Get(), f.missingParts.Get(), f.duplicates.Get(), batches, parts, duplicates)
	}
}

func TestMissingBatches(t *testing.T) {
	w := newWatch(t)
	w.batch("a", 1, 7)
	w.batch("b", 1, 100)
	w.batch("a", 1, 8)
	w.batch("a", 1, 12)
	w.batch("b", 1, 101)
	w.want(3, 0, 0)
	w.batch("a", 2, 5) // started anew: another queue
	w.batch("a", 2, 6)
	w.want(3, 0, 0)
	w.batch("a", 1, 14) // two outputs of one agent, in turn
	w.batch("a", 2, 7)
	w.batch("a", 1, 15)
	w.want(4, 0, 0)
}

func TestMissingParts(t *testing.T) {
	w := newWatch(t)
	for _, part := range []int{1, 3, 4} {
		w.message("a", 1, 1, part, 4, 1)
	}
	w.want(0, 0, 0)
	for part := range 4 {
		w.message("a", 1, 2, part+1, 4, 1)
	}
	w.want(0, 1, 0)
	w.message("a", 1, 5, 1, 1, 1)
	w.want(2, 1, 0)
}

// An agent that was started anew cuts the batch that it had begun to send into fewer messages, or into more.
func TestBatchIsCutAnew(t *testing.T) {
	w := newWatch(t)
	w.message("a", 1, 1, 1, 4, 1)
	w.message("a", 1, 1, 2, 4, 1)
	w.message("a", 1, 1, 1, 2, 1)
	w.message("a", 1, 1, 2, 4, 2) // given back by a hub
	w.message("a", 1, 1, 2, 2, 1)
	w.batch("a", 1, 2)
	w.want(0, 0, 0)
	w.message("a", 1, 3, 1, 2, 1)
	for part := range 4 {
		w.message("a", 1, 3, part+1, 4, 1)
	}
	w.batch("a", 1, 4)
	w.want(0, 0, 1)
}

func TestDuplicateMessages(t *testing.T) {
	w := newWatch(t)
	w.message("a", 1, 1, 1, 2, 1)
	w.message("a", 1, 1, 2, 2, 1)
	w.message("a", 1, 1, 2, 2, 1)
	w.want(0, 0, 1)
	w.message("a", 1, 1, 2, 2, 2) // given back by a hub, and delivered again
	w.want(0, 0, 1)
	w.batch("a", 1, 2)
	w.message("a", 1, 1, 1, 2, 1)
	w.want(0, 0, 2)
	for seq := uint64(3); seq < 100; seq++ {
		w.batch("a", 1, seq)
	}
	w.batch("a", 1, 2) // too long ago to be known
	w.want(0, 0, 2)
}

// A hub that sees a part of the messages counts nothing that others may have.
func TestSharedConsumer(t *testing.T) {
	w := newWatch(t)
	for seq := uint64(1); seq < 100; seq++ {
		if seq%3 == 0 {
			w.delivery++ // to another hub
			continue
		}
		w.batch("a", 1, seq)
	}
	w.want(0, 0, 0)
	w.batch("a", 1, 100) // alone again
	w.batch("a", 1, 104)
	w.want(3, 0, 0)
}

func TestAgentsAreBounded(t *testing.T) {
	w := newWatch(t)
	for i := range maxAgents + 10 {
		w.batch(fmt.Sprint(i), 1, 1)
	}
	if len(w.agents) > maxAgents {
		t.Errorf("%d agents", len(w.agents))
	}
	w.see(nats.Header{"X": {"y"}}, nil)
	w.see(nil, nil)
	w.want(0, 0, 0)
}
