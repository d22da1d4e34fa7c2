package nvidiasmi

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestValidate(t *testing.T) {
	f := func(change func(*Config), want ...string) {
		t.Helper()
		c := testConfig()
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
	f(func(*Config) {})
	f(func(c *Config) { c.Devices = []string{"0", "GPU-1234-ab", "00000000:3b:00.0", "3b:00.0"} })
	f(func(c *Config) { c.Devices = []string{"0", "x", "", "-1"} }, "`devices.1`", "`devices.2`", "`devices.3`", "write an index")
	f(func(c *Config) { c.Devices = []string{"--format=xml"} }, "names no GPU")
	f(func(c *Config) {
		c.Query = []string{"power_watts", "clocks.sm", "temperature.gpu", "power_limit_max_watts"}
	})
	f(func(c *Config) { c.Query = []string{"power_wats"} }, "`query.0`", "no reading")
	f(func(c *Config) { c.Query = []string{"power_watts", "sm_active_ratio"} }, "`query.1`", "cannot be asked")
	f(func(c *Config) { c.Query = []string{"pcie_tx_bytes_per_second"} }, "the full document has it")
	f(func(c *Config) { c.InfoInterval = -1 }, "info_interval")
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
	f("stream", true)
	f("query", false)
	f("xml", false)
	if d.Name != "nvidia_smi" || d.Common["timeout"] != "30s" {
		t.Errorf("%+v", d)
	}
}

func TestMissingProgram(t *testing.T) {
	for _, mode := range []string{"stream", "query", "xml"} {
		c := testConfig()
		c.Mode, c.BinPath = mode, "/nowhere/nvidia-smi"
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		err = p.(sdk.Opener).Open(t.Context(), &sdk.Env{Now: time.Now})
		if err == nil || !strings.Contains(err.Error(), "/nowhere/nvidia-smi") {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestPlan(t *testing.T) {
	help := `
"power.draw"
"power.draw.instant" or "gpu.power.draw.instant"
"clocks_event_reasons.active" or "clocks_throttle_reasons.active"
"memory.used"
"0: Default" means multiple contexts are allowed per device.
"x" is no property
`
	f := func(known *properties, query []string, want ...string) *plan {
		t.Helper()
		c := testConfig()
		c.Query = query
		p, missing := newPlan(c.wanted(), known)
		got := p.names()
		for _, m := range missing {
			got = append(got, "!"+m)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", query, got, want)
		}
		return p
	}
	helped, plain, refused := parseHelp([]byte(help)), new(properties), new(properties)
	f(helped, []string{"power_watts", "throttle_reasons", "clocks.sm"}, "power.draw.instant", "power.draw", "clocks_event_reasons.active", "!clocks.current.sm")
	f(plain, []string{"power_watts", "throttle_reasons", "power.draw"}, "power.draw.instant", "power.draw", "clocks_event_reasons.active")
	if !refused.reject("power.draw.instant") || refused.reject("power.draw.instant") || refused.reject("index") || refused.reject("") {
		t.Error("a name is refused once, and never one that says whose row it is")
	}
	f(refused, []string{"power_watts"}, "gpu.power.draw.instant", "power.draw")
	refused.reject("gpu.power.draw.instant")
	f(refused, []string{"power_watts"}, "power.draw")

	p := f(plain, []string{"memory.used", "power_watts"}, "memory.used", "power.draw.instant", "power.draw")
	q := p.withHeader(split(nil, []byte("index, uuid, name, pci.bus_id, memory.used [KiB], gpu.power.draw [mW], power.draw [C]")))
	var s sheet
	q.read(&s, split(nil, []byte("0, GPU-1, x, y, 2, 1500, 3")))
	if s.number[slotUsed] != 2048 || s.number[slots["gpu power_watts"]] != 1.5 {
		t.Errorf("the units of the header are not used: %v", s.number[:])
	}
	q.read(&s, split(nil, []byte("0, GPU-1, x, y, 2, [N/A], 3")))
	if s.have.has(slots["gpu power_watts"]) {
		t.Error("watts were read from a column of degrees")
	}
	p.read(&s, split(nil, []byte("0, GPU-1, x, y, 2, [N/A], 3")))
	if s.number[slots["gpu power_watts"]] != 3 {
		t.Error("power.draw does not stand in for power.draw.instant")
	}
}

func TestClassify(t *testing.T) {
	c := testConfig()
	c.Query = []string{"memory.used"}
	p, _ := newPlan(c.wanted(), new(properties))
	f := func(line string, want lineKind) {
		t.Helper()
		if got := p.classify([]byte(line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
	f("", lineBlank)
	f("  ", lineBlank)
	f("index, uuid, name, pci.bus_id, memory.used [MiB]", lineHeader)
	f("0, GPU-1, a, b, 5", lineRow)
	f("[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]", lineRow)
	f("[Unknown Error], GPU-1, a, b, 5", lineRow)
	f("0, GPU-1, a, b", lineNoise)
	f("0, GPU-1, a, b, 5, 6", lineNoise)
	f("well, there, are, some, errors", lineNoise)
	f("NVRM: Xid (PCI:0000:11:00): 94", lineNoise)
}
