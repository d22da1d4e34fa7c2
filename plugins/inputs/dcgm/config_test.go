package dcgm

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestValidate(t *testing.T) {
	f := func(mode string, change func(*Config), want ...string) {
		t.Helper()
		c := testConfig(mode)
		change(c)
		err := c.Validate()
		if (err == nil) != (len(want) == 0) {
			t.Errorf("error %v, want %q", err, want)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q lacks %q", err, w)
			}
		}
	}
	for _, mode := range []string{modeHostengine, modeExporter, modeDmon} {
		f(mode, func(*Config) {})
		f(mode, func(c *Config) { c.Devices = []string{"0", "!"} }, "`devices.1`", "names no GPU")
	}
	f(modeDmon, func(c *Config) {
		c.Fields = []string{"power_watts", "DCGM_FI_DEV_GPU_UTIL", "1002", "DCGM_FI_PROF_SM_UTIL_RATIO"}
	})
	f(modeDmon, func(c *Config) {
		c.Fields = []string{"power_wats", "99", "jpeg_ratio", "driver_version", "DCGM_FI_DEV_GPU_UTL"}
	},
		"`fields.0`", "did you mean power_watts?", "field 99 is not known", "DCGM does not give \"jpeg_ratio\"", "`fields.3`", "did you mean DCGM_FI_DEV_GPU_UTIL")
	f(modeExporter, func(c *Config) { c.Fields = []string{"power_watts"} }, "`fields`", "counters file")
	f(modeHostengine, func(c *Config) { c.ProfilingInterval = 50 * time.Millisecond }, "`profiling_interval`", "100ms")
	f(modeHostengine, func(c *Config) { c.ProfilingInterval = 0 })

	for _, a := range []string{"node-7", "node-7:5555", "10.0.0.7", "[::1]:5555", "[::1]", "unix:///run/dcgm.sock", "embedded"} {
		f(modeHostengine, func(c *Config) { c.Address = a })
	}
	for _, a := range []string{"", "unix://x", "http://x", "a b", ":5555", "x:y", "x:70000", "-x"} {
		f(modeHostengine, func(c *Config) { c.Address = a }, "`address`", "write it as \"localhost:5555\"")
	}
	f(modeDmon, func(c *Config) { c.Address = "embedded" }, "`address`", "hostengine that runs")

	f(modeExporter, func(c *Config) { c.URL = "https://node-7:9400/metrics" })
	f(modeExporter, func(c *Config) { c.URL = "ftp://x" }, "`url`", "neither http nor https")
	f(modeExporter, func(c *Config) { c.URL = "http://:9400" }, "`url`", "no host")
	f(modeExporter, func(c *Config) { c.URL = "http://\x7f" }, "`url`", "not a URL")
	f(modeExporter, func(c *Config) { c.URL = "http://u:secret@x" }, "`url`", "belong to `user`")
	f(modeExporter, func(c *Config) { c.User, c.BearerToken = "u", sdk.NewSecret("t") }, "`bearer_token`")
	f(modeExporter, func(c *Config) { c.Password = sdk.NewSecret("t") }, "`password`", "without `user`")
	f(modeExporter, func(c *Config) { c.Labels = []string{"job", "host", ""} }, "`labels.1`", "`labels.2`")
	f(modeExporter, func(c *Config) { c.TLS.Cert = "x" }, "`tls`")
	f(modeHostengine, func(c *Config) { c.User = "u" }, "`mode`", "dcgm-exporter")
}

func TestDefinition(t *testing.T) {
	d := Definition()
	f := func(mode string, streams bool) {
		t.Helper()
		c := d.NewConfig().(*Config)
		c.Mode = mode
		p, err := d.New(c)
		if _, ok := p.(sdk.Reader); ok != streams || err != nil {
			t.Errorf("%s: %T, %v", mode, p, err)
		}
	}
	f("hostengine", true)
	f("exporter", false)
	f("dmon", true)
}

func TestWithoutCgo(t *testing.T) {
	if withCgo {
		t.Skip("this binary was built with cgo: the mode hostengine works")
	}
	p, err := New(testConfig(modeHostengine))
	if err != nil {
		t.Fatal(err)
	}
	err = p.(sdk.Opener).Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
	if !errors.Is(err, sdk.ErrPermanent) || !strings.Contains(err.Error(), "take the build with cgo") {
		t.Errorf("%v", err)
	}
}

func TestWanted(t *testing.T) {
	c := testConfig(modeHostengine)
	fields := c.wanted()
	for tier, ids := range map[tier][]int{
		tierFast: {100, 150, 155, 156, 157, 203, 230, 252}, tierProfiling: {1001, 1012}, tierSlow: {164, 310, 395, 1523},
	} {
		for _, id := range ids {
			if !slices.Contains(fields[tier], id) {
				t.Errorf("tier %d lacks the field %d", tier, id)
			}
		}
	}
	c.ProfilingInterval = 0
	if fields := c.wanted(); len(fields[tierProfiling]) > 0 {
		t.Errorf("%v", fields[tierProfiling])
	}
}
