//go:build soak

package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

var length = flag.Duration("soak", time.Hour, "how long TestSoak lasts; 12m at least")

// An agent works for an hour while everything around it changes and fails: series and fields that nobody had before,
// a database and a stream that are away, processes that are killed, reloads, and stops of the agent itself. In the
// last third it takes no more than in the second, and every row is where its ledger says.
func TestSoak(t *testing.T) {
	if *length < 12*time.Minute {
		t.Fatal("in less than 12m nothing that is idle has left when the second third begins")
	}
	s := newSoak(t)
	s.work()
	s.rest()
	s.flat(t)
	s.account(t)
}

// soak is an agent in a world that fails.
type soak struct {
	t        *testing.T
	programs programs
	agent    *process
	http     string // addresses of the agent
	listener string
	debug    string
	world    *world
	db       *database
	network  *proxy // to the database
	server   *natstest.Server
	stream   jetstream.Stream
	path     string // of the configuration
	folder   string // of queues

	used []usage
}

func newSoak(t *testing.T) *soak {
	s := &soak{t: t, programs: build(t), world: newWorld(t), db: newDatabase(t), server: natstest.Run(t, nil), folder: t.TempDir()}
	s.db.status = refusals()
	port := func() string { return fmt.Sprintf("127.0.0.1:%d", natstest.FreePort(t)) }
	s.http, s.listener, s.debug = port(), port(), port()
	s.network = newProxy(t, s.db.Listener.Addr().String())
	var err error
	s.stream, err = s.server.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "GPULINE", Subjects: []string{"gpu.>"}})
	if err != nil {
		t.Fatal(err)
	}
	s.path = filepath.Join(t.TempDir(), "agent.toml")
	s.write(s.config(0, true))
	gpus := scenario(t, t.TempDir(), *length+patience)
	s.agent = startProcess(t, func() *exec.Cmd {
		cmd := exec.Command(s.programs.agent, "run", "-c", s.path)
		cmd.Env = append(os.Environ(), fakedriver.Env+"="+gpus, asDebug+"="+s.debug)
		return cmd
	})
	return s
}

// config returns one of two configurations that differ in most of their tables; without sources, all that comes are the
// lines that are sent.
func (s *soak) config(which int, sources bool) string {
	pick := func(x ...string) string { return x[which] }
	var b strings.Builder
	w := func(format string, values ...any) { fmt.Fprintf(&b, format+"\n", values...) }
	w("[agent]\nhostname = \"soak\"\nhttp = %q\ninterval = \"100ms\"", s.http)
	if sources {
		w("self_interval = \"10s\"")
		w("[[inputs.nvml]]\nlibrary = %q\nslow_interval = \"5s\"", s.programs.driver)
		w("[[inputs.prometheus]]\nurls = [\"%s/page\"]\ninterval = \"1s\"", s.world.URL)
		w("[[inputs.external]]\npath = %q\ninterval = \"1s\"", s.programs.pressure)
		w(pick("", "[[inputs.simulate]]\ngpus = 2\nprocesses = 2"))
	}
	w("[[inputs.listener]]\nhttp = %q\nack_timeout = %q", s.listener, pick("10s", "8s"))
	w("[[processors.external]]\npath = %q", s.programs.energy)
	w("[[processors.average]]\nperiod = %q\nstats = [\"mean\", \"p95\"]", pick("2s", "5s"))
	w("[[processors.peak]]\nperiod = %q\nabove = { utilization_ratio = 0.95 }", pick("2s", "5s"))
	w("[[processors.threshold]]\n[[processors.threshold.rules]]\nname = %q\nwhen = \"utilization_ratio > 0.9\"\nclear = \"utilization_ratio < 0.1\"\ntags = { alert = \"yes\" }", pick("busy", "loaded"))
	w("[[outputs.prometheus]]\nexpire = \"30s\"")
	w("[[outputs.influxdb]]\nurl = \"http://%s\"\ndatabase = \"gpu\"\ntimeout = \"2s\"\nflush_interval = %q\nqueue = { disk = %q }", s.network.addr(), pick("1s", "500ms"), s.folder+"/influxdb")
	w("[[outputs.nats]]\nurl = %q\njetstream = true\nsubject = \"gpu.{host}\"\nrequired = false\nflush_interval = %q\nqueue = { disk = %q }", s.server.URL(), pick("500ms", "1s"), s.folder+"/nats")
	w("[[outputs.external]]\npath = %q\nrequired = false\nfilter = { metrics = [\"gpu_event\"] }\n[outputs.external.config]\nurl = \"%s/chat\"", s.programs.webhook, s.world.URL)
	return b.String()
}

