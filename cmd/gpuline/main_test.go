package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gpuline/gpuline/plugins/all"
	author "github.com/gpuline/gpuline/plugins/external"
	"github.com/gpuline/gpuline/plugins/inputs/nvml"
)

// asProgram makes the test binary run as the program.
const asProgram = "GPULINE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv("GPULINE_PLUGIN") != "" {
		author.Serve("1", journalDefinition)
	}
	switch os.Getenv(asProgram) {
	case "":
	case withVault:
		os.Exit(execute(os.Args[1:], program{stdout: os.Stdout, stderr: os.Stderr, registry: append(all.Plugins(), vaultDefinition)}))
	default:
		main()
		return
	}
	testscript.Main(m, map[string]func(){"gpuline": main})
}

// TestScripts runs the program as a user would: see testdata/*.txtar. UPDATE_SCRIPTS=1 writes what the
// program prints into them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Condition: func(name string) (bool, error) {
			if name != "nvml" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			_, err := nvml.Look("")
			return err == nil, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each run of the program lasts a second longer
			return setGo(env)
		},
	})
}

// setGo lets scripts build programs against this checkout.
func setGo(env *testscript.Env) error {
	checkout, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	env.Setenv("CHECKOUT", checkout)
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	dirs := strings.Fields(string(out))
	if err == nil && len(dirs) == 2 { // scripts that need it say so
		env.Setenv("GOCACHE", dirs[0])
		env.Setenv("GOMODCACHE", dirs[1])
	}
	return nil
}
