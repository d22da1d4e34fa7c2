package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/external/internal/author"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// The test binary is also the plugin that it tests: started by a host it serves these.
func testPlugins() []sdk.Definition {
	return []sdk.Definition{
		sdk.DefineInput("ticks", "Counts.", "", func(c *ticksConfig) (any, error) { return &ticks{ticksConfig: *c}, nil }),
		sdk.DefineInput("feed", "Numbers, each acknowledged.", "", func(c *feedConfig) (any, error) { return &feed{feedConfig: *c}, nil }),
		sdk.DefineProcessor("double", "Doubles x.", "", func(c *doubleConfig) (sdk.Processor, error) { return &double{doubleConfig: *c}, nil }),
		sdk.DefineOutput("file", "Writes lines.", "", func(c *fileConfig) (sdk.Output, error) { return &file{fileConfig: *c}, nil }),
	}
}

func TestMain(m *testing.M) {
	host.BeHog()
	if os.Getenv("GPULINE_PLUGIN") != "" {
		before()
		external.Serve("1.2.3", slices.Concat(testPlugins(), benchPlugins(), builtins())...)
	}
	if os.Getenv("GPULINE_TEST_HOST") != "" {
		beHost()
	}
	os.Exit(m.Run())
}

// before does what a badly behaved program does before it calls Serve.
func before() {
	switch os.Getenv("TEST_BEFORE") {
	case "print":
		fmt.Println("hello")
		fmt.Println("1|2")
	case "exit":
		fmt.Fprintln(os.Stderr, "panic: it does not like it here")
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	case "version":
		fmt.Println("1|99|unix|/nowhere|grpc|")
		time.Sleep(time.Hour)
	case "tcp":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc|")
		time.Sleep(time.Hour)
	case "old", "other certificate", "certificate", "no certificate", "half a certificate":
		beSecure(os.Getenv("TEST_BEFORE"))
	case "leak":
		c := exec.Command("sleep", "1000")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Start(); err != nil {
			panic(err)
		}
	}
}

// misdeed is what a plugin does when it is asked to.
type misdeed struct {
	Do   string `toml:"do" enum:"exit|panic|hang|alloc|spawn|error"`
	When int64  `toml:"when"`               // at which call, from 1; 0 for each
	Once string `toml:"once" doc:"A file."` // only if it is not there yet
	n    int64
}

var spawned []*exec.Cmd // with the pipes that keep them