func (s *soak) write(config string) {
	if err := os.WriteFile(s.path, []byte(config), 0o600); err != nil {
		s.t.Error(err)
	}
}

// work lets the agent work while things fail, each in its own time.
func (s *soak) work() {
	began := time.Now()
	end := time.After(*length)
	stop := make(chan struct{})
	var all sync.WaitGroup
	every := func(period time.Duration, f func(n int)) {
		all.Go(func() {
			tick := time.NewTicker(period)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-tick.C:
					f(n)
				case <-stop:
					return
				}
			}
		})
	}
	every(time.Second, func(n int) {
		if err := s.world.send("http://"+s.listener, n); err != nil {
			s.t.Error(err)
		}
	})
	every(5*time.Second, func(int) { s.look(time.Since(began)) })
	every(2*time.Second, func(int) { _, _, _ = figures("http://" + s.http + "/metrics") }) // Prometheus
	every(2*time.Minute, func(int) {
		s.network.set(fault(1 + rand.IntN(int(allFaults)-1)))
		time.Sleep(70 * time.Second)
		s.network.heal()
	})
	every(3*time.Minute, func(int) {
		s.server.Stop()
		time.Sleep(15 * time.Second)
		s.server.Start()
	})
	every(time.Minute, func(n int) {
		s.write(s.config((n+1)%2, true))
		s.agent.tell(syscall.SIGHUP)
	})
	every(100*time.Second, func(n int) { s.end([]string{"energy", "webhook", "pressure"}[n%3]) })
	every(4*time.Minute, func(int) { s.end("child") })
	every(5*time.Minute, func(int) {
		s.agent.tell(syscall.SIGSTOP)
		time.Sleep(15 * time.Second)
		s.agent.tell(syscall.SIGCONT)
	})
	every(*length/3, func(n int) { s.profile(fmt.Sprintf("third-%d", n+1)) })
	<-end
	close(stop)
	all.Wait()
}

// end kills one of the agent's processes.
func (s *soak) end(name string) {
	if pid := family(s.agent.cmd.Process.Pid)[name]; pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// look notes what the agent takes now.
func (s *soak) look(at time.Duration) {
	u := usage{at: at, processes: make(map[string]occupied)}
	for name, pid := range family(s.agent.cmd.Process.Pid) {
		if o, ok := occupies(pid); ok {
			u.processes[name] = o
		}
	}
	var err error
	if u.page, u.lines, err = figures("http://" + s.http + "/metrics"); err != nil {
		return
	}
	if u.goroutines, err = goroutines("http://" + s.debug + "/debug/pprof/goroutine?debug=1"); err != nil {
		return
	}
	s.used = append(s.used, u)
}

// rest ends all faults and all sources, and waits until nothing is on its way.
func (s *soak) rest() {
	s.network.heal()
	s.write(s.config(0, false))
	s.agent.tell(syscall.SIGHUP)
	time.Sleep(15 * time.Second) // then the windows have closed, since their series are silent
	before := -1.0
	natstest.Eventually(s.t, patience, "rest", func() bool {
		time.Sleep(time.Second)
		page, _, err := figures("http://" + s.http + "/metrics")
		if err != nil {
			return false
		}
		sum := 0.0
		for _, o := range outputs {
			if page[figure("queued_metrics", o)] > 0 {
				return false
			}
			sum += page[figure("offered_total", o)]
		}
		isSame := sum == before
		before = sum
		return isSame
	})
}

var outputs = []string{"outputs.influxdb", "outputs.nats", "outputs.external", "outputs.prometheus"}

func figure(name, plugin string) string { return fmt.Sprintf("gpuline_%s{plugin=%q}", name, plugin) }

// refusals answers as a database does that is busy now and then.
func refusals() func() int {
	n := 0
	return func() int {
		n++
		switch n % 8 {
		case 3:
			return http.StatusTooManyRequests
		case 6:
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	}
}
