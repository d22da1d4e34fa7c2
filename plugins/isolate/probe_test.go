package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestMain makes the test binary a child of itself: a real process, started by the real launcher.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == isolate.Command {
		if err := launch.Serve(sdk.Registry{probeDefinition, readerDefinition, fleetDefinition}); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == beParent {
		fmt.Fprintln(os.Stderr, parent(os.Args[2:]))
		os.Exit(1)
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // else each child takes a second longer to end
	os.Exit(m.Run())
}

// probeConfig says what the input of the tests does.
type probeConfig struct {
	Play   []string       `toml:"play" doc:"What each call does, in order; the last again and again."`
	Open   string         `toml:"open" doc:"What Open does."`
	Marker string         `toml:"marker" doc:"A file that is there once a child has got so far: later ones count on."`
	Limits map[string]int `toml:"limits" doc:"To see maps arrive." default:"a=1"`
	Pause  time.Duration  `toml:"pause" doc:"To see durations arrive."`
}

var probeDefinition = sdk.DefineInput("probe", "for tests", "", func(c *probeConfig) (any, error) {
	return &probe{config: c}, nil
})

var readerDefinition = sdk.DefineInput("probe_reader", "for tests", "", func(c *probeConfig) (any, error) {
	return probeReader{&probe{config: c}}, nil
})

// probe is the input of the tests. Its plays are metrics as sdktest.Parse reads them, or begin with a
// colon: see do. N in a metric is the number of the row, and its time that many milliseconds after 1970.
type probe struct {
	config *probeConfig
	env    *sdk.Env
	calls  int
	since  int64
}

func (p *probe) Mark(dst []byte) []byte { return strconv.AppendInt(dst, p.since, 10) }

func (p *probe) Resume(mark []byte) { p.since, _ = strconv.ParseInt(string(mark), 10, 64) }

func (p *probe) Open(ctx context.Context, env *sdk.Env) error {
	p.env = env
	env.Log.Info("probe is open", "host", env.Host, "interval", env.Interval, "since", p.since,
		"limits", p.config.Limits["b"], "pause", p.config.Pause)
	return p.do(ctx, p.config.Open, nil)
}

func (p *probe) Close() error {
	p.env.Log.Info("probe is closed")
	return nil
}

func (p *probe) Gather(ctx context.Context, b *sdk.Batch) error {
	play := p.config.Play[min(p.calls, len(p.config.Play)-1)]
	p.calls++
	p.env.Meter.Counter("gpuline_probe_calls_total", "Calls.", sdk.Tag{Key: "kind", Value: "x"}).Add(1)
	p.env.Meter.Gauge("gpuline_probe_level_seconds", "seconds", "A level.").Set(float64(p.calls))
	return p.do(ctx, play, b)
}

// do plays steps between semicolons.
func (p *probe) do(ctx context.Context, play string, b *sdk.Batch) error {
	for step := range strings.SplitSeq(play, ";") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(step), " ")
		var err error
		switch verb {
		case "":
		case ":error":
			err = errors.New(rest)
		case ":permanent":
			err = fmt.Errorf("%s: %w", rest, sdk.ErrPermanent)
		case ":fresh":
			err = fmt.Errorf("%s: %w", rest, isolate.ErrFresh)
		case ":end":
			err = sdk.ErrEnd
		case ":nothing":
			err = sdk.ErrNoData
		case ":panic":
			panic(rest)
		case ":exit":
			os.Exit(3)
		case ":print":
			fmt.Println(rest)
		case ":complain":
			fmt.Fprintln(os.Stderr, rest)
		case ":log":
			p.env.Log.Warn(rest, "n", 7, "f", 1.5, "ok", true, "d", 2*time.Second, "err", errors.New("x\ny"), "at", []string{"a"})
			p.env.Log.Debug("too quiet")
		case ":hang":
			select {}
		case ":wait":
			<-ctx.Done()
			err = ctx.Err()
		case ":once": // the rest of the play is for the first child only
			if _, failed := os.Stat(p.config.Marker); failed == nil {
				return p.count(b)
			}
			_ = os.WriteFile(p.config.Marker, nil, 0o600)
		case ":count":
			err = p.count(b)
		default:
			err = sdktest.NewScript(nil, sdktest.Step{Text: step}).Gather(ctx, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count adds a row that no other child has added.
func (p *probe) count(b *sdk.Batch) error {
	if b == nil { // in Open
		return nil
	}
	p.since++
	b.Add(b.Series("count"), p.since*int64(time.Millisecond)).Int("n", p.since)
	return nil
}

// probeReader is the same as a Reader.
type probeReader struct{ probe *probe }

func (r probeReader) Mark(dst []byte) []byte                       { return r.probe.Mark(dst) }
func (r probeReader) Resume(mark []byte)                           { r.probe.Resume(mark) }
func (r probeReader) Open(ctx context.Context, env *sdk.Env) error { return r.probe.Open(ctx, env) }
func (r probeReader) Close() error                                 { return r.probe.Close() }

func (r probeReader) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	err := r.probe.Gather(ctx, b)
	time.Sleep(time.Millisecond)
	return nil, err
}
