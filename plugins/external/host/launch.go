package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/gpuline/gpuline/plugins/external/internal/handshake"
	"github.com/gpuline/gpuline/plugins/external/proto"
)

// peer is a plugin that can be called.
type peer struct {
	client proto.PluginClient
	pid    int             // 0 where it is no process of its own
	exited <-chan struct{} // closed when it has gone; nil where nobody can tell
	ended  func() error    // how
	end    func(grace time.Duration)
}

// launcher starts a plugin. Tests put one in its place that stays in the process.
type launcher func(ctx context.Context, log *slog.Logger) (*peer, error)

// program is what to start.
type program struct {
	config *Config
	kill   time.Duration // how long a process may take to die of SIGKILL

	mu   sync.Mutex
	left []<-chan struct{} // of processes that did not: each closed when it has ended after all
}

// maxLeft is how many processes that nothing kills are replaced. With two of them the host is beyond hope, and each
// further one would be left behind as well.
const maxLeft = 1

var errStuck = errors.New("two processes of the plugin hang in the kernel and cannot be killed: no other is started until one of them ends (see `dmesg`; the host needs a reboot)")

// stuck reports whether no process may be started.
func (p *program) stuck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = slices.DeleteFunc(p.left, func(exited <-chan struct{}) bool {
		select {
		case <-exited:
			return true
		default:
			return false
		}
	})
	return len(p.left) > maxLeft
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environ returns the environment of the process: what the operator allows, and nothing else.
func (p *program) environ() []string {
	env := map[string]string{"PATH": defaultPath}
	if p.config.MaxMemory > 0 { // Go's garbage collector works harder before the limit is reached; others ignore it
		env["GOMEMLIMIT"] = fmt.Sprint(int64(p.config.MaxMemory) / 10 * 9)
	}
	for _, name := range p.config.InheritEnv {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	maps.Copy(env, p.config.Env)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// launch starts the program and connects to it. It takes no longer than ctx, nor than the program's limit.
func (p *program) launch(ctx context.Context, log *slog.Logger) (*peer, error) {
	if p.stuck() {
		return nil, errStuck
	}
	if err := verify(p.config.Path, p.config.SHA256); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.config.StartTimeout)
	defer cancel()
	folder, err := newFolder()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), p.config.Path, p.config.Args...) // it ends when we say so
	cmd.Env, cmd.Dir = p.environ(), "/"
	run := newProcess(cmd, newWords(log))
	config := &plugin.ClientConfig{
		HandshakeConfig:  handshake.Config,
		VersionedPlugins: handshake.Plugins(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Env = append(cmd.Env, spec.Env...)
			return run, nil
		},
		SkipHostEnv:      true,
		StartTimeout:     p.config.StartTimeout,
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       &lineWriter{words: run.words},
		SyncStderr:       &lineWriter{words: run.words},
		GRPCDialOptions:  handshake.DialOptions(),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: folder.path},
	}
	if p.config.MTLS {
		if config.TLSConfig, err = run.demandCertificate(); err != nil {
			folder.remove()
			return nil, err
		}
	}
	client := plugin.NewClient(config)
	end := func(grace time.Duration) { p.end(run, client, folder, grace) }
	service, err := connect(ctx, run, client)
	if err != nil {
		end(0)
		return nil, p.explain(ctx, run, err)
	}
	return &peer{client: service, pid: run.number(), exited: run.exited, ended: run.ended, end: end}, nil
}

// connect starts the process and waits for its handshake. go-plugin has no context to do so: where ctx ends
// first, the process is killed, and that ends the wait.
func connect(ctx context.Context, run *process, client *plugin.Client) (proto.PluginClient, error) {
	stop := context.AfterFunc(ctx, func() { _ = run.Kill(ctx) })
	defer stop()
	connection, err := client.Client()
	if err != nil {
		return nil, err
	}
	return handshake.Dispense(connection)
}

// explain says why a start has failed.
func (p *program) explain(ctx context.Context, run *process, err error) error {
	switch {
	case run.handshakeFault() != nil:
		return run.handshakeFault()
	case ctx.Err() != nil:
		return fmt.Errorf("the plugin has not started within %v", p.config.StartTimeout)
	case run.number() == 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC)):
		return permanent("the plugin cannot be started: %w", err)
	case run.number() == 0:
		return fmt.Errorf("start the plugin: %w", err)
	}
	return fmt.Errorf("the plugin has not said where it listens: %w", run.ended())
}

// end ends the process, its group and the connection: it is asked to, by its lifeline, and killed when the
// grace is over. go-plugin's own way has no bound, so it comes last, when nothing is left to wait for.
func (p *program) end(run *process, client *plugin.Client, folder *folder, grace time.Duration) {
	run.release()
	if run.number() != 0 && (grace <= 0 || !run.goneWithin(grace)) {
		_ = run.Kill(context.Background())
	}
	if run.number() != 0 && !run.goneWithin(p.kill) {
		// It hangs in the kernel. What waits for it is left behind; its folder and its pipes go.
		p.mu.Lock()
		p.left = append(p.left, run.exited)
		p.mu.Unlock()
		run.hush()
		folder.remove()
		return
	}
	if run.number() != 0 {
		run.join()
	}
	client.Kill()
	folder.remove()
}

// killPatience is how long a process may take to die of SIGKILL.
const killPatience = 5 * time.Second

// lineWriter takes what a plugin in Go prints once go-plugin has taken over its standard output. One
// goroutine writes.
type lineWriter struct {
	words *words
	rest  []byte
}

func (l *lineWriter) Write(text []byte) (int, error) {
	l.rest = append(l.rest, text...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(line) < maxLine {
			l.rest = append([]byte(nil), line...)
			return len(text), nil
		}
		l.words.plain(line)
		l.rest = rest
	}
}
