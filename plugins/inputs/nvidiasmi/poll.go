package nvidiasmi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Poll runs nvidia-smi once per tick. It is an [sdk.Gatherer].
type Poll struct {
	config *Config

	env      *sdk.Env
	launcher *launcher
	asker    *asker
	fleet    *fleet
	informer *informer
	output   []byte
	noise    *sdk.Number
	avoided  time.Time // when a GPU was last left out because nvidia-smi fails on it

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newPoll(c *Config) *Poll { return &Poll{config: c} }

// Open looks for nvidia-smi.
func (p *Poll) Open(_ context.Context, env *sdk.Env) error {
	path, err := Look(p.config.BinPath)
	if err != nil {
		return err
	}
	p.open(env, newLauncher(path, env.Meter))
	return nil
}

func (p *Poll) open(env *sdk.Env, l *launcher) {
	p.env, p.launcher = env, l
	p.asker = newAsker(p.config, l, env.Log)
	p.fleet = newFleet(p.config, env.Meter)
	p.noise = noiseCounter(env.Meter)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.informer = newInformer(p.config, l, env)
	if p.informer.every > 0 && p.config.Mode != modeXML {
		p.wait.Go(func() { p.informer.run(ctx) })
	}
}

// Close ends what runs beside the gathers.
func (p *Poll) Close() error {
	p.cancel()
	p.wait.Wait()
	return nil
}

// Gather runs nvidia-smi and adds what it says.
func (p *Poll) Gather(ctx context.Context, b *sdk.Batch) error {
	if len(p.asker.avoid) > 0 && time.Since(p.avoided) > defaultTiming.recheck {
		p.asker.retry()
	}
	ask := p.rows
	if p.config.Mode == modeXML {
		ask = p.document
	}
	err := ask(ctx, b)
	for errors.Is(err, child.ErrAgain) {
		p.avoided = time.Now()
		err = ask(ctx, b)
	}
	if err != nil && b.Len() == 0 {
		p.asker.refresh()
		p.fleet.fail(b, p.env.Now().UnixNano(), isGone(err))
	}
	return err
}

// rows asks for the readings of the configuration, and adds a document where there is a new one.
func (p *Poll) rows(ctx context.Context, b *sdk.Batch) error {
	plan := p.asker.plan()
	out, err := p.launcher.run(ctx, p.output[:0], p.asker.args(plan)...)
	p.output = out
	at := p.env.Now().UnixNano()
	p.fleet.begin(b, p.fleet.round+1, at, p.fleet.closed)
	rows := 0
	for line := range bytes.Lines(out) {
		line = bytes.TrimRight(line, "\r\n")
		switch plan.classify(line) {
		case lineNoise:
			p.noise.Add(1)
		case lineHeader:
			plan = plan.withHeader(split(nil, line))
		case lineRow:
			p.fleet.row(b, plan, line, at)
			rows++
		}
	}
	switch {
	case ctx.Err() != nil:
	case rows == 0 || tolerable(err) != nil:
		if p.asker.learn(ctx, complaint(out, err)) && rows == 0 {
			return child.ErrAgain
		}
		if err == nil {
			err = ended(0, out, nil)
		}
	default:
		err = nil
	}
	if err != nil {
		return err
	}
	p.fleet.complete(b, at)
	p.meet()
	select {
	case doc := <-p.informer.results:
		return p.fleet.document(b, doc.data, doc.at, &plan.asked)
	default:
		return nil
	}
}

// document asks for everything.
func (p *Poll) document(ctx context.Context, b *sdk.Batch) error {
	p.fleet.partial = len(p.asker.avoid) > 0
	var target []string
	if p.fleet.partial {
		target = p.asker.target()
	}
	out, err := p.launcher.run(ctx, p.output[:0], append([]string{"-q", "-x"}, target...)...)
	p.output = out
	at := p.env.Now().UnixNano()
	p.fleet.begin(b, p.fleet.round+1, at, p.fleet.closed)
	whole := p.fleet.document(b, out, at, nil)
	if whole != nil && ctx.Err() == nil && p.asker.learn(ctx, complaint(out, err)) && b.Len() == 0 {
		return child.ErrAgain
	}
	if whole != nil && err == nil && saysAbsent(out) {
		err = ended(0, out, nil)
	}
	// Why the process failed tells more than what it left undone.
	if err = cmp.Or(tolerable(err), whole); err != nil {
		return err
	}
	p.fleet.complete(b, at)
	p.meet()
	return nil
}

// complaint returns what a failed process printed, on whichever stream.
func complaint(out []byte, err error) []byte {
	var exit *ExitError
	if errors.As(err, &exit) {
		return slices.Concat(out, exit.stderr)
	}
	return out
}

// meet tells the asker which GPUs this round has found.
func (p *Poll) meet() {
	for _, d := range p.fleet.current {
		p.asker.meet([]byte(d.uuid), []byte(d.bus))
	}
}
