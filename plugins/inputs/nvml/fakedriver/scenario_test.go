//go:build cgo

package fakedriver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// initText lets the library read text as its scenario, and returns what it says on stderr.
func initText(t testing.TB, text string) (nvml.Return, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scenario")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, path)
	lib := open(t)
	var ret nvml.Return
	said := stderr(t, func() { ret = lib.Init() })
	if ret == nvml.SUCCESS {
		lib.Shutdown()
	}
	return ret, said
}

func TestBadScenarios(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		ret, said := initText(t, text)
		equal(t, text, ret, nvml.ERROR_UNKNOWN)
		if !strings.Contains(said, want) || !strings.HasPrefix(said, "fake NVML: ") {
			t.Errorf("%q: got %q, want %q", text, said, want)
		}
	}
	f("gpus 1\n\ngpu 3", "scenario:3: gpu: no such statement")
	f("gpus", "scenario:1: gpus takes 1 to 1 words, not 0")
	f("gpus 65", "scenario:1: 65: gpus stands once, with 0 to 64")
	f("gpus 1\ngpus 2", "scenario:2: 2: gpus stands once")
	f("value 0 power 1", "scenario:1: 0: not a GPU of this scenario")
	f("gpus 2\nvalue 0-2 power 1", "scenario:2: 0-2: not a GPU")
	f("gpus 2\nvalue 0.1.1 power 1", "scenario:2: 0.1.1: no such MIG instance")
	f("gpus 1\nvalue 0 powr 1", "scenario:2: powr: no such reading")
	f("gpus 1\nvalue 0 power 1.5", "scenario:2: 1.5: not a whole number")
	f("gpus 1\nat 0 power 5 1", "scenario:2: 5: not a time: write 20ms, 1.5s")
	f("gpus 1\nburst 0 power 1s 0 1", "scenario:2: 0: not a time greater than 0")
	f("gpus 1\nburst 0 power 1s 20ms 1\nburst 0 power 1010ms 5ms 1", "scenario:3: bursts of one reading overlap")
	f("gpus 1\ntrain 0 power 0 1s 10ms 11ms 5", "scenario:2: bursts of 11ms every 10ms overlap")
	f("gpus 1\ntrain 0 power 0 never 10ms 1ms 5", "scenario:2: too many bursts: let the time line loop")
	f("gpus 1\nat 0 power 2s 5\nloop 0 power 1s", "scenario:3: a step or burst lies outside of the loop")
	f("gpus 1\nset 0 nam x", "scenario:2: nam: no such fact")
	f("gpus 1\nring 0 10", "scenario:2: 10: not a sample type from 0 to 9")
	f("gpus 1\nring 0 1 size 0", "scenario:2: 0: not a ring size")
	f("gpus 1\nring 0 1 perod 5ms", "scenario:2: perod: not a property of a ring")
	f("gpus 1\nring 0 1 period", "scenario:2: : not a time")
	f("gpus 1\nhang 0 DeviceGetName 1s for 2s", "scenario:2: for: not part of a hang")
	f("gpus 1\nevent 0 1s xxid 3", "scenario:2: xxid: not a whole number")
	f("start tomorrow", "scenario:1: write start init, start boot TIME or start epoch TIME")
	f("clock /nowhere", "/nowhere")
	f(strings.Repeat("a ", 30), "scenario:1: more than 24 words")
}

func TestNoScenario(t *testing.T) {
	t.Setenv(fakedriver.Env, "/nowhere/scenario")
	lib := open(t)
	said := stderr(t, func() { equal(t, "init", lib.Init(), nvml.ERROR_UNKNOWN) })
	equal(t, "stderr", said, "fake NVML: /nowhere/scenario: No such file or directory\n")
}

func TestGoodScenarios(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if ret, said := initText(t, text); ret != nvml.SUCCESS {
			t.Errorf("%q: %v, %s", text, ret, said)
		}
	}
	f("")
	f("# nothing\n\n   \n")
	f("gpus 8   # eight\nset * name NVIDIA L4 # the small one\nvalue 0,2,4-7 power 0x10\nunsupported * fan\n")
	f("start epoch 1700000000s\nloaded -1.5h\nstep 5s -1h\nreload 10s\nreload 20s 5s 9\nmismatch 1000000h\n")
	f("gpus 1\nmig 0 1 0 9984 16 1\nvalue 0.1.0 gpm_sm 500\nerror 0.1.0 DeviceGetMemoryInfo 999 1s\nerror * System* 4 1s 2s\n")
}

func FuzzScenario(f *testing.F) {
	_, err := library() // now: gcc is slow, and the fuzzer takes a slow case for one that hangs
	skipWithoutCompiler(f, err)
	f.Add("gpus 2\nvalue * power 5\nat 0 power 1s 7\nburst 0-1 power 2s 20ms 9\nloop 0 power 5s\n")
	f.Add("gpus 1\nring 0 0 period 20ms size 3 epoch zeroed outlier 2 101 phase 1ms delay 5ms\nset 0 name x y z\n")
	f.Add("gpus 1\nmig 0 1 0 9 9 9\nprocess 0.1.0 1 compute 0 never 5 1 2 3 4\nlost 0 1s 2s drop\nappears 0 1s init\n")
	f.Add("gpus 3\nhang 0,2 Device* 1h while /x locked\nerror 1 DeviceGetSamples/3 999 1s 2s\ndelay * GetX 1us unlocked\nevent * 1s xid 79 1 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range []string{"clock", "calls", "train", "hang", "delay"} { // files of their own, much work, waiting
			if strings.Contains(text, word) {
				t.Skip(word)
			}
		}
		ret, said := initText(t, text)
		switch {
		case ret == nvml.ERROR_UNKNOWN && strings.Count(said, "\n") == 1 && strings.Contains(said, "/scenario:"):
		case ret == nvml.SUCCESS && said == "":
		case ret != nvml.ERROR_UNKNOWN && said == "": // an error that the text itself asks for
		default:
			t.Errorf("%v, %q", ret, said)
		}
	})
}
