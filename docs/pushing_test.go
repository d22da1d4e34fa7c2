package docs_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/inputs/listener"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestPushing runs the programs of pushing-latency.md against an agent, and looks at what comes out of it.
func TestPushing(t *testing.T) {
	page, err := os.ReadFile("pushing-latency.md")
	if err != nil {
		t.Fatal(err)
	}
	f := func(language string, number, want int, run func(t *testing.T, program string) *exec.Cmd) {
		t.Run(fmt.Sprintf("%s %d", language, number), func(t *testing.T) {
			programs := fenced(string(page), language)
			if number >= len(programs) {
				t.Fatalf("%d blocks of %s", len(programs), language)
			}
			udp, http := freePort(t, "udp"), freePort(t, "tcp")
			lines := receive(t, udp, http)
			program := strings.NewReplacer("8089", udp, "8186", http).Replace(programs[number])
			out, err := run(t, program).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for deadline := time.Now().Add(10 * time.Second); len(lines()) < want && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			got := lines()
			if len(got) != want {
				t.Fatalf("%d lines of %d: %q", len(got), want, got)
			}
			for _, line := range got {
				var seconds float64
				_, value, ok := strings.Cut(line, "inference,host=h,model=resnet50,version=1 latency_seconds=")
				if _, err := fmt.Sscan(value, &seconds); !ok || err != nil || seconds < 0.01 || seconds > 5 {
					t.Errorf("%s", line)
				}
			}
		})
	}
	python := func(t *testing.T, program string) *exec.Cmd {
		return exec.CommandContext(t.Context(), tool(t, "python3"), "-c", program)
	}
	f("python", 0, 10, python)
	f("python", 1, 1, python)
	f("cpp", 0, 10, func(t *testing.T, program string) *exec.Cmd {
		compiler, dir := tool(t, "g++"), t.TempDir()
		source := file(t, dir, "push.cpp", program)
		if out, err := exec.CommandContext(t.Context(), compiler, "-std=c++17", "-Wall", "-Werror", "-pthread", "-o", dir+"/push", source).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return exec.CommandContext(t.Context(), dir+"/push")
	})
	f("go", 0, 10, func(t *testing.T, program string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "go", "run", file(t, t.TempDir(), "main.go", program))
	})
}

// fenced returns the blocks of a language in a page.
func fenced(page, language string) (blocks []string) {
	for _, rest := range strings.Split(page, "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(rest, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%v: this example is not tested here", err)
	}
	return path
}

func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T, network string) string {
	t.Helper()
	var address net.Addr
	if network == "udp" {
		conn, err := net.ListenPacket(network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		address = conn.LocalAddr()
	} else {
		l, err := net.Listen(network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		address = l.Addr()
	}
	_, port, _ := net.SplitHostPort(address.String())
	return port
}

// receive runs an agent that listens, until the test ends, and returns what tells the lines it has taken.
func receive(t *testing.T, udp, http string) func() []string {
	t.Helper()
	sink := &sdktest.Sink{}
	type none struct{}
	registry := sdk.Registry{
		listener.Definition(),
		sdk.DefineOutput("sink", "", "", func(*none) (sdk.Output, error) { return sink, nil }),
	}
	plan, err := conf.Parse(registry, "agent.toml", fmt.Appendf(nil, `
[agent]
hostname = "h"
http = ""
[[inputs.listener]]
http = "127.0.0.1:%s"
udp = "127.0.0.1:%s"
[[outputs.sink]]
flush_interval = "1ms"
`, http, udp))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(*plan, sdktest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		ledger := p.Ledger()
		if err := ledger.Check(); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+http); err == nil {
			_ = conn.Close()
			return sink.Lines
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody listens")
		}
		time.Sleep(time.Millisecond)
	}
}
