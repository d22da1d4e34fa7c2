package nvidiasmi

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
)

func TestMain(m *testing.M) {
	if scenario := childtest.Scenario(); scenario != "" {
		code := play(scenario, os.Args[1:])
		if scenario == "lingers" { // while the driver shuts the GPUs down
			_ = os.Stdout.Close()
			time.Sleep(300 * time.Millisecond)
		}
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// player is a fake nvidia-smi at work.
type player struct {
	scenario string
	world    world
	names    []string
	start    int // from 1
	interval time.Duration
	only     string
}

func play(scenario string, args []string) int {
	p := player{scenario: scenario, world: world{gpus: 3, mig: 2, clocks: 5, load: 97}}
	for i, arg := range args {
		switch {
		case arg == "--help-query-gpu":
			return p.help()
		case arg == "-x":
			if i+2 < len(args) && args[i+1] == "-i" {
				p.only, p.world.only = args[i+2], args[i+2]
			}
			return p.document()
		case arg == "-lms":
			ms, _ := strconv.Atoi(args[i+1])
			p.interval = time.Duration(ms) * time.Millisecond
		case arg == "-i":
			p.only = args[i+1]
		case strings.HasPrefix(arg, "--query-gpu="):
			p.names = strings.Split(strings.TrimPrefix(arg, "--query-gpu="), ",")
		}
	}
	p.start = childtest.Note("start", "")
	return p.rows()
}

// What the fakes "old" and "mute" do not know.
var unknown = []string{"power.draw.instant", "clocks_event_reasons.active", "temperature.gpu.tlimit"}

func (p *player) help() int {
	if p.scenario != "old" {
		fmt.Println("no help here")
		return 1
	}
	fmt.Print("List of valid properties to query for the switch \"--query-gpu\":\n\nSection about nothing\n")
	for _, line := range strings.Split(`"index"|"uuid" or "gpu_uuid"|"name" or "gpu_name"|"pci.bus_id"|"utilization.gpu"|"power.draw"|"memory.used"|`+
		`"memory.total"|"clocks_throttle_reasons.active"`, "|") {
		fmt.Printf("%s\nWhat it is. \"0: Default\" means nothing.\n\n", line)
	}
	return 0
}

func (p *player) document() int {
	if p.scenario == "torn" {
		text := p.world.document()
		fmt.Print(text[:len(text)*9/10])
		return 0
	}
	if code, failing := p.failure(); failing {
		return code
	}
	if strings.HasPrefix(p.scenario, "skips") {
		if p.scenario == "skips" {
			fmt.Println(unreadableOne)
		}
		p.world.skip = map[int]bool{1: true}
	}
	fmt.Print(p.world.document())
	return 0
}

// How a nvidia-smi since driver 560 speaks of a GPU that it cannot read, and goes on with the others.
const unreadableOne = "Unable to determine the device handle for GPU1: 0000:11:00.0: Unknown Error"

// failure prints and returns what the scenario fails with.
func (p *player) failure() (code int, failing bool) {
	switch p.scenario {
	case "no driver":
		fmt.Println("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
		return 9, true
	case "no library":
		fmt.Println("Failed to initialize NVML: Driver/library not found")
		return 12, true
	case "no gpu":
		fmt.Println("No devices were found")
		return 6, true
	case "nobody": // some drivers think nothing of it
		fmt.Println("No devices were found")
		return 0, true
	case "unreadable": // nor has it another one
		fmt.Println(unreadableOne)
		return 255, true
	case "unreadable, no failure":
		fmt.Println(unreadableOne + "\nNo devices were found")
		return 0, true
	case "hangs":
		select {} //nolint:revive // as it should
	case "blocked":
		if p.only == "" {
			fmt.Println("Unable to determine the device handle for GPU0000:11:00.0: GPU is lost.  Reboot the system to recover this GPU")
			return 15, true
		}
	}
	return 0, false
}

func (p *player) rows() int {
	if code, failing := p.failure(); failing {
		return code
	}
	if p.scenario == "old" || p.scenario == "mute" {
		for _, name := range p.names {
			if slices.Contains(unknown, name) {
				fmt.Printf("Field %q is not a valid field to query.\n\n", name)
				return 2
			}
		}
	}
	switch p.scenario {
	case "slow":
		time.Sleep(400 * time.Millisecond)
	case "stubborn":
		if p.start == 1 {
			signal.Ignore(syscall.SIGTERM)
			grandchild()
		}
	case "grandchild":
		grandchild()
	}
	fmt.Println(p.world.header(p.names))
	for n := 1; ; n++ {
		if done, code := p.frame(n); done {
			return code
		}
		if p.interval == 0 {
			return 0
		}
		time.Sleep(p.interval)
	}
}

// frame prints the rows of one interval.
func (p *player) frame(n int) (done bool, code int) {
	w := p.world
	skip := -1
	if p.scenario == "skips" {
		skip = 1
		if n == 1 {
			fmt.Println(unreadableOne)
		}
	}
	var text strings.Builder // a frame comes in one piece
	defer func() { fmt.Print(text.String()) }()
	switch p.scenario {
	case "lost":
		w.lost = map[int]bool{1: n >= 3 && n < 6}
	case "vanished":
		if n >= 3 && n < 8 {
			skip = 1
		}
	case "noise":
		text.WriteString("WARNING: infoROM is corrupted at gpu 0000:10:00.0\n")
	case "upgraded":
		if n == 3 {
			text.WriteString("Failed to initialize NVML: Driver/library version mismatch\n")
			return true, 18
		}
		text.WriteString("WARNING: infoROM is corrupted at gpu 0000:10:00.0\n")
	case "ends", "grandchild":
		if n == 3 {
			return true, 0
		}
	case "stalls", "stubborn":
		if n == 3 && p.start == 1 {
			select {} //nolint:revive // hangs, as it should
		}
	}
	for i := range w.gpus {
		if i == skip || p.only != "" && !strings.Contains(p.only, w.uuid(i)) {
			continue
		}
		text.WriteString(w.row(i, p.names) + "\n")
		if p.scenario == "noise" && i == 1 {
			text.WriteString("NVRM: Xid (PCI:0000:11:00): 94, pid=1, name=x, Contained ECC error\n")
		}
		if p.scenario == "slow" { // but for a slow one
			fmt.Print(text.String())
			text.Reset()
			time.Sleep(15 * time.Millisecond)
		}
	}
	return false, 0
}

// grandchild starts a process that holds standard output open, in the same process group.
func grandchild() {
	c := exec.Command("sleep", "20")
	c.Stdout = os.Stdout
	_ = c.Start()
}
