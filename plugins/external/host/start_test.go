package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// opened opens an instance, and closes it when the test ends.
func opened(t *testing.T, i any) *sdk.Env {
	t.Helper()
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	if err := i.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBounded(t, i) })
	return env
}

func closeBounded(t testing.TB, i any) {
	t.Helper()
	began := time.Now()
	if err := i.(interface{ Close() error }).Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// TestStart starts programs that behave badly before they serve.
func TestStart(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	f := func(before, timeout, problem string, isPermanent bool) {
		t.Run(before, func(t *testing.T) {
			i := instance(t, true, sdk.RoleInput, "ticks", nil, table{
				"env": table{"TEST_BEFORE": before}, "start_timeout": timeout, "stop_timeout": "500ms",
			})
			began := time.Now()
			err := i.(sdk.Opener).Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("Open took %v", took)
			}
			switch {
			case problem == "" && err == nil:
				closeBounded(t, i)
			case problem == "" || err == nil || !strings.Contains(err.Error(), problem):
				t.Errorf("error %v; want %q", err, problem)
			case errors.Is(err, sdk.ErrPermanent) != isPermanent:
				t.Errorf("error %v is permanent: %v", err, !isPermanent)
			}
		})
	}
	f("print", "1m", "", false)
	f("leak", "1m", "", false)
	f("exit", "1m", "exit status 3; its last words: panic: it does not like it here", false)
	f("hang", "1s", "the plugin has not started within 1s", false)
	f("version", "1m", "the plugin speaks version 99 of the plugin protocol, this agent 1", true)
	f("tcp", "1m", "the plugin listens on tcp", true)
}

// TestVerify: which programs are not run at all.
func TestVerify(t *testing.T) {
	program := func(t *testing.T, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "plugin")
		if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const sum = "306c6ca7407560340797866e077e053627ad409277d1b9da58106fce4cf717cb"
	f := func(name, path, pin, problem string, isPermanent bool) {
		t.Run(name, func(t *testing.T) {
			err := host.Verify(path, pin)
			switch {
			case problem == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), problem) || errors.Is(err, sdk.ErrPermanent) != isPermanent:
				t.Errorf("error %v; want %q, permanent: %v", err, problem, isPermanent)
			}
		})
	}
	good := program(t, 0o755)
	digest, err := host.SHA256(good)
	if err != nil {
		t.Fatal(err)
	}
	f("good", good, "", "", false)
	f("pinned", good, strings.ToUpper(digest), "", false)
	f("another", good, sum, "the checksum of "+good+" is "+digest+", not the one that `sha256` pins", true)
	f("relative", "plugin", "", "is not an absolute path", true)
	f("missing", good+"x", "", "there is no program at", false)
	f("folder", filepath.Dir(good), "", "is not a file", true)
	f("not executable", program(t, 0o644), "", "is not executable", true)
	f("world-writable", program(t, 0o757), "", "can be changed by its group or by everybody: chmod go-w", true)
	f("group-writable", program(t, 0o775), "", "can be changed by its group or by everybody", true)

	open := program(t, 0o755)
	if err := os.Chmod(filepath.Dir(open), 0o777); err != nil {
		t.Fatal(err)
	}
	f("world-writable folder", open, "", "can be changed by its group or by everybody", true)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(open, link); err != nil {
		t.Fatal(err)
	}
	f("link into it", link, "", "can be changed by its group or by everybody", true)
	if os.Getuid() == 0 {
		owned := program(t, 0o755)
		if err := os.Chown(owned, 4711, 0); err != nil {
			t.Fatal(err)
		}
		f("somebody else's", owned, "", "belongs to user 4711", true)
	}
}

// TestEnvironment: the program sees what it is allowed, and what it says is in the log.
func TestEnvironment(t *testing.T) {
	t.Setenv("TEST_TAG", "inherited")
	f := func(name string, keys table, want string) {
		t.Run(name, func(t *testing.T) {
			i := instance(t, true, sdk.RoleInput, "ticks", nil, keys)
			env := opened(t, i)
			b := sdk.NewBatch(env.Catalog)
			if err := i.(sdk.Gatherer).Gather(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			for m := range b.All() {
				if m.Tag("env") != want {
					t.Errorf("tag %q, want %q", m.Tag("env"), want)
				}
			}
		})
	}
	f("empty", nil, "-")
	f("inherited", table{"inherit_env": []any{"TEST_TAG"}}, "inherited-")
	f("given", table{"inherit_env": []any{"TEST_TAG"}, "env": table{"TEST_TAG": "given"}}, "given-")
	f("over mTLS", table{"mtls": true}, "-")
}

func TestLogAndFigures(t *testing.T) {
	i := instance(t, true, sdk.RoleInput, "ticks", nil, nil)
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	var said sdktest.Buffer
	env.Log = said.Log()
	if err := i.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	defer closeBounded(t, i)
	if err := i.(sdk.Gatherer).Gather(t.Context(), sdk.NewBatch(env.Catalog)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`level=INFO msg=opened program=host.test after=1s host=testhost`,
		`level=INFO msg="said by slog" program=host.test`,
		`level=INFO msg=printed program=host.test`,
	}
	eventually(t, func() string {
		for _, line := range want {
			if !strings.Contains(said.String(), line) {
				return line + " is not in the log:\n" + said.String()
			}
		}
		have := make(map[string]float64)
		for f := range env.Meter.Totals() {
			have[f.Name] = f.Value
		}
		if have["gpuline_test_total"] != 1 || have[host.UpName] != 1 || have[host.MemoryName] < 1<<20 {
			return "figures are missing"
		}
		return ""
	})
}

// eventually waits until check has nothing to say.
func eventually(t testing.TB, check func() string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		problem := check()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(problem)
		}
		<-time.After(5 * time.Millisecond)
	}
}
