package external

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/gpuline/gpuline/plugins/external/internal/author"
	"github.com/gpuline/gpuline/plugins/external/internal/handshake"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Serve is the main of a plugin's program. Started by the agent, it serves the plugins until the agent has
// no more use for the process, or has ended; started by hand, it answers to the commands describe, check,
// sample and docs. It does not return. version is for people; it may be anything.
func Serve(version string, plugins ...sdk.Definition) {
	service := &author.Service{Version: version, Registry: plugins}
	if err := service.Validate(); err != nil {
		fmt.Fprintf(os.Stderr, "this plugin is faulty: %v\n", err)
		os.Exit(1)
	}
	if os.Getenv(handshake.CookieKey) != handshake.CookieValue {
		c := commands{name: os.Args[0], service: service, in: os.Stdin, out: os.Stdout, err: os.Stderr}
		os.Exit(c.run(os.Args[1:]))
	}
	serve(service)
	os.Exit(0)
}

func serve(service *author.Service) {
	// systemd sends SIGTERM to every process of a unit, a terminal SIGINT, and the kernel SIGTERM when the
	// agent is killed: our standard input says when to end, and then whatever we have started ends, too.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	log := newLog(os.Stderr)
	service.Log = log.instance
	err := takeOver()
	var secured *tls.Config
	if err == nil {
		secured, err = secure()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		waitForEnd(os.Stdin)
		end(service)
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  handshake.Config,
		VersionedPlugins: handshake.Plugins(service),
		GRPCServer:       handshake.NewServer,
		TLSProvider:      func() (*tls.Config, error) { return secured, nil },
		Logger:           hclog.NewNullLogger(),
	})
}

// lastWords is how long instances get to close once the agent has gone.
const lastWords = time.Second

// waitForEnd returns when the agent closes our standard input, as its death does.
func waitForEnd(stdin *os.File) {
	buf := make([]byte, 64)
	for {
		if _, err := stdin.Read(buf); err != nil {
			return
		}
	}
}

// end lets instances take what the agent has said last, such as acks, and close; then it ends the process
// and those that it has started.
func end(service *author.Service) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		service.Wait()
	}()
	select {
	case <-done:
	case <-time.After(lastWords):
	}
	killGroup()
	os.Exit(0)
}
