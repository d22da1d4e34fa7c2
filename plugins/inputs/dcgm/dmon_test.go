package dcgm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

const ms = time.Millisecond

// hasty returns a dmon that reads a scenario, and loses no time.
func hasty(t testing.TB, scenario string, change func(*Config)) *dmon {
	t.Helper()
	c := testConfig(modeDmon)
	c.BinPath = childtest.Program(t, scenario)
	if change != nil {
		change(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	d := newDmon(c)
	d.timing = timing{firstRow: 5 * time.Second, stall: 300 * ms, rediscover: 100 * ms, pauses: child.Pauses{First: 10 * ms, Longest: 20 * ms}}
	return d
}

// following is an open input whose rows a test collects.
type following struct {
	t    *testing.T
	r    sdk.Reader
	env  *sdk.Env
	rows []string
	errs []string

	closed bool
}

func watch(t *testing.T, r sdk.Reader, interval time.Duration) *following {
	t.Helper()
	w := &following{t: t, r: r, env: sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))}
	w.env.Interval, w.env.Meter = interval, sdk.NewMeter()
	if err := r.(sdk.Opener).Open(t.Context(), w.env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	return w
}

// end closes the input.
func (w *following) end() {
	if w.closed {
		return
	}
	w.closed = true
	if err := w.r.(interface{ Close() error }).Close(); err != nil {
		w.t.Error(err)
	}
}

// until reads until enough says so.
func (w *following) until(enough func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	b := sdk.NewBatch(w.env.Catalog)
	for !enough() {
		b.Reset()
		_, err := w.r.Read(ctx, b)
		checkTally(w.t, b)
		w.rows = append(w.rows, sdktest.Dump(b)...)
		if err != nil && ctx.Err() == nil {
			w.errs = append(w.errs, err.Error())
		}
		if ctx.Err() != nil {
			w.t.Fatalf("it does not come; errors %q, rows\n%s", w.errs, strings.Join(w.rows, "\n"))
		}
	}
}

// have reports whether n rows with the words have come.
func (w *following) have(n int, words ...string) func() bool {
	return func() bool { return len(of(w.rows, words...)) >= n }
}

func TestDmonConforms(t *testing.T) {
	sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
		c := testConfig(modeDmon)
		c.BinPath = childtest.Program(t, "plain")
		return newDmon(c)
	})
}

func TestDmonRows(t *testing.T) {
	w := watch(t, hasty(t, "plain", nil), 100*ms)
	w.until(w.have(17, "gpu,", "gpu_index=2", "sm_active_ratio")) // beyond a second header
	holds(t, of(w.rows, "gpu,", "gpu_index=1", "sm_active_ratio")[0],
		`gpu,gpu_index=1,gpu_name=NVIDIA\ H100\ 80GB\ HBM3,gpu_uuid=GPU-0100-1,pci_bus_id=00000000\:1B\:00.0,source=dcgm up=1i,`,
		"utilization_ratio=0.87,", "power_watts=301.64,", "throttle_reasons=4i", "sm_active_ratio=0.25,", "ecc_uncorrected_errors=0i")
	lacks(t, of(w.rows, "gpu,", "gpu_index=0")[0], "sm_active_ratio", "xid=") // of a first round
	holds(t, one(t, w.rows, "gpu_event", "event=xid"), "gpu_index=0", "code=79", "severity=critical")
	if n := figure(w.env, "gpuline_dcgm_noise_rows_total"); n != 0 || len(w.errs) > 0 || len(of(w.rows, "event=lost")) > 0 {
		t.Errorf("%v lines of noise, errors %q", n, w.errs)
	}
	if lines := asked(); len(lines) != 1 || !strings.HasPrefix(lines[0], "dmon -e 100,101,102,112,") || !strings.HasSuffix(lines[0], ",1012 -d 100") {
		t.Errorf("%q", lines)
	}
}

