package faults

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
)

// asHub makes the test binary an agent with the configuration that it names.
const asHub = "GPULINE_TEST_HUB"

// runHub runs an agent until it is told to end, and says its ledger.
func runHub(path string) error {
	plan, err := conf.Load(all.Plugins(), []string{path})
	if err != nil {
		return err
	}
	agent, err := pipeline.New(*plan, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err = agent.Run(ctx)
	l := agent.Ledger()
	fmt.Println(l.String())
	return err
}

// hub is an agent that is a process.
type hub struct {
	t    *testing.T
	path string
	cmd  *exec.Cmd
	out  bytes.Buffer
	log  bytes.Buffer // of all processes in turn
}

// startHub starts an agent, which is killed at the end of the test at the latest.
func startHub(t *testing.T, text string) *hub {
	t.Helper()
	h := &hub{t: t, path: filepath.Join(t.TempDir(), "hub.toml")}
	if err := os.WriteFile(h.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	t.Cleanup(func() {
		h.kill()
		if t.Failed() {
			t.Logf("a hub says:\n%s", h.log.String())
		}
	})
	return h
}

func (h *hub) start() {
	h.t.Helper()
	h.out.Reset()
	h.cmd = exec.Command(os.Args[0])
	h.cmd.Env = append(os.Environ(), asHub+"="+h.path)
	h.cmd.Stdout, h.cmd.Stderr = &h.out, &h.log
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
}

// kill ends the process as it is, with whatever it has in hand.
func (h *hub) kill() {
	_ = h.cmd.Process.Kill() // it may have ended
	_ = h.cmd.Wait()
}

// stop has the agent end, and returns its ledger.
func (h *hub) stop() string {
	h.t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Error(err)
	}
	if err := h.cmd.Wait(); err != nil {
		h.t.Error(err)
	}
	return strings.TrimSpace(h.out.String())
}