func (m *misdeed) commit() error {
	m.n++
	if m.Do == "" || m.When != 0 && m.n != m.When {
		return nil
	}
	if m.Once != "" {
		f, err := os.OpenFile(m.Once, os.O_CREATE|os.O_EXCL, 0o600)
		if os.IsExist(err) {
			return nil
		}
		f.Close()
	}
	switch m.Do {
	case "exit":
		os.Exit(7)
	case "panic":
		panic("as asked for")
	case "hang":
		select {}
	case "error":
		return errors.New("as asked for")
	case "spawn":
		for range 3 {
			c := host.Hog(0, 80, 0, "-")
			if _, err := c.StdinPipe(); err != nil { // which ends with this process
				panic(err)
			}
			if err := c.Start(); err != nil {
				panic(err)
			}
			spawned = append(spawned, c)
		}
	case "alloc":
		var all [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			all = append(all, b)
			if len(all)%8 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
	return nil
}

type ticksConfig struct {
	Rows    int     `toml:"rows" default:"3" min:"1" max:"100000"`
	Misdeed misdeed `toml:"misdeed"`
}

type ticks struct {
	ticksConfig
	n   int64
	env *sdk.Env
}

func (t *ticks) Open(_ context.Context, env *sdk.Env) error {
	t.env = env
	env.Log.Info("opened", "host", env.Host, "after", time.Second)
	slog.Info("said by slog")
	fmt.Println("printed")
	return nil
}

func (t *ticks) Gather(_ context.Context, b *sdk.Batch) error {
	if err := t.Misdeed.commit(); err != nil {
		return err
	}
	for range t.Rows {
		t.n++
		m := b.Add(b.Series("ticks", sdk.Tag{Key: "env", Value: os.Getenv("TEST_TAG") + "-"}), time.Now().UnixNano())
		m.Set(sdk.Field{Name: "n_total", Type: sdk.Int, Kind: sdk.Counter}, sdk.IntValue(t.n))
	}
	t.env.Meter.Counter("gpuline_test_total", "Test.").Add(1)
	return nil
}

type feedConfig struct {
	Count   int64   `toml:"count" default:"10"`
	Journal string  `toml:"journal" doc:"A file that gets a line for each ack."`
	Misdeed misdeed `toml:"misdeed"`
}

// feed reads numbers, from the first that its journal does not have.
type feed struct {
	feedConfig
	next  int64
	mu    sync.Mutex
	acked map[int64]bool
}

func (f *feed) Open(context.Context, *sdk.Env) error {
	f.acked = make(map[int64]bool)
	f.next = 0
	if f.Journal == "" {
		return nil
	}
	text, err := os.ReadFile(f.Journal)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, line := range sdktest.Lines(string(text)) {
		var n int64
		fmt.Sscan(line, &n)
		f.acked[n] = true
	}
	return nil
}

func (f *feed) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	f.mu.Lock()
	for f.acked[f.next] {
		f.next++
	}
	f.mu.Unlock()
	if f.next >= f.Count {
		return nil, sdk.ErrEnd
	}
	if err := f.Misdeed.commit(); err != nil {
		return nil, err
	}
	n := f.next
	f.next++
	b.Add(b.Series("feed"), n+1).Int("n", n)
	return func(err error) {
		if err != nil || f.Journal == "" {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.acked[n] = true
		j, err := os.OpenFile(f.Journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(j, n)
		j.Close()
	}, nil
}

type doubleConfig struct {
	Misdeed misdeed `toml:"misdeed"`
}

// double adds twice x, drops what has no x, and makes a result of every third sample.
type double struct {
	doubleConfig
	table sdk.Table[int, float64]
}

func (d *double) Process(_ context.Context, b *sdk.Batch) error {
	if err := d.Misdeed.commit(); err != nil {
		return err
	}
	for m := range b.Samples() {
		x, ok := m.Number("x")
		if !ok {
			if m.Name() == "drop" {
				b.Drop(m, "no_x")
			}
			continue
		}
		m.Float("twice", 2*x)
		b.Absorb(m)
		row, _ := d.table.Row(m)
		if row.State++; row.State%3 == 0 {
			r := b.Add(b.Series("doubled"), m.Time())
			r.SetOrigin(m.Series())
			r.Float("x_sum", x)
		}
	}
	return nil
}

func (d *double) Flush(_ context.Context, _ time.Time, final bool, b *sdk.Batch) error {
	if !final {
		return nil
	}
	for row := range d.table.All() {
		b.Add(b.Series("rest"), 1).Int("n", int64(row.State))
		d.table.Delete(row)
	}
	return nil
}

type fileConfig struct {
	Path    string  `toml:"path"`
	Reject  string  `toml:"reject" doc:"The name of a metric."`
	Misdeed misdeed `toml:"misdeed"`
}

type file struct{ fileConfig }

func (f *file) Write(_ context.Context, b *sdk.Batch) error {
	if err := f.Misdeed.commit(); err != nil {
		return err
	}
	var rejected []int
	text := ""
	i := 0
	for m := range b.All() {
		if m.Name() == f.Reject {
			rejected = append(rejected, i)
		} else {
			text += sdktest.Line(m) + "\n"
		}
		i++
	}
	if f.Path != "" {
		out, err := os.OpenFile(f.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := out.WriteString(text); err != nil {
			return err
		}
		out.Close()
	}
	if rejected != nil {
		return &sdk.PartialError{Rejected: rejected, Err: errors.New("not wanted")}
	}
	return nil
}

// service is the plugins without a process.
func service(t testing.TB) *author.Service {
	return &author.Service{
		Version: "1.2.3", Registry: slices.Concat(testPlugins(), builtins()),
		Log: func(slog.Level) *slog.Logger { return sdktest.Log(t) },
	}
}