func TestDmonArguments(t *testing.T) {
	d := hasty(t, "plain", func(c *Config) {
		c.Address, c.Fields, c.Devices = "node-7:5556", []string{"power_watts", "DCGM_FI_DEV_GPU_UTIL_RATIO", "150", "sm_active_ratio"}, []string{"GPU-0100-2"}
	})
	w := watch(t, d, 20*ms) // too fast for profiling
	w.until(w.have(2, "gpu,"))
	if n := len(of(w.rows, "gpu_index=2")); n != len(w.rows) {
		t.Errorf("%q", w.rows)
	}
	if lines := asked(); len(lines) != 1 || lines[0] != "dmon --host node-7:5556 -e 150,155,157,203 -d 20" {
		t.Errorf("%q", lines)
	}
}

// TestDmonNoise: what is no row of a known GPU with all its columns is left out, and counted.
func TestDmonNoise(t *testing.T) {
	w := watch(t, hasty(t, "noisy", nil), 20*ms)
	w.until(w.have(4, "gpu,", "gpu_index=2"))
	if n := figure(w.env, "gpuline_dcgm_noise_rows_total"); n < 4*5 {
		t.Errorf("%v lines of noise", n)
	}
	for _, row := range of(w.rows, "gpu,", "gpu_index=0") {
		lacks(t, row, "power_watts=2")
	}
	if len(w.errs) > 0 {
		t.Errorf("%q", w.errs)
	}
}

func TestDmonCutValues(t *testing.T) {
	w := watch(t, hasty(t, "cut", nil), 20*ms)
	w.until(w.have(2, "gpu,", "gpu_index=2"))
	if n := figure(w.env, "gpuline_dcgm_invalid_values_total"); n < 6 {
		t.Errorf("%v invalid", n)
	}
	lacks(t, strings.Join(w.rows, "\n"), "energy_joules")
}

func TestDmonLostGPU(t *testing.T) {
	for _, scenario := range []string{"loses", "mute"} {
		t.Run(scenario, func(t *testing.T) {
			w := watch(t, hasty(t, scenario, nil), 20*ms)
			w.until(w.have(2, "gpu,", "gpu_index=1", "up=0i"))
			holds(t, one(t, w.rows, "gpu_event", "event=lost"), "gpu_uuid=GPU-0100-1", "severity=critical")
			if scenario == "loses" {
				w.until(w.have(1, "gpu_event", "event=found"))
			}
			if len(of(w.rows, "up=0i")) != len(of(w.rows, "up=0i", "gpu_index=1")) {
				t.Errorf("others are lost, too:\n%s", strings.Join(w.rows, "\n"))
			}
		})
	}
}

// TestDmonAskedForLess: fields that the hostengine or the cards do not have are left out.
func TestDmonAskedForLess(t *testing.T) {
	f := func(scenario string, tries int, want, lack string) {
		t.Helper()
		w := watch(t, hasty(t, scenario, nil), 100*ms)
		w.until(w.have(4, "gpu,", "gpu_index=1", want))
		lacks(t, strings.Join(w.rows, "\n"), lack)
		if lines := asked(); len(lines) != tries || len(w.errs) > 0 {
			t.Errorf("%q, errors %q", lines, w.errs)
		}
	}
	f("old", 3, "sm_active_ratio", "recovery_action")
	f("noprofiling", 2, "recovery_action", "sm_active_ratio")
}

func TestDmonRestarts(t *testing.T) {
	f := func(scenario, wantErr string) {
		t.Helper()
		w := watch(t, hasty(t, scenario, nil), 20*ms)
		w.until(func() bool { return len(w.errs) > 0 })
		if !strings.Contains(w.errs[0], wantErr) {
			t.Errorf("%s: %q, want %q", scenario, w.errs, wantErr)
		}
		n := len(w.rows)
		w.until(func() bool { return len(w.rows) > n+6 })
		if events := of(w.rows, "gpu_event", "event=lost"); len(events) > 0 {
			t.Errorf("%s: %q", scenario, events)
		}
	}
	f("ends", `it said: "Error getting values information. Return -21: Host engine connection invalid/disconnected": is nv-hostengine running, and is `+"`address` right?")
	f("stalls", "printed no row for 300ms")
	f("paused", "are paused")
}

