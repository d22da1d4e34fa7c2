package tegrastats

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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
		os.Exit(play(scenario, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

func play(scenario string, args []string) int {
	if len(args) != 2 || args[0] != "--interval" {
		fmt.Fprintln(os.Stderr, "usage: tegrastats --interval <ms>, not", args)
		return 64
	}
	ms, err := strconv.Atoi(args[1])
	if err != nil || ms < 1 {
		return 64
	}
	start := childtest.Note("start", "")
	switch scenario {
	case "fails":
		fmt.Fprintln(os.Stderr, "tegrastats: cannot read the statistics\nmore")
		return 3
	case "says":
		fmt.Println("Run as root, please")
		return 1
	case "mute":
		select {} //nolint:revive // as it should
	case "endless":
		text := strings.Repeat("RAM 1/2MB ", 1<<12)
		for {
			fmt.Print(text)
		}
	case "stubborn":
		if start == 1 {
			signal.Ignore(syscall.SIGTERM)
			grandchild()
		}
	case "grandchild":
		grandchild()
	}
	for n := 1; ; n++ {
		time.Sleep(time.Duration(ms) * time.Millisecond)
		switch {
		case scenario == "noise":
			fmt.Print("nvmap: GPU 3/4 failed\n\n")
		case n == 3 && (scenario == "ends" || scenario == "grandchild"):
			fmt.Print("RAM 7/8MB GR3D_FREQ 99% and a torn li") // without an end
			return 0
		case n == 3 && start == 1 && (scenario == "stalls" || scenario == "stubborn"):
			select {} //nolint:revive // hangs, as it should
		}
		line := orinLine(n)
		if scenario == "pieces" {
			for _, part := range strings.SplitAfter(line, "G") {
				fmt.Print(part)
				time.Sleep(time.Millisecond)
			}
			fmt.Print("\r\n")
			continue
		}
		fmt.Println(line)
	}
}

// orinLine is a line as an AGX Orin prints it, the n-th.
func orinLine(n int) string {
	encoder := "off"
	if n%2 == 0 {
		encoder = fmt.Sprintf("%d%%@716", n%100)
	}
	return fmt.Sprintf("01-02-2026 03:04:05 RAM %d/62841MB (lfb 3x4MB) SWAP 0/31421MB (cached 0MB) CPU [5%%@729,off,9%%@729] EMC_FREQ 2%%@2133 "+
		"GR3D_FREQ %d%%@[305,611] NVENC %s NVDEC off APE 174 cpu@47.687C gpu@43.218C cv0@-256C tj@47.687C VDD_GPU_SOC %dmW/2801mW VDD_CPU_CV 400mW/400mW VIN_SYS_5V0 4536mW/4536mW",
		6000+n, n%101, encoder, 2000+n)
}

// grandchild starts a process that holds standard output open, in the same process group.
func grandchild() {
	c := exec.Command("sleep", "20")
	c.Stdout = os.Stdout
	_ = c.Start()
}
