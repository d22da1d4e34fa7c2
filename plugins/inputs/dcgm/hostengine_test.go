//go:build cgo

package dcgm

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestHostengineConforms(t *testing.T) {
	sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
		newScenario(t, "gpus 2")
		c := engineConfig(t)
		c.SampleInterval = 20 * ms
		return newEngine(c)
	})
}

func TestHostengineRows(t *testing.T) {
	p := hastyEngine(t, func(c *Config) { c.SlowInterval = time.Second }, "gpus 2")
	p.until(p.have(2, "gpu,", "gpu_index=0", "utilization_ratio", "memory_used_bytes"))
	row := of(p.rows, "gpu,", "gpu_index=0", "utilization_ratio", "memory_used_bytes")[1]
	holds(t, row, `gpu,gpu_index=0,gpu_name=NVIDIA\ H100\ 80GB\ HBM3,gpu_uuid=GPU-fake-0,pci_bus_id=00000000\:1A\:00.0,source=dcgm up=1i,`,
		"memory_used_bytes=20971520000i", "memory_free_bytes=62914560000i", "memory_used_ratio=0.25", "temperature_celsius=40", "throttle_reasons=4i")
	lacks(t, row, "memory_activity_ratio", "encoder_ratio", "xid=")
	p.until(p.have(1, "gpu_info", "gpu_index=1"))
	holds(t, of(p.rows, "gpu_info", "gpu_index=1")[0], `driver_version="550.163.01"`, `serial="165201"`, `vbios_version="96.00.5E.00.01"`)
	lacks(t, of(p.rows, "gpu_info", "gpu_index=1")[0], "inforom")
	p.until(p.have(2, "gpu,", "gpu_index=1", "sm_active_ratio=0.25", "tensor_active_ratio=0.25", "nvlink_rx_bytes_per_second=1i"))
	p.until(p.have(1, "gpu,", "gpu_index=1", "power_limit_watts=250", "ecc_uncorrected_errors=0i"))
	if figure(p.env, "gpuline_dcgm_blank_values_total") == 0 || figure(p.env, "gpuline_dcgm_invalid_values_total") == 0 {
		t.Error("blank values and a utilisation of 107 % are not counted")
	}
	if len(p.errs) > 0 {
		t.Errorf("%q", p.errs)
	}
}

// TestNothingIsMissed: each sample of the hostengine comes once, with its own time, however seldom they are
// fetched.
func TestNothingIsMissed(t *testing.T) {
	p := hastyEngine(t, func(c *Config) {
		c.SampleInterval, c.Fields = 10*ms, []string{"power_watts", "utilization_ratio", "temperature_celsius"}
	}, "gpus 2")
	p.until(p.have(60, "gpu,", "gpu_index=0", "utilization_ratio"))
	for gpu, field := range []string{"power_watts=20", "power_watts=101"} { // GPU 1 has the average alone
		rows := of(p.rows, "gpu,", "gpu_index="+strconv.Itoa(gpu))
		var before int64
		for i, row := range rows {
			holds(t, row, field, "utilization_ratio=", "temperature_celsius=")
			at := timeOf(t, row)
			if i > 0 && at-before != int64(10*ms) {
				t.Fatalf("GPU %d: %v after the sample before: %s", gpu, time.Duration(at-before), row)
			}
			before = at
			if want := fmt.Sprintf("utilization_ratio=%v,", float64(at/1000/100000%101)/100); !strings.Contains(row, want) {
				t.Errorf("%s, want %s", row, want)
			}
		}
	}
}

