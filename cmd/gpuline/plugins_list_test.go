package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/all"
)

// TestListOfRunningAgent shows the processes of a running agent: an example plugin at work, and one that is
// not there.
func TestListOfRunningAgent(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "pressure")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", plugin, "../../plugins/external/example/pressure").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	config := configFile(t, fmt.Sprintf(`
[agent]
http = %q
[[inputs.external]]
path = %q
alias = "pressure"
[[inputs.external]]
path = "/no/such/program"
[[outputs.prometheus]]
`, address, plugin))
	agent := subprocess(t, "run", "-c", config)
	var log bytes.Buffer
	agent.Stderr = &log
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = agent.Process.Signal(os.Interrupt)
		_ = agent.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	up := regexp.MustCompile(`inputs\.external\.pressure +\S+/pressure \(pressure\) +1\.0\.0 +up +0 +\d+\.\ds +[1-9]\d*\.\dMiB\n`)
	gone := regexp.MustCompile(`inputs\.external +/no/such/program +- +there is no program at /no/such/program +- +- +-\n`)
	for deadline := time.Now().Add(20 * time.Second); ; {
		var out, errs bytes.Buffer
		status := execute([]string{"plugins", "list", "-c", config}, program{stdout: &out, stderr: &errs, registry: all.Plugins()})
		if status == 0 && errs.Len() == 0 && up.Match(out.Bytes()) && gone.Match(out.Bytes()) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %d\n%s\n%s", status, &out, &errs)
		}
		<-time.After(100 * time.Millisecond)
	}
}