// TestDmonKeepsItsFields: a hostengine that is not there, or has no GPU yet, costs no reading once it has.
func TestDmonKeepsItsFields(t *testing.T) {
	for scenario, said := range passing {
		w := watch(t, hasty(t, scenario, nil), 100*ms)
		w.until(w.have(4, "gpu,", "gpu_index=1", "sm_active_ratio"))
		if lines := asked(); len(lines) != 3 || lines[0] != lines[2] {
			t.Errorf("%s: %q", scenario, lines)
		}
		if len(w.errs) != 2 || !strings.Contains(w.errs[0], said) || strings.Contains(w.errs[0], "is nv-hostengine running") == isEmpty(said) {
			t.Errorf("%s: %q", scenario, w.errs)
		}
	}
}

// TestDmonOfDCGM2: an older dcgmi lays its table out another way.
func TestDmonOfDCGM2(t *testing.T) {
	d := hasty(t, "v2", nil)
	w := watch(t, d, 20*ms)
	w.until(w.have(20, "gpu,", "gpu_index=1", "power_watts=301.64", "utilization_ratio=0.87"))
	if n := d.noise.Get(); n > 0 || len(w.errs) > 0 {
		t.Errorf("%v lines of noise, errors %q", n, w.errs)
	}
}

// TestDmonStranger: a GPU that dmon names and discovery did not is looked for, and is no reason to fail.
func TestDmonStranger(t *testing.T) {
	w := watch(t, hasty(t, "stranger", nil), 20*ms)
	w.until(func() bool { return len(asked()) >= 2 && w.have(10, "gpu,", "gpu_index=1")() })
	if len(of(w.rows, "gpu_index=2")) > 0 || len(w.errs) > 0 {
		t.Errorf("%q\n%s", w.errs, strings.Join(w.rows, "\n"))
	}
}

func TestDmonDown(t *testing.T) {
	w := watch(t, hasty(t, "down", nil), 20*ms)
	w.until(func() bool { return len(w.errs) > 1 })
	holds(t, w.errs[0], "ask dcgmi which GPUs there are", "status 235", "is nv-hostengine running")
}

func TestDmonIsNotThere(t *testing.T) {
	c := testConfig(modeDmon)
	c.BinPath = "/nowhere/dcgmi"
	err := newDmon(c).Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
	if err == nil || errors.Is(err, sdk.ErrPermanent) || !strings.Contains(err.Error(), "set `bin_path`") {
		t.Errorf("%v", err)
	}
}

func TestParseDiscovery(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		var got []string
		gpus := parseDiscovery([]byte(text))
		for n := range 16 {
			if id, ok := gpus[member{wholeGPU, n}]; ok {
				got = append(got, strings.Join([]string{id.index, id.name, id.bus, id.uuid}, ";"))
			}
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", text, s, want)
		}
	}
	f("", "")
	f("| 0 | Name: A: B |\n|  | PCI Bus ID: 00000000:07:00.0 |\n| | Device UUID: GPU-1 |\n+--+\n| 7 | Name: C |\n| | Device UUID: GPU-2 |", "0;A: B;00000000:07:00.0;GPU-1|7;C;;GPU-2")
	f("| 0 | Name: A |\n| 1 | Device UUID: GPU-2 |\n", "1;;;GPU-2")
	f("| 0 | Device UUID: x |\n| Switch ID |\n| 1 |\n| a | b | c\n", "")
}