func timeOf(t *testing.T, row string) int64 {
	t.Helper()
	at, err := strconv.ParseInt(row[strings.LastIndexByte(row, ' ')+1:], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestHostengineXIDs(t *testing.T) {
	p := hastyEngine(t, nil, "gpus 2", "xid 0 13 1000")
	p.until(p.have(2, "gpu,", "gpu_index=1"))
	first := xidLine(1, 79)
	time.Sleep(2 * ms)
	second := xidLine(1, 48)
	p.set("gpus 2", "xid 0 13 1000", first, second)
	p.until(p.have(2, "gpu_event", "event=xid"))
	p.until(p.have(1, "gpu,", "gpu_index=1", "xid=48i"))
	events := of(p.rows, "gpu_event", "event=xid")
	if len(events) != 2 {
		t.Errorf("%q", events)
	}
	holds(t, events[0], "gpu_uuid=GPU-fake-1", "code=79", "severity=critical", strings.Fields(first)[3]+"000")
	holds(t, events[1], "code=48", strings.Fields(second)[3]+"000")
	lacks(t, strings.Join(of(p.rows, "gpu,", "gpu_index=0"), "\n"), "xid=")
}

func TestHostengineLostGPU(t *testing.T) {
	for scene, why := range map[string]string{"lost 1": "does not list", "gone 1": "is lost", "mixed 1": "is lost", "mute 1": "no value"} {
		t.Run(scene, func(t *testing.T) {
			p := hastyEngine(t, func(c *Config) { c.SampleInterval = 20 * ms }, "gpus 2")
			p.until(p.have(2, "gpu,", "gpu_index=1"))
			p.set("gpus 2", scene, xidLine(1, 79))
			p.until(p.have(3, "gpu,", "gpu_index=1", "up=0i"))
			holds(t, one(t, p.rows, "gpu_event", "event=lost"), "gpu_uuid=GPU-fake-1", "severity=critical", why)
			if scene != "lost 1" { // which is in no group any more
				one(t, p.rows, "gpu_event", "event=xid", "gpu_uuid=GPU-fake-1")
			}
			n := len(of(p.rows, "gpu,", "gpu_index=0"))
			p.set("gpus 2")
			p.until(p.have(1, "gpu_event", "event=found"))
			p.until(p.have(n+4, "gpu,", "gpu_index=0", "up=1i"))
			rows := of(p.rows, "gpu,", "gpu_index=1")
			holds(t, rows[len(rows)-1], "up=1i")
			if lost := of(p.rows, "event=lost"); len(lost) != 1 || len(p.errs) > 0 {
				t.Errorf("%q, errors %q", lost, p.errs)
			}
		})
	}
}

func TestHostengineComesAndGoes(t *testing.T) {
	p := hastyEngine(t, nil, "gpus 1")
	p.until(p.have(2, "gpu,", "utilization_ratio"))
	f := func(scene, wantErr string) {
		t.Helper()
		n, errs := len(of(p.rows, "gpu,", "utilization_ratio")), len(p.errs)
		p.set(strings.Split(scene, ";")...)
		p.until(func() bool { return len(p.errs) > errs })
		if !strings.Contains(p.errs[errs], wantErr) {
			t.Errorf("%s: %q, want %q", scene, p.errs[errs:], wantErr)
		}
		epoch := ""
		if strings.Contains(scene, "epoch") {
			epoch = scene
		}
		p.set("gpus 1", epoch)
		p.until(p.have(n+3, "gpu,", "utilization_ratio"))
		if events := of(p.rows, "gpu_event", "event=lost"); len(events) > 0 {
			t.Errorf("%s: %q", scene, events)
		}
	}
	f("down", "Host engine connection invalid/disconnected")
	f("gpus 1;paused", "the hostengine is paused")
	f("gpus 1;epoch 7", "connection to the hostengine is made anew")

	// No sample comes twice.
	seen := make(map[string]bool)
	for _, row := range of(p.rows, "gpu,", "utilization_ratio") {
		at := row[strings.LastIndexByte(row, ' ')+1:]
		if seen[at] {
			t.Errorf("twice: %s", row)
		}
		seen[at] = true
	}
}

func TestHostengineCannotBeOpened(t *testing.T) {
	f := func(change func(*Config), want string, lines ...string) {
		t.Helper()
		newScenario(t, lines...)
		c := engineConfig(t)
		change(c)
		err := newEngine(c).Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(func(*Config) {}, "connect to the hostengine at localhost:5555: ", "down")
	f(func(c *Config) { c.Address = "nowhere:1" }, "connect to the hostengine at nowhere:1: ", "gpus 1")
	f(func(*Config) {}, "sees no GPU", "gpus 0")
	f(func(*Config) {}, "paused", "gpus 1", "paused")
	f(func(c *Config) { c.Devices = []string{"7"} }, "none of the hostengine's 1 GPUs is one of `devices` = [\"7\"]", "gpus 1")
	f(func(c *Config) { c.Library = "/nowhere/libdcgm.so.4" }, "set `library` to where libdcgm.so.4 is", "gpus 1")
}

func TestHostengineAddresses(t *testing.T) {
	for _, address := range []string{"unix:///run/nvidia/dcgm.sock", "embedded", "node-7:5556"} {
		p := hastyEngine(t, func(c *Config) { c.Address = address }, "gpus 1")
		p.until(p.have(1, "gpu,"))
		p.end()
	}
}

func TestOneHostengineAProcess(t *testing.T) {
	p := hastyEngine(t, nil, "gpus 1")
	err := newEngine(engineConfig(t)).Open(t.Context(), p.env)
	if err == nil || !strings.Contains(err.Error(), "leave `isolate` on") {
		t.Errorf("%v", err)
	}
	p.until(p.have(1, "gpu,"))
}

func TestHostengineKnowsLess(t *testing.T) {
	p := hastyEngine(t, func(c *Config) { c.SlowInterval = time.Second }, "gpus 1", "unknown 1523", "unknown 1420", "noprofiling", "nopolicy")
	p.until(p.have(3, "gpu,", "utilization_ratio"))
	p.until(p.have(1, "gpu,", "power_limit_watts"))
	text := strings.Join(p.rows, "\n")
	lacks(t, text, "recovery_action", "sm_active_ratio")
	holds(t, text, "throttle_sw_power_seconds=1e-09") // of field 240, in place of 1420
	if len(p.errs) > 0 {
		t.Errorf("%q", p.errs)
	}
}

func TestHostengineMIG(t *testing.T) {
	p := hastyEngine(t, nil, "gpus 2", "mig")
	p.until(p.have(2, "gpu,", "mig_ci=0,mig_gi=1", "sm_active_ratio"))
	p.until(p.have(2, "gpu,", "mig_ci=1,mig_gi=2", "sm_active_ratio"))
	holds(t, of(p.rows, "gpu,", "mig_ci=0,mig_gi=2", "memory_used_bytes")[0], "gpu_uuid=GPU-fake-0", "gpu_index=0")
	lacks(t, of(p.rows, "gpu,", "mig_gi=2")[0], "up=")
	for _, row := range of(p.rows, "mig_gi=1") {
		holds(t, row, "mig_ci=0") // its only compute instance
	}
	p.set("gpus 2")
	n := 0
	p.until(func() bool { n++; return n > 20 })
	before := len(of(p.rows, "mig_gi"))
	p.until(p.have(len(of(p.rows, "gpu,", "gpu_index=1"))+5, "gpu,", "gpu_index=1"))
	if got := len(of(p.rows, "mig_gi")); got != before || len(of(p.rows, "gpu_event")) > len(of(p.rows, "event=throttle")) {
		t.Errorf("%d rows of instances that are no more; %q", got-before, of(p.rows, "gpu_event"))
	}
}

func TestHostengineHealth(t *testing.T) {
	const fault = "incident 16 10 3 1 1 Pending page retirements were detected"
	p := hastyEngine(t, nil, "gpus 2")
	p.until(p.have(1, "gpu,"))
	p.set("gpus 2", fault)
	p.until(p.have(1, "gpu_event", "event=health"))
	holds(t, one(t, p.rows, "event=health"), "code=memory", "severity=warning", "gpu_uuid=GPU-fake-1", `message="Pending page retirements were detected"`, "value=3")
	n := len(p.rows)
	p.until(func() bool { return len(p.rows) > n+20 }) // it stands, and is told once
	one(t, p.rows, "event=health")
	p.set("gpus 2", strings.Replace(fault, "16 10", "16 20", 1), "incident 1024 20 9 3 5 A switch is broken")
	p.until(p.have(1, "event=health", "severity=critical", "code=memory"))
	holds(t, one(t, p.rows, "event=health", "code=nvswitch"), "gpu_event,code=nvswitch,event=health,severity=critical,source=dcgm ")
	p.set("gpus 2")
	p.until(p.have(2, "event=health", "severity=info", "DCGM finds no more: "))

	off := hastyEngineAfter(t, p, func(c *Config) { c.Health = false }, "gpus 2", fault)
	off.until(off.have(20, "gpu,"))
	if len(of(off.rows, "event=health")) > 0 {
		t.Errorf("%q", of(off.rows, "event=health"))
	}
}

// hastyEngineAfter opens another input, once the one before is closed.
func hastyEngineAfter(t *testing.T, before *play, change func(*Config), lines ...string) *play {
	t.Helper()
	before.end()
	return hastyEngine(t, change, lines...)
}

func TestHostenginePolicies(t *testing.T) {
	p := hastyEngine(t, nil, "gpus 2")
	p.until(p.have(1, "gpu,"))
	base := time.Now().Unix()
	line := func(n int64, condition, gpu, value int) string {
		return fmt.Sprintf("policy %d %d %d %d", base+n, condition, gpu, value)
	}
	p.set("gpus 2", line(1, 0x8, 1, 101), line(2, 0x1, 0, 2), line(3, 0x40, 0, 79), line(4, 0x20, 1, 5))
	p.until(p.have(3, "gpu_event", "event=policy"))
	holds(t, one(t, p.rows, "event=policy", "code=thermal"), "gpu_uuid=GPU-fake-1", "severity=warning", `message="policy of DCGM: 101 °C"`, "value=101")
	holds(t, one(t, p.rows, "event=policy", "code=dbe"), "gpu_uuid=GPU-fake-0", "severity=critical", "value=2")
	one(t, p.rows, "event=policy", "code=nvlink")
	if len(of(p.rows, "event=xid")) > 0 {
		t.Error("an XID is told by a policy: field 230 tells it")
	}
}

// apart opens the input as operators have it: its calls in a child process.
func apart(t *testing.T, library string, lines ...string) (*play, *sdktest.Buffer, error) {
	t.Helper()
	file := newScenario(t, lines...)
	c := testConfig(modeHostengine)
	c.Library, c.SampleInterval = library, 50*ms
	in, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := in.(*isolate.Input); !ok {
		t.Fatalf("%T is not isolated", in)
	}
	log := new(sdktest.Buffer)
	w := &following{t: t, r: in.(sdk.Reader), env: sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))}
	w.env.Interval, w.env.Timeout, w.env.Meter, w.env.Launch = 100*ms, time.Second, sdk.NewMeter(), launch.Self
	w.env.Log = slog.New(slog.NewTextHandler(log, nil))
	if err := w.r.(sdk.Opener).Open(t.Context(), w.env); err != nil {
		return nil, log, err
	}
	t.Cleanup(func() { _ = w.r.(interface{ Close() error }).Close() })
	return &play{following: w, t: t, file: file}, log, nil
}

// TestHostengineHangs: a call that never returns costs a child process, and another goes on. The hostengine samples
// for nobody meanwhile; nothing comes twice.
func TestHostengineHangs(t *testing.T) {
	p, log, err := apart(t, buildFake(t), "gpus 1")
	if err != nil {
		t.Fatal(err)
	}
	p.until(p.have(2, "gpu,", "utilization_ratio"))
	p.set("gpus 1", "hang")
	p.until(func() bool { return len(p.errs) > 0 })
	p.set("gpus 1")
	n := len(of(p.rows, "gpu,"))
	p.until(p.have(n+3, "gpu,", "utilization_ratio"))
	if figure(p.env, "gpuline_child_restarts_total") == 0 {
		t.Errorf("no restart\n%s", log)
	}
	before, gaps := int64(0), -1
	for _, row := range of(p.rows, "gpu,", "utilization_ratio") {
		at := timeOf(t, row)
		if at <= before {
			t.Errorf("%v before the sample before: %s", time.Duration(before-at), row)
		}
		if at-before != int64(50*ms) {
			gaps++
		}
		before = at
	}
	if gaps != 1 {
		t.Errorf("%d gaps", gaps)
	}
}

// TestMissingFunctions: a library that lacks functions costs what they give, and never the process.
func TestMissingFunctions(t *testing.T) {
	p, log, err := apart(t, buildFake(t, "dcgmHealthCheck", "dcgmPolicyRegister_v2", "dcgmGetGpuInstanceHierarchy"), "gpus 1", "incident 16 10 3 1 0 x")
	if err != nil {
		t.Fatal(err)
	}
	p.until(p.have(5, "gpu,", "utilization_ratio"))
	if len(p.errs) > 0 || len(of(p.rows, "event=health")) > 0 {
		t.Errorf("%q\n%s", p.errs, log)
	}

	_, log, err = apart(t, buildFake(t, "dcgmGetValuesSince_v2"), "gpus 1")
	if err == nil || !strings.Contains(err.Error(), "it has no function dcgmGetValuesSince_v2: install DCGM 4") {
		t.Errorf("%v\n%s", err, log)
	}
}
