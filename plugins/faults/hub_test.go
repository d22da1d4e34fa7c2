package faults

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
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

// startHub starts an agent, which is killed at the end of the test at the latest.
func startHub(t *testing.T, text string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startProcess(t, func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asHub+"="+path)
		return cmd
	})
}
