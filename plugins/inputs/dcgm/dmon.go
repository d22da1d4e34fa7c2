package dcgm

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// dmon reads one long-lived dcgmi dmon. It is an [sdk.Reader].
//
// A goroutine follows the process, stamps what it prints as it arrives, and starts another process when one
// ends or stalls. It never waits for whoever reads.
type dmon struct {
	config   *Config
	only     selector.Selector
	interval time.Duration
	timing   timing

	env      *sdk.Env
	launcher *child.Launcher
	plans    plans
	messages []byte // the beginning of what was no row since the last one
	whole    bool   // dcgmi did not take MIG instances: it is asked for GPUs alone

	packets *child.Mailbox[*packet]
	spares  child.Spares[packet]
	noise   *sdk.Number
	dropped *sdk.Number
	starts  *sdk.Number

	// Of Read:
	fleet    *fleet
	entities map[string]*entity // by identity.key
	current  map[member]*entity // of the session
	named    map[member]bool    // that this round has named
	session  *session

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// session is one run of dcgmi dmon.
type session struct {
	fields  []*reading
	members members
	changed atomic.Bool // MIG instances have come or gone

	packet    *packet // of the rows that are being taken; nil for none
	strangers bool    // some rows that came with them were of entities that nobody knows
}

// packet is what the following goroutine hands to the reading one: rows that arrived together, or an error.
type packet struct {
	session *session
	text    []byte // whole lines
	rows    int
	at      int64 // when they arrived, in Unix nanoseconds
	err     error
}

// timing holds the durations of a dmon, which tests shorten.
type timing struct {
	firstRow   time.Duration
	stall      time.Duration // the least time without a row that counts as a stall; else five intervals
	rediscover time.Duration // at least between two looks for GPUs that dmon names and nobody knows, or for MIG instances
	pauses     child.Pauses
}

var defaultTiming = timing{firstRow: 30 * time.Second, stall: 5 * time.Second, rediscover: time.Minute, pauses: child.DefaultPauses}

const pending = 64 // packets that may wait for the reader

func newDmon(c *Config) *dmon {
	only, _ := selector.New(c.Devices) // Validate has seen it
	return &dmon{config: c, only: only, interval: time.Second, timing: defaultTiming}
}

// lookDmon returns where dcgmi is, without running it.
func lookDmon(path string) (found string, err error) {
	if path == "" {
		path = "dcgmi"
	}
	return child.Look("dcgmi", path, "install DCGM (datacenter-gpu-manager)")
}

// Open looks for dcgmi and begins to follow it. It prints rows at the input's interval, in whole milliseconds.
func (d *dmon) Open(_ context.Context, env *sdk.Env) error {
	if env.Interval > 0 {
		d.interval = max(env.Interval.Round(time.Millisecond), time.Millisecond)
	}
	path, err := lookDmon(d.config.BinPath)
	if err != nil {
		return err
	}
	d.env = env
	d.launcher = child.NewLauncher("dcgmi", path, "restart nv-hostengine; see `dmesg`",
		env.Meter.Counter("gpuline_dcgm_abandoned_total", "Processes of dcgmi that could not be killed and were left behind."))
	d.plans = newPlans(d.config, d.interval)
	d.noise = env.Meter.Counter("gpuline_dcgm_noise_rows_total", "Lines of dcgmi dmon that are no rows, or rows of nobody known.")
	d.dropped = env.Meter.Counter("gpuline_dcgm_dropped_rows_total", "Rows of dcgmi dmon that were dropped because the agent fell behind.")
	d.starts = env.Meter.Counter("gpuline_dcgm_starts_total", "Starts of dcgmi dmon.")
	d.packets, d.spares = child.NewMailbox(pending, d.lose), child.NewSpares[packet](pending)
	d.fleet, d.entities = newFleet(env), make(map[string]*entity)
	d.current, d.named = make(map[member]*entity), make(map[member]bool)
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.wait.Go(func() {
		child.Repeat(ctx, d.timing.pauses, d.follow, func(err error) { d.packets.Put(&packet{err: err}) })
	})
	return nil
}

// Close ends dcgmi. A process that cannot be killed is left behind after some seconds.
func (d *dmon) Close() error {
	d.cancel()
	d.wait.Wait()
	return nil
}

func (d *dmon) lose(p *packet) { d.dropped.Add(float64(p.rows)) }

func (d *dmon) newPacket(s *session, at int64) *packet {
	p := d.spares.Take()
	*p = packet{session: s, text: p.text[:0], at: at}
	return p
}

// Read returns the next rows: most often one of each GPU.
func (d *dmon) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for b.Len() == 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case p := <-d.packets.C:
			if p.err != nil {
				if errors.Is(p.err, errNoneListed) {
					d.fleet.nobody(b, d.env.Now().UnixNano(), "dcgmi lists no GPU any more")
				}
				return nil, p.err
			}
			d.unpack(b, p)
			d.spares.GiveBack(p)
		}
	}
	return nil, nil
}

// host returns the arguments that lead dcgmi to its hostengine.
func (c *Config) host() []string {
	if a, err := parseAddress(c.Address); err == nil && c.Address != defaultAddress {
		return []string{"--host", a.target()}
	}
	return nil
}

const defaultAddress = "localhost:5555"

// plans are the fields to ask for: all at first, and fewer where the hostengine or a card refuses some. dcgmi
// does not say which, so those go first that older hostengines, or cards, do not have.
type plans struct {
	sets [][]int
	next int
}

// recent reports whether hostengines before 4, or before the newest, do not know a field.
func recent(id int) bool { return id == 153 || id == 157 || id > 1016 }

// errorFields are slow ones that dmon reads all the same, since nobody wants to be late for them.
var errorFields = []int{310, 311, 395, 1523}

func newPlans(c *Config, interval time.Duration) plans {
	fields := c.wanted()
	if interval < leastProfiling {
		fields[tierProfiling] = nil
	}
	slow := fields[tierSlow]
	if len(c.Fields) == 0 {
		slow = errorFields
	}
	all := append(append(append([]int(nil), fields[tierFast]...), slow...), fields[tierProfiling]...)
	var p plans
	for _, keep := range []func(id int) bool{
		func(int) bool { return true },
		func(id int) bool { return tierOf(id) != tierProfiling },
		func(id int) bool { return !recent(id) },
		func(id int) bool { return tierOf(id) != tierProfiling && !recent(id) },
	} {
		set := filter(all, keep)
		if len(set) > 0 && (len(p.sets) == 0 || len(set) != len(p.sets[len(p.sets)-1])) {
			p.sets = append(p.sets, set)
		}
	}
	return p
}

// fields returns what to ask for now.
func (p *plans) fields() []*reading {
	set := p.sets[p.next]
	fields := make([]*reading, len(set))
	for i, id := range set {
		fields[i] = readings[id]
	}
	return fields
}

// refuse goes on to the next set, after the last one to the first again, and reports whether another is worth a
// try at once.
func (p *plans) refuse() bool {
	p.next = (p.next + 1) % len(p.sets)
	return p.next > 0
}

// argument writes the fields as dcgmi takes them.
func argument(fields []*reading) string {
	ids := make([]string, len(fields))
	for i, r := range fields {
		ids[i] = strconv.Itoa(r.DCGM.ID)
	}
	return strings.Join(ids, ",")
}
