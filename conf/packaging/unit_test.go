package packaging_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// directives returns the lines of one section of the unit, in order.
func directives(t *testing.T, section string) (keys, values []string) {
	t.Helper()
	in := ""
	for line := range strings.Lines(read(t, "gpuline.service")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			in = line
		case in == "["+section+"]":
			key, value, found := strings.Cut(line, "=")
			if !found {
				t.Errorf("no directive: %q", line)
			}
			keys, values = append(keys, key), append(values, value)
		}
	}
	return keys, values
}

func TestUnit(t *testing.T) {
	keys, values := directives(t, "Service")
	f := func(key string, want ...string) {
		t.Helper()
		var got []string
		for i := range keys {
			if keys[i] == key {
				got = append(got, values[i])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	f("Type", "notify")
	f("ExecStart", "/usr/bin/gpuline run -c /etc/gpuline")
	f("ExecReload", "/bin/kill -HUP $MAINPID")
	f("KillMode", "mixed")
	f("Restart", "on-failure")
	f("User", "gpuline")
	f("StateDirectory", "gpuline")
	f("DevicePolicy", "closed")
	f("DeviceAllow", "/dev/nvidiactl rw", "char-nvidia* rw", "char-195 rw")
	f("NoNewPrivileges", "yes")
	f("CapabilityBoundingSet", "")
	f("ProtectSystem", "strict")
	f("MemoryDenyWriteExecute", "yes")
	f("SystemCallFilter", "@system-service", "~@privileged @resources")
	f("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6")
	// nvidia-smi looks for drivers in the one and for the names of processes in the other.
	f("ProcSubset")
	f("ProtectProc")
	f("PrivateDevices")
}

// TestUnitWaitsForTheGrace holds that systemd does not kill an agent that still delivers.
func TestUnitWaitsForTheGrace(t *testing.T) {
	plan, err := conf.Load(all.Plugins(), []string{"../gpuline.toml"})
	if err != nil {
		t.Fatal(err)
	}
	keys, values := directives(t, "Service")
	limit, err := time.ParseDuration(values[slices.Index(keys, "TimeoutStopSec")])
	if err != nil {
		t.Fatal(err)
	}
	if least := plan.Agent.ShutdownGrace + 5*time.Second; limit < least {
		t.Errorf("TimeoutStopSec is %v, want at least %v", limit, least)
	}
}

// TestUnitIsExplained holds that docs/security.md has a word on each directive.
func TestUnitIsExplained(t *testing.T) {
	page := read(t, "../../docs/security.md")
	keys, _ := directives(t, "Service")
	for _, key := range slices.Compact(keys) {
		if !strings.Contains(page, "`"+key) {
			t.Errorf("docs/security.md does not explain %s", key)
		}
	}
}
