package listener

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings returns a configuration with its defaults and changes, on ports and paths of its own.
func settings(t testing.TB, changes ...func(*Config)) *Config {
	t.Helper()
	c := Definition().NewConfig().(*Config)
	c.HTTP = "127.0.0.1:0"
	for _, change := range changes {
		change(c)
	}
	return c
}

func open(t testing.TB, c *Config, env *sdk.Env) *Listener {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *Listener) address(network string) string {
	for _, s := range l.sockets {
		if s.address.Network() == network {
			return s.address.String()
		}
	}
	return ""
}

// agent is a whole engine around a listener.
type agent struct {
	*Listener
	t        testing.TB
	pipeline *pipeline.Pipeline
	sink     *sdktest.Sink
	cancel   context.CancelFunc
	done     chan error
	client   http.Client
}

// start runs a listener with its sink until the test ends, which checks the ledger.
func start(t testing.TB, c *Config, sink *sdktest.Sink, changes ...func(*pipeline.Plan)) *agent {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	plan := pipeline.Plan{
		Agent: pipeline.Agent{Hostname: "h", ShutdownGrace: 10 * time.Second},
		Inputs: []pipeline.Input{{
			Plugin:  pipeline.Plugin{Name: "listener", New: func() (any, error) { return &announced{l, opened}, nil }},
			Timeout: 5 * time.Second,
		}},
		Outputs: []pipeline.Output{{
			Plugin: pipeline.Plugin{Name: "sink", New: func() (any, error) { return sink, nil }},
			Queue:  pipeline.Queue{MaxBytes: 16 << 20}, BatchSize: 1000, Timeout: 5 * time.Second, Required: true,
		}},
	}
	for _, change := range changes {
		change(&plan)
	}
	p, err := pipeline.New(plan, sdktest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{Listener: l, t: t, pipeline: p, sink: sink, cancel: cancel, done: make(chan error, 1)}
	a.client.Transport = &http.Transport{DisableCompression: true}
	go func() { a.done <- p.Run(ctx) }()
	t.Cleanup(func() { a.stop() })
	select {
	case <-opened:
	case <-time.After(10 * time.Second):
		t.Fatal("the listener has not been opened")
	}
	return a
}

// announced tells when it is open.
type announced struct {
	*Listener
	opened chan struct{}
}

func (a *announced) Open(ctx context.Context, env *sdk.Env) error {
	err := a.Listener.Open(ctx, env)
	if err == nil {
		close(a.opened)
	}
	return err
}

// stop ends the agent and returns its ledger, which balances.
func (a *agent) stop() *pipeline.Ledger {
	a.t.Helper()
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
		if err := <-a.done; err != nil {
			a.t.Errorf("run: %v", err)
		}
		a.client.CloseIdleConnections()
	}
	ledger := a.pipeline.Ledger()
	if err := ledger.Check(); err != nil {
		a.t.Errorf("the ledger does not balance: %v", err)
	}
	return &ledger
}

// reply is what a client gets to see.
type reply struct {
	status int
	header http.Header
	body   string
}

// post sends a body to a path such as "/api/v2/write?bucket=b".
func (a *agent) post(path, body string, change ...func(*http.Request)) reply {
	a.t.Helper()
	r, err := a.try(path, body, change...)
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a *agent) try(path, body string, change ...func(*http.Request)) (reply, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+a.address("tcp")+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for _, f := range change {
		f(r)
	}
	return do(&a.client, r)
}

func do(client *http.Client, r *http.Request) (reply, error) {
	resp, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, strings.TrimSpace(string(body))}, err
}

func header(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func send(t testing.TB, network, address string, datagrams ...string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, d := range datagrams {
		if _, err := io.WriteString(conn, d); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func check(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func socketPath(t testing.TB, name string) string { return filepath.Join(t.TempDir(), name) }

// chatty is a listener to which somebody sends from the moment when it is open.
type chatty struct {
	*Listener
	stop chan struct{}
	done chan struct{}
}

func (c *chatty) Open(ctx context.Context, env *sdk.Env) error {
	if err := c.Listener.Open(ctx, env); err != nil {
		return err
	}
	c.stop, c.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(c.done)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for {
			select {
			case <-c.stop:
				return
			default:
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.address("tcp")+"/write", strings.NewReader("gpu,gpu_index=0 power_watts=300\nbad\nm n=1i\n"))
			_, _ = do(&client, r)
			cancel()
			if conn, err := net.Dial("udp", c.address("udp")); err == nil {
				_, _ = io.WriteString(conn, "u f=1\n")
				_ = conn.Close()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return nil
}

func (c *chatty) Close() error {
	close(c.stop)
	err := c.Listener.Close()
	<-c.done
	return err
}

func TestContract(t *testing.T) {
	sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
		l, err := New(settings(t, func(c *Config) {
			c.UDP, c.Unix, c.UnixDatagram = "127.0.0.1:0", socketPath(t, "s"), socketPath(t, "d")
		}))
		if err != nil {
			t.Fatal(err)
		}
		return &chatty{Listener: l}
	})
}

var errSink = errors.New("the sink refuses")
