package influxdb

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/inputs/replay"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// What a server has refused can be read by inputs.replay, and sent again once the server takes it: then the
// server has what it would have had.
func TestDeadLettersAreReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.lp")
	hostile := `
		gpu,gpu_index=0,host=a\ b\,c power_watts=300.5,n=3i,u=18446744073709551615u,ok=true,note="x \"y\" \\ z" 1700000000000000000
		gpu,gpu_index=0,host=h,window=10s power_watts_mean=1e-9 1700000000000000001 class=result notes=alert=hot
		gpu_event,code=79,host=h message="line one\nline two" 1700000000000000002 class=event
		gpu,gpu_index=1,host=h x=NaN 1700000000000000003
		gpu,gpu_index=1,host=h x=-0.1 -5`
	server := newFar(t)
	server.refuses = func(string) string { return "not now" }
	r := open(t, func(c *Config) {
		c.Uint = "u"
		c.DeadLetter.Path = path
		c.DeadLetter.MaxBytes = 64 << 10
	}, server)
	for i := range 300 { // more than a file holds
		if err := r.write(r.batch(hostile + fmt.Sprintf("\ngpu,host=h,i=%d x=%d 1", i, i))); err == nil {
			t.Fatal("nothing was refused")
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}

	want := newFar(t) // what a server that takes everything would have
	w := open(t, func(c *Config) { c.Uint = "u" }, want)
	_ = w.write(w.batch(hostile)) // the line of NaN alone is none
	for i := range 300 {
		w.mustWrite(fmt.Sprintf("gpu,host=h,i=%d x=%d 1", i, i))
	}

	again := newFar(t)
	ledger := replayed(t, path+"*", again)
	if diff := cmp.Diff(want.held(), again.held()); diff != "" {
		t.Errorf("-once +replayed\n%s", diff)
	}
	if out := ledger.Outputs[0]; out.Delivered != out.Offered || out.Offered != 300*5 {
		t.Errorf("%s", ledger.String())
	}
}

// replayed runs an agent that reads files and writes what is in them.
func replayed(t *testing.T, files string, server *far) pipeline.Ledger {
	t.Helper()
	var c replay.Config
	sdk.Defaults(&c)
	c.Files = []string{files}
	in, err := replay.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	o := unopened(t, func(c *Config) { c.Uint = "u" }, server)
	p, err := pipeline.New(pipeline.Plan{
		Agent:  pipeline.Agent{Hostname: "h", ShutdownGrace: 10 * time.Second},
		Inputs: []pipeline.Input{{Plugin: plugin("replay", in), Timeout: time.Second}},
		Outputs: []pipeline.Output{{
			Plugin: plugin("influxdb", o), Queue: pipeline.Queue{MaxBytes: 16 << 20},
			BatchSize: 1000, FlushInterval: 10 * time.Millisecond, Timeout: 5 * time.Second, Required: true,
		}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Error(err)
	}
	l := p.Ledger()
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	return l
}
