package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(asHub); path != "" {
		if err := runHub(path); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, natstest.Leaks()...)
}

// patience bounds how long anything may take that does come.
const patience = 2 * time.Minute

// script lets an agent count into a sink behind a proxy.
type script struct {
	t       *testing.T
	proxy   *proxy
	numbers *numbers
	config  []string // of the agent, one of them each time that it is started
	held    func() map[string]int
	there   func(n uint64) bool // whether so many have arrived; where it is nil, the agent's ledger says it

	agent     *agent
	read      uint64 // by agents that have ended
	delivered uint64
	queued    uint64 // on disk, by the last of them
}

// config returns an agent's configuration around that of its output, which has its queue in a folder.
func config(host, folder, output string) string {
	return fmt.Sprintf(`
[agent]
http = ""
hostname = %q
interval = "10ms"
shutdown_grace = "100ms"
[[inputs.numbers]]
%s
flush_interval = "20ms"
timeout = "1s"
queue = { disk = %q }
`, host, output, folder)
}

// play tries each fault so many times, each for a moment, and looks whether all is well in the end. Now and then
// the agent is started anew meanwhile, and the next fault begins before the last one ends.
func (s *script) play(rounds int) {
	s.t.Helper()
	s.begin()
	s.arrive()
	slowest := make(map[fault]time.Duration)
	for range rounds {
		for _, i := range rand.Perm(int(allFaults) - 1) {
			f := fault(i + 1)
			s.proxy.set(f)
			natstest.Eventually(s.t, patience, "strike of "+f.String(), s.proxy.met)
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
			switch rand.IntN(4) {
			case 0:
				s.restart()
			case 1:
				continue
			}
			s.proxy.heal()
			began := time.Now()
			s.arrive()
			slowest[f] = max(slowest[f], time.Since(began))
		}
	}
	s.proxy.heal()
	s.finish()
	s.arrive()
	held := s.held()
	if err := s.numbers.check(held); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("%d metrics, %d came again; longest until all had arrived after %v", s.delivered, twice(held), slowest)
}

// begin starts an agent.
func (s *script) begin() {
	s.t.Helper()
	s.agent = start(s.t, s.config[rand.IntN(len(s.config))], s.numbers.definition())
}

// finish ends the input, waits until all is delivered, and looks at the sums of all agents.
func (s *script) finish() {
	s.t.Helper()
	s.numbers.pause()
	want := uint64(s.numbers.count())
	natstest.Eventually(s.t, patience, fmt.Sprintf("%d metrics from %s", want, s.numbers.host), func() bool { return s.sent(want) })
	s.end()
	if s.read != want || s.delivered != want || s.queued != 0 {
		s.t.Errorf("of %d metrics %d were read and %d delivered, %d are queued", want, s.read, s.delivered, s.queued)
	}
}

// arrive waits until all that has been counted by now is delivered.
func (s *script) arrive() {
	s.t.Helper()
	want := uint64(s.numbers.count())
	there := s.there
	if there == nil {
		there = s.sent
	}
	natstest.Eventually(s.t, patience, fmt.Sprintf("%d metrics", want), func() bool { return there(want) })
}

// sent reports whether the agents have delivered so many.
func (s *script) sent(n uint64) bool {
	if s.agent == nil {
		return s.delivered >= n
	}
	l := s.agent.Ledger()
	return s.delivered+l.Outputs[0].Delivered >= n
}

// restart ends the agent and starts another.
func (s *script) restart() {
	s.t.Helper()
	s.end()
	s.begin()
}

// end ends the agent and adds its ledger to those before.
func (s *script) end() {
	s.t.Helper()
	l := s.agent.stop()
	s.agent = nil
	o := &l.Outputs[0]
	if o.Recovered != s.queued || o.Dropped() > 0 || o.Filtered+o.Absorbed+o.DeadLettered > 0 || o.Volatile > 0 {
		s.t.Errorf("%d were queued; %+v", s.queued, *o)
	}
	s.read += read(&l)
	s.delivered += o.Delivered
	s.queued = o.Queued
}
