// Package simulate is an input without hardware: a physical model of data-centre GPUs under load. Work
// comes in bursts, power follows the work, temperature follows power through a thermal mass, and the
// clock gives way to the power limit and to heat, as a driver would make it. It serves demos, tests and
// load tests; its metrics bear source=simulated and never stand in for a real reading.
//
// The model is deterministic: equal seeds and equal times of gathering make equal metrics.
package simulate

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("simulate", "A physical model of GPUs, for demos and tests", sample,
		func(c *Config) (any, error) { return New(c) })
}

// Config is the table [[inputs.simulate]].
type Config struct {
	GPUs         int           `toml:"gpus" doc:"How many GPUs there are." default:"8" min:"1" max:"4096"`
	Seed         int64         `toml:"seed" doc:"What the random numbers start from: equal seeds make equal runs." default:"1"`
	Scenario     string        `toml:"scenario" doc:"What the GPUs go through; the README describes each." default:"inference" enum:"inference|training|thermal|power_cap|memory_leak|ecc|lost_gpu|idle"`
	Processes    int           `toml:"processes" doc:"How many processes each GPU reports, as gpu_process." default:"0" min:"0" max:"256"`
	Inference    bool          `toml:"inference" doc:"Whether each GPU has a server that says what its requests take, as inference." default:"false"`
	InfoInterval time.Duration `toml:"info_interval" doc:"How often gpu_info is repeated." default:"1m" min:"1s"`
}

// Input is the simulated machine.
type Input struct {
	config Config
	now    func() time.Time
	cards  []*card
	faces  []face
	events vocabulary.Events

	catalog  *sdk.Catalog // that the faces' series belong to; nil while some are missing
	started  bool
	at       int64 // Unix nanoseconds up to which the model has advanced
	informed int64 // when gpu_info was last written
}

// face is what a card shows to the outside: its tags and series.
type face struct {
	tags    []sdk.Tag
	gpu     *sdk.Series
	process []*sdk.Series
	server  *sdk.Series // nil where there is none
	onsets  vocabulary.Onsets
}

// New makes a machine whose clock starts with the first Gather.
func New(c *Config) (*Input, error) {
	s, ok := scenarios[c.Scenario]
	if !ok {
		return nil, sdk.Fault{Path: []string{"scenario"}, Problem: fmt.Sprintf("there is no scenario %q", c.Scenario)}
	}
	in := &Input{config: *c, now: time.Now}
	for i := range c.GPUs {
		rng := rand.New(rand.NewPCG(uint64(c.Seed), uint64(i)))
		in.faces = append(in.faces, face{tags: vocabulary.Device{
			UUID: newUUID(rng), Index: strconv.Itoa(i), Name: "Simulated H100", PCIBusID: busID(i), Source: vocabulary.SourceSimulated,
		}.Tags()})
		in.cards = append(in.cards, newCard(s, rng, i, i == c.GPUs-1))
	}
	return in, nil
}

func newUUID(rng *rand.Rand) string {
	hi, lo := rng.Uint64(), rng.Uint64()
	return fmt.Sprintf("GPU-%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffff_ffff_ffff)
}

func busID(i int) string { return fmt.Sprintf("%08X:%02X:00.0", i/128, 0x10+i%128) }

// Open takes over the engine's clock.
func (in *Input) Open(_ context.Context, env *sdk.Env) error {
	in.now = env.Now
	return nil
}

// Gather advances the model to now and adds what each GPU would report.
func (in *Input) Gather(ctx context.Context, b *sdk.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := in.now().UnixNano()
	in.advance(now)
	in.join(b)
	inform := in.informed == 0 || now < in.informed || now-in.informed >= int64(in.config.InfoInterval)
	if inform {
		in.informed = now
	}
	for i, c := range in.cards {
		f := &in.faces[i]
		in.report(b, f, c, now)
		if in.config.Inference && !c.lost {
			reportServer(b, f.server, &c.work, now)
		}
		if inform && !c.lost {
			addInfo(b, f, c, i, now)
		}
		c.forget()
	}
	return nil
}

// join looks the series up, once for a catalog that has room for them. Add counts rows of those that
// are nil because the catalog is full.
func (in *Input) join(b *sdk.Batch) {
	if in.catalog == b.Catalog() {
		return
	}
	in.catalog = b.Catalog()
	for i := range in.faces {
		f := &in.faces[i]
		f.gpu, f.process = b.Series(vocabulary.GPU, f.tags...), f.process[:0]
		for p := range in.config.Processes {
			tags := append(f.tags[:len(f.tags):len(f.tags)],
				sdk.Tag{Key: vocabulary.TagPID, Value: strconv.Itoa(1000*(i+1) + p)},
				sdk.Tag{Key: vocabulary.TagProcess, Value: "simulated"},
				sdk.Tag{Key: vocabulary.TagType, Value: "C"})
			f.process = append(f.process, b.Series(vocabulary.Process, tags...))
		}
		if in.config.Inference {
			f.server = b.Series(vocabulary.Inference, serving(f.tags)...)
		}
		if f.gpu == nil || slices.Contains(f.process, nil) || in.config.Inference && f.server == nil {
			in.catalog = nil
		}
	}
}

const (
	stepNS = int64(5 * time.Millisecond) // the model's resolution
	warmUp = int64(2 * time.Second)      // what has passed when the first sample is read

	// What lies further back than this passes without work, in one step: a gather after a suspend must
	// not compute for minutes.
	longest = int64(time.Minute)
)

// advance brings all cards to the time now, in Unix nanoseconds. A clock that steps back stops the model
// until the next call.
func (in *Input) advance(now int64) {
	if !in.started {
		in.started, in.at = true, now-warmUp
	}
	passed := now - in.at
	in.at = now
	if passed <= 0 {
		return
	}
	idle := max(passed-longest, 0)
	passed -= idle
	whole, rest := passed/stepNS, passed%stepNS
	for _, c := range in.cards {
		if idle > 0 {
			c.rest(seconds(idle))
		}
		for range whole {
			c.step(seconds(stepNS))
		}
		if rest > 0 {
			c.step(seconds(rest))
		}
	}
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }
