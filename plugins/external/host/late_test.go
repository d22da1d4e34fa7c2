package host

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// crasher is a plugin whose first stream ends as soon as it is open.
type crasher struct {
	proto.UnimplementedPluginServer
	runs  atomic.Int64
	again chan struct{} // closed once its host is at work on a second stream
}

func (c *crasher) Run(stream proto.Plugin_RunServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	opened := &proto.Opened{Traits: &proto.Traits{Reads: true}}
	if err := stream.Send(&proto.PluginMessage{Body: &proto.PluginMessage_Opened{Opened: opened}}); err != nil {
		return err
	}
	if c.runs.Add(1) == 1 {
		return nil
	}
	_, err := stream.Recv() // a ping: the host has taken note of the answer
	close(c.again)
	<-stream.Context().Done()
	return err
}

// TestLateInputRestarts lets a plugin crash while Open finds out what it is: for the race detector.
func TestLateInputRestarts(t *testing.T) {
	c := &crasher{again: make(chan struct{})}
	l := newLife(&Config{Path: "/crasher", StartTimeout: 10 * time.Second, HangTimeout: 10 * time.Second}, "crasher", inMemory(c))
	l.timing.first, l.timing.ping = time.Millisecond, time.Millisecond
	in := &late{life: l}
	if err := in.Open(context.Background(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))); err != nil {
		t.Fatal(err)
	}
	<-c.again // no lock before that: it would put the two accesses in order
	if in.reader == nil {
		t.Error("an input that reads is taken for one that is polled")
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenHeedsItsContext opens a plugin of a program that could not be asked before, and that says nothing now: a
// chain of processors stands still meanwhile.
func TestOpenHeedsItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mute")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &Config{Path: path, StartTimeout: 20 * time.Second, StopTimeout: 100 * time.Millisecond, programs: &programs{}}
	l := newLife(c, "", c.program().launch)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := l.Open(ctx, sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
	if took := time.Since(began); err == nil || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