func TestClassify(t *testing.T) {
	f := func(line string, want lineKind, wantNumber int, of ...memberKind) {
		t.Helper()
		m, _, kind := classify([]byte(line))
		if kind != want || m != (member{append(of, wholeGPU)[0], wantNumber}) {
			t.Errorf("%q: %d, %v", line, kind, m)
		}
	}
	f("#Entity   POWER", lineHeader, 0)
	f("ID        W", lineHeader, 0)
	f("ID", lineHeader, 0)
	f("", lineHeader, 0)
	f("GPU 0     1.0", lineRow, 0)
	f("GPU 12    1.0   N/A", lineRow, 12)
	f("GPU 0", lineNoise, 0)
	f("GPU 0x    1", lineNoise, 0)
	f("GPU 123456 1", lineNoise, 0)
	f("GPU-I 3   1.0", lineRow, 3, gpuInstance)
	f("GPU-CI 100 1.0", lineRow, 100, computeInstance)
	f("GPU-CI 1000.250 1.0", lineRow, 100, computeInstance)
	f("GPU-CI 100N/A   1.0", lineRow, 100, computeInstance)
	f("GPU-I 1000.250  1.0", lineRow, 1000, gpuInstance)
	f("GPU-CI 12x00", lineNoise, 0)
	f("GPU-I", lineNoise, 0)
	f("GPU-X 0   1.0", lineNoise, 0)
	f("Id", lineHeader, 0)
	f("IDLE", lineNoise, 0)
	f("dmon was stopped do to receiving a signal", lineNoise, 0)
}

// FuzzDmon: whatever dcgmi prints, rows have good values, and each is counted once.
func FuzzDmon(f *testing.F) {
	f.Add("#Entity POWER\nID W\nGPU 0   300.5  N/A  87\nGPU 1  N/A N/A N/A\nGPU 0   300.5  1...  187\n")
	f.Add("GPU 0   300.5  13  87\nGPU-I 0  N/A 13 87\nGPU-I 1 1 1 1\n")
	f.Add("| GPU 0 | GPU x (EntityID: 0) |\n| -> I 0/1 | GPU Instance (EntityID: 3) |\n|    -> CI 0/1/0 | Compute Instance (EntityID: 3) |\n")
	f.Add("| 0 | Name: x |\n| | Device UUID: GPU-1 |\n")
	f.Add("GPU 0 140737488355328.000 9223372036854775792 NaN\nGPU 0 1e400 +Inf 0x1p3\n")
	f.Fuzz(func(t *testing.T, text string) {
		all := parseDiscovery([]byte(text))
		all.addInstances([]byte(text))
		_ = all.option()
		d := newDmon(testConfig(modeDmon))
		env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
		d.env, d.fleet, d.entities = env, newFleet(env), make(map[string]*entity)
		d.current, d.named = make(map[member]*entity), make(map[member]bool)
		d.packets, d.spares, d.noise = child.NewMailbox(pending, d.lose), child.NewSpares[packet](pending), new(sdk.Number)
		s := &session{fields: []*reading{readings[155], readings[230], readings[203]}, members: members{
			{wholeGPU, 0}: {uuid: "GPU-0", index: "0"}, {wholeGPU, 1}: {uuid: "GPU-1", index: "1"}, {gpuInstance, 0}: {uuid: "GPU-0", index: "0", gi: "1"},
		}}
		lines := d.lines(s)
		if lines.Feed([]byte(text), time.Now(), 1) == 0 {
			return
		}
		_ = lines.Settle(time.Now()) // strangers are no fault
		b := sdk.NewBatch(env.Catalog)
		d.unpack(b, <-d.packets.C)
		checkTally(t, b)
		for m := range b.All() {
			for slot := range m.Len() {
				if !m.Value(slot).Finite() {
					t.Fatalf("%s = %v", m.Field(slot).Name, m.Value(slot))
				}
			}
		}
	})
}

// TestDmonAllLost: a hostengine that has lost its only GPUs lists none.
func TestDmonAllLost(t *testing.T) {
	d := hasty(t, "vanishes", nil)
	w := watch(t, d, 20*ms)
	d.fleet.patience = 200 * ms
	w.until(w.have(6, "gpu,", "up=0i"))
	if n := len(of(w.rows, "gpu_event", "event=lost")); n != 3 {
		t.Errorf("%d events in\n%s", n, strings.Join(w.rows, "\n"))
	}
	if last := w.errs[len(w.errs)-1]; !strings.Contains(last, "it lists no GPU") {
		t.Errorf("%q", w.errs)
	}
}
