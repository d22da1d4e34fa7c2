package dcgm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestExporterConforms(t *testing.T) {
	page := line("DCGM_FI_DEV_GPU_TEMP", 0, "40") + line("DCGM_FI_DEV_POWER_USAGE", 1, "70.5")
	sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(page)) }))
		t.Cleanup(server.Close)
		c := testConfig(modeExporter)
		c.URL = server.URL
		return newExporter(c)
	})
}

// TestRealPage reads what a dcgm-exporter over DCGM 4.6 wrote, of eight H100 with faults.
func TestRealPage(t *testing.T) {
	s := newScene(t, nil)
	rows := s.must(capture(t, "exporter-h100-faults.txt"))
	if n := len(of(rows, "gpu,")); n != 8 {
		t.Errorf("%d GPUs", n)
	}
	holds(t, one(t, rows, "gpu,gpu_index=1,"),
		`gpu,gpu_index=1,gpu_name=NVIDIA\ H100\ 80GB\ HBM3,gpu_uuid=GPU-01000100-0000-0000-0000-000000000001,pci_bus_id=00000000\:1B\:00.0,source=dcgm up=1i,`,
		"utilization_ratio=0.78,", "tensor_active_ratio=0.41,", "dram_active_ratio=0.59,", "memory_free_bytes=84825604096i,", "memory_total_bytes=85899345920i,",
		"memory_used_ratio=0,", "power_watts=379.838,", "energy_joules=600,", "temperature_celsius=65,", "clock_sm_hertz=345000000i,",
		"pcie_tx_bytes_per_second=1760936591i,", "remapped_rows_uncorrectable=1i,", "row_remap_failed=1i,", "xid=79i 1700000001000000000")
	holds(t, one(t, rows, "gpu_info,gpu_index=1,"), `driver_version="550.163.01"`, "class=info")
	if events := of(rows, "gpu_event"); len(events) > 0 {
		t.Errorf("what was there before is no news: %q", events)
	}
	if n := figure(s.env, "gpuline_dcgm_unknown_series"); n != 0 {
		t.Errorf("%v series of the page are not known", n)
	}

	rows = s.must(capture(t, "exporter-a100-dcp.txt"))
	if n := len(of(rows, "gpu,", "up=1i")); n != 8 {
		t.Errorf("%d A100", n)
	}
}

func TestBothGenerationsOfNames(t *testing.T) {
	s := newScene(t, nil)
	f := func(name, value, want string) {
		t.Helper()
		holds(t, one(t, s.must(line(name, 0, value)), "gpu,"), want)
	}
	f("DCGM_FI_DEV_GPU_UTIL", "87", "utilization_ratio=0.87")
	f("DCGM_FI_DEV_GPU_UTIL_RATIO", "87", "utilization_ratio=0.87")
	f("DCGM_FI_DEV_POWER_USAGE", "319.640000", "power_watts=319.64")
	f("DCGM_FI_DEV_BOARD_POWER_WATTS", "319.640000", "power_watts=319.64")
	f("DCGM_FI_PROF_SM_ACTIVE", "0.25", "sm_active_ratio=0.25")
	f("DCGM_FI_PROF_SM_UTIL_RATIO", "0.25", "sm_active_ratio=0.25")
	f("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "4", "throttle_reasons=4i")
	f("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "4", "throttle_reasons=4i")
	f("DCGM_FI_DEV_POWER_VIOLATION", "2500000000", "throttle_sw_power_seconds=2.5")
	f("DCGM_FI_DEV_FB_USED", "1024", "memory_used_bytes=1073741824i")
	f("DCGM_FI_DEV_GPU_RECOVERY_ACTION", "0", "recovery_action=0i")
}

// TestTheBetterFieldWins: a reading does not go back and forth between the fields that give it.
func TestTheBetterFieldWins(t *testing.T) {
	s := newScene(t, nil)
	old, instant := line("DCGM_FI_DEV_POWER_USAGE", 0, "300.0"), line("DCGM_FI_DEV_POWER_USAGE_INSTANT", 0, "350.0")
	f := func(page, want string) {
		t.Helper()
		row := one(t, s.must(page), "gpu,")
		if got := strings.Contains(row, "power_watts"); got != (want != "") || !strings.Contains(row, want) {
			t.Errorf("%s, want %q", row, want)
		}
	}
	f(old, "power_watts=300 ")
	f(old+instant, "power_watts=350 ")
	f(instant+old, "power_watts=350 ")
	f(old, "")
}

func TestBlankValues(t *testing.T) {
	s := newScene(t, nil)
	f := func(name, value string, wantBlank, wantInvalid float64) {
		t.Helper()
		b, i := figure(s.env, "gpuline_dcgm_blank_values_total"), figure(s.env, "gpuline_dcgm_invalid_values_total")
		r, ok := byName(name)
		if !ok {
			t.Fatalf("%s is not known", name)
		}
		row := one(t, s.must(line(name, 0, value)), "gpu,")
		if present := strings.Contains(row, r.Name+"="); present != (wantBlank+wantInvalid == 0) {
			t.Errorf("%s %s: %s", name, value, row)
		}
		b, i = figure(s.env, "gpuline_dcgm_blank_values_total")-b, figure(s.env, "gpuline_dcgm_invalid_values_total")-i
		if b != wantBlank || i != wantInvalid {
			t.Errorf("%s %s: %v blank, %v invalid", name, value, b, i)
		}
	}
	for _, v := range []string{"9223372036854775792", "9223372036854775793", "9223372036854775794", "9223372036854775795", "9.223372036854776e+18"} {
		f("DCGM_FI_DEV_GPU_TEMP", v, 1, 0)
		f("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", v, 1, 0)
		f("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", v, 1, 0)
	}
	for _, v := range []string{"140737488355328.000000", "140737488355329.000000", "140737488355331.000000"} {
		f("DCGM_FI_DEV_POWER_USAGE", v, 1, 0)
		f("DCGM_FI_PROF_SM_ACTIVE", v, 1, 0)
	}
	f("DCGM_FI_DEV_GPU_TEMP", "2147483632", 1, 0)
	f("DCGM_FI_DEV_FB_USED", "2147483634", 1, 0)

	f("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "140737488355328", 0, 0) // a counter may come there
	f("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "2147483632", 0, 0)
	f("DCGM_FI_PROF_PCIE_TX_BYTES", "2147483632", 0, 0)

	f("DCGM_FI_DEV_GPU_UTIL", "100", 0, 0)
	f("DCGM_FI_DEV_GPU_UTIL", "107", 0, 1)
	f("DCGM_FI_PROF_SM_ACTIVE", "1.000001", 0, 1)
	f("DCGM_FI_PROF_SM_ACTIVE", "-0.1", 0, 1)
	f("DCGM_FI_DEV_GPU_TEMP", "NaN", 0, 1)
	f("DCGM_FI_DEV_GPU_TEMP", "-Inf", 0, 1)
	f("DCGM_FI_DEV_GPU_TEMP", "+Inf", 1, 0)
}

func TestPods(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Labels = []string{"hpc_job"} })
	free := line("DCGM_FI_DEV_GPU_TEMP", 0, "40", `pod=""`, `namespace=""`, `container=""`)
	held := line("DCGM_FI_DEV_GPU_TEMP", 1, "41", `container="triton"`, `namespace="serving"`, `pod="triton-0"`, `hpc_job="77"`, `other="x"`)
	older := line("DCGM_FI_DEV_GPU_TEMP", 2, "42", `container_name="c"`, `pod_namespace="n"`, `pod_name="p"`)
	rows := s.must(free + held + older)
	lacks(t, one(t, rows, "gpu,", "gpu_index=0"), "pod", "namespace", "container")
	holds(t, one(t, rows, "gpu,", "gpu_index=1"), ",container=triton,", ",hpc_job=77,", ",namespace=serving,", ",pod=triton-0")
	lacks(t, one(t, rows, "gpu,", "gpu_index=1"), "other")
	holds(t, one(t, rows, "gpu,", "gpu_index=2"), "gpu,container=c,", ",namespace=n,", ",pod=p")

	// Two pods share a GPU: a row for each, and one event.
	shared := func(reasons string) string {
		return line("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", 1, reasons, `pod="a"`) + line("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", 1, reasons, `pod="b"`)
	}
	s.must(shared("0"))
	rows = s.must(shared("64"))
	if n := len(of(rows, "gpu,", "throttle_reasons=64i")); n != 2 {
		t.Errorf("%d rows for two pods", n)
	}
	one(t, rows, "gpu_event", "event=throttle", "code=hw_thermal", "pod=a")
}

// TestPodsThatCome: when the pod changes, the series does, and the GPU is neither lost nor found.
func TestPodsThatCome(t *testing.T) {
	s := newScene(t, nil)
	for i := range 10 {
		rows := s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40", fmt.Sprintf(`pod="job-%d"`, i/2)))
		if len(of(rows, "gpu_event")) > 0 || len(of(rows, "up=0i")) > 0 {
			t.Fatalf("%q", rows)
		}
	}
}

func TestMIG(t *testing.T) {
	s := newScene(t, nil)
	whole := line("DCGM_FI_DEV_GPU_TEMP", 0, "40")
	instance := func(id int) string {
		return line("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0, "0.5", `GPU_I_PROFILE="3g.40gb"`, fmt.Sprintf(`GPU_I_ID="%d"`, id)) +
			line("DCGM_FI_DEV_FB_USED", 0, "100", `GPU_I_PROFILE="3g.40gb"`, fmt.Sprintf(`GPU_I_ID="%d"`, id))
	}
	rows := s.must(whole + instance(1) + instance(2))
	holds(t, one(t, rows, "gpu,", "mig_gi=2"), "gpu_uuid=GPU-0,", "graphics_active_ratio=0.5,", "memory_used_bytes=104857600i ")
	lacks(t, one(t, rows, "gpu,", "mig_gi=2"), "up=")
	holds(t, one(t, rows, "gpu,", "temperature_celsius=40"), "up=1i")

	// An instance that is taken down is not lost; one that comes again goes on.
	for range 4 {
		rows = s.must(whole + instance(1))
		if len(of(rows, "gpu_event"))+len(of(rows, "mig_gi=2"))+len(of(rows, "up=0i")) > 0 {
			t.Fatalf("%q", rows)
		}
	}
	for range 3 {
		rows = s.must(whole + instance(1) + instance(2))
		one(t, rows, "gpu,", "mig_gi=2")
	}
}

func TestLostGPU(t *testing.T) {
	s := newScene(t, nil)
	page := func(gpus ...int) string {
		var text string
		for _, g := range gpus {
			text += line("DCGM_FI_DEV_GPU_TEMP", g, "40")
		}
		return text
	}
	s.must(page(0, 1, 2))
	if rows := s.must(page(0, 2)); len(of(rows, "gpu,")) != 2 || len(of(rows, "gpu_event")) > 0 {
		t.Errorf("lost at once: %q", rows)
	}
	rows := s.must(page(0, 2))
	one(t, rows, "gpu,", "gpu_index=1", "up=0i")
	holds(t, one(t, rows, "gpu_event"), "event=lost", "severity=critical", "gpu_uuid=GPU-1")
	rows = s.must(page(0, 2))
	one(t, rows, "gpu,", "gpu_index=1", "up=0i")
	if len(of(rows, "gpu_event")) > 0 {
		t.Errorf("told twice: %q", rows)
	}
	rows = s.must(page(0, 1, 2))
	one(t, rows, "gpu,", "gpu_index=1", "up=1i")
	one(t, rows, "gpu_event", "event=found", "gpu_uuid=GPU-1")

	// A page that cannot be read, is empty or is cut off says nothing about anybody.
	for _, text := range []string{"", "# HELP x\n", "<html>\n", "x 1\n"} {
		for range 3 {
			if rows, err := s.scrape(text); err == nil || len(rows) > 0 {
				t.Errorf("%q: %q, %v", text, rows, err)
			}
		}
	}
	for range 4 {
		rows = s.must(strings.TrimSuffix(page(0), "\n"))
		if len(rows) != 1 {
			t.Errorf("a page that is cut off: %q", rows)
		}
	}
	if rows = s.must(page(0, 1, 2)); len(of(rows, "gpu_event")) > 0 {
		t.Errorf("%q", rows)
	}
}

// TestAllLost: on a host with one GPU the page of a lost one is empty, as is that of an exporter that was just started.
func TestAllLost(t *testing.T) {
	page := line("DCGM_FI_DEV_GPU_TEMP", 0, "40") + line("DCGM_FI_DEV_GPU_TEMP", 1, "41")
	for _, text := range []string{"", "DCGM_FI_DEV_NVSWITCH_TEMP{nvswitch=\"0\"} 40\n"} {
		s := newScene(t, nil)
		empty := func(later time.Duration) []string {
			t.Helper()
			s.now = s.now.Add(later)
			rows, err := s.scrape(text)
			if err == nil {
				t.Errorf("%q: no error", text)
			}
			return rows
		}
		empty(time.Hour) // nobody is known yet
		s.must(page)
		if rows := append(empty(0), empty(time.Minute)...); len(rows) > 0 {
			t.Errorf("%q: lost at once: %q", text, rows)
		}
		s.must(page)
		empty(0)
		rows := empty(3 * time.Minute)
		if len(of(rows, "gpu,", "up=0i")) != 2 || len(of(rows, "gpu_event", "event=lost")) != 2 || len(rows) != 4 {
			t.Errorf("%q: %q", text, rows)
		}
		if rows = empty(0); len(of(rows, "gpu,", "up=0i")) != 2 || len(rows) != 2 {
			t.Errorf("%q: %q", text, rows)
		}
		if rows = s.must(page); len(of(rows, "gpu,", "up=1i")) != 2 || len(of(rows, "gpu_event", "event=found")) != 2 {
			t.Errorf("%q: %q", text, rows)
		}
	}
}

func TestXIDs(t *testing.T) {
	s := newScene(t, nil)
	temp := line("DCGM_FI_DEV_GPU_TEMP", 0, "40")
	xid := func(n string) string {
		return temp + line("DCGM_FI_DEV_XID_ERRORS", 0, n, `err_code="`+n+`"`, `err_msg="what it is"`)
	}
	f := func(page, wantEvent, wantField string) {
		t.Helper()
		rows := s.must(page)
		events := of(rows, "gpu_event")
		if (len(events) > 0) != (wantEvent != "") {
			t.Errorf("events %q, want %q", events, wantEvent)
		} else if wantEvent != "" {
			holds(t, events[0], "event=xid", wantEvent)
		}
		if row := one(t, rows, "gpu,"); strings.Contains(row, "xid=") != (wantField != "") || !strings.Contains(row, wantField) {
			t.Errorf("%s, want %q", row, wantField)
		}
	}
	f(temp, "", "")
	f(xid("0"), "", "")
	f(xid("31"), `code=31,`, "xid=31i")
	f(xid("31"), "", "xid=31i")
	f(xid("79"), `severity=critical,source=dcgm message="XID 79: GPU has fallen off the bus: what it is"`, "xid=79i")
	f(temp, "", "")
	f(xid("79"), "", "xid=79i")

	// The first page's is no news.
	s = newScene(t, nil)
	f(xid("79"), "", "xid=79i")
	f(xid("48"), "code=48,", "xid=48i")
}

// TestCountedXIDs: where the page counts XIDs, each is an event, the repeats of one number, too; and none is told
// twice because the page shows it in two ways, at once or one after the other.
func TestCountedXIDs(t *testing.T) {
	var s *scene
	last := func(n string) string { return line("DCGM_FI_DEV_XID_ERRORS", 0, n, `err_msg="what it is"`) }
	window := func(code, n string) string {
		return line("DCGM_EXP_XID_ERRORS_COUNT", 0, n, `window_size_in_ms="300000"`, `xid="`+code+`"`)
	}
	total := func(code, n string) string { return line("DCGM_EXP_XID_ERRORS_TOTAL", 0, n, `xid="`+code+`"`) }
	pages := func(n int, want string, parts ...string) {
		t.Helper()
		var got []string
		for range n {
			for _, row := range of(s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40")+strings.Join(parts, "")), "gpu_event") {
				holds(t, row, "event=xid", "gpu_uuid=GPU-0,")
				_, code, _ := strings.Cut(row, "code=")
				code, _, _ = strings.Cut(code, ",")
				got = append(got, code)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: events %q, want %q", parts, got, want)
		}
	}
	f := func(want string, parts ...string) { t.Helper(); pages(1, want, parts...) }
	quiet := func(parts ...string) { t.Helper(); pages(3, "", parts...) }
	begin := func(parts ...string) { s = newScene(t, nil); f("", parts...) }

	begin(total("31", "7")) // what was there before is no news
	quiet(total("31", "7"))
	f("31 31", total("31", "9"))
	f("31 79", total("31", "10"), total("79", "1"))
	f("", total("31", "10")) // a series that goes, and comes again
	f("79 79", total("31", "10"), total("79", "2"))
	f("31", total("31", "1")) // the exporter was started anew
	f("")
	f("31 31", total("31", "2"))

	begin(line("DCGM_EXP_XID_ERRORS_COUNT", 0, "0", `window_size_in_ms="300000"`))
	f("79", window("79", "1"))
	f("79", window("79", "2"))
	f("", window("79", "1")) // the first has left the window
	f("79", window("79", "2"))
	f("", line("DCGM_EXP_XID_ERRORS_COUNT", 0, "0", `window_size_in_ms="300000"`))
	f("79 79 79", window("79", "3"))

	begin(window("79", "1")) // one comes when another leaves the window
	minutes := func(n int, want string, parts ...string) { t.Helper(); pages(60*n, want, parts...) }
	minutes(7, "", window("79", "1"))
	minutes(7, "79", window("79", "1"))
	f("79", window("79", "2"))
	minutes(7, "79", window("79", "2"))
	minutes(1, "", window("79", "1"))
	minutes(60, "")
	f("79", window("79", "1"))

	begin() // and so it is told once where the page shows it in another way, too
	f("79", last("79"))
	f("31", last("31"))
	minutes(4, "", last("31"), window("79", "1"), window("31", "1"))
	f("79", last("79"), window("79", "1"), window("31", "1"))
	f("31", last("31"), window("79", "1"), window("31", "1"))
	minutes(5, "", last("31"), window("79", "1"), window("31", "1"))
	minutes(10, "", last("31"))

	begin() // all three at once
	f("79", last("79"), window("79", "1"), total("79", "1"))
	f("79", last("79"), window("79", "2"), total("79", "2"))
	quiet(last("79"), window("79", "2"), total("79", "2"))
	f("31", last("31"), window("79", "2"), total("79", "2"), total("31", "1"))
	f("31", last("31"), window("79", "2"), total("79", "2"), total("31", "2"))

	begin() // one after the other
	f("79", last("79"))
	f("", last("79"), total("79", "1"))
	f("79", last("79"), total("79", "2"))
	quiet(last("79"), total("79", "2"))
	f("31", last("79"), total("79", "2"), total("31", "1"))
	f("", last("31"), total("79", "2"), total("31", "1"))
	quiet(last("31"), total("79", "2"), total("31", "1"))
	f("79", last("79")) // the exporter counts no more

	begin(total("79", "1")) // a page that is cut says nothing of what it lacks
	s.must(strings.TrimSuffix(line("DCGM_FI_DEV_GPU_TEMP", 0, "40"), "\n"))
	f("", total("79", "1"))

	f("", total("79", "1"), total("0", "3"), total("x", "3"), total("-5", "3"), total("99999999999", "3"))
	f("", total("79", "NaN"), total("79", "-1"), total("79", "1.5"), total("79", "1e12"), total("79", "140737488355328"))
	if n := figure(s.env, "gpuline_dcgm_invalid_values_total"); n != 4 {
		t.Errorf("%v invalid values", n)
	}
	if n := figure(s.env, "gpuline_dcgm_unknown_series"); n != 0 {
		t.Errorf("%v unknown series", n)
	}
}

// TestManyXIDs: the events of a page are bounded, and the last of them says so.
func TestManyXIDs(t *testing.T) {
	s := newScene(t, nil)
	s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40"))
	events := of(s.must(line("DCGM_EXP_XID_ERRORS_TOTAL", 0, "100000", `xid="13"`)), "gpu_event", "code=13")
	if len(events) != mostXIDs {
		t.Errorf("%d events", len(events))
	}
	holds(t, events[len(events)-1], "and 99900 more since the page before")
}

// TestSharedXIDs: pods and instances that share a GPU repeat what it counts.
func TestSharedXIDs(t *testing.T) {
	s := newScene(t, nil)
	page := func(n string) string {
		text := ""
		for _, more := range []string{`pod="a"`, `pod="b"`, `GPU_I_PROFILE="3g.40gb",GPU_I_ID="1"`, `GPU_I_PROFILE="3g.40gb",GPU_I_ID="2"`} {
			text += line("DCGM_FI_DEV_FB_USED", 0, "100", more) + line("DCGM_FI_DEV_XID_ERRORS", 0, n, more) + line("DCGM_EXP_XID_ERRORS_COUNT", 0, n[:1], more, `xid="`+n+`"`)
		}
		return text
	}
	s.must(line("DCGM_FI_DEV_FB_USED", 0, "100", `GPU_I_PROFILE="3g.40gb",GPU_I_ID="1"`) + line("DCGM_FI_DEV_FB_USED", 0, "100", `GPU_I_PROFILE="3g.40gb",GPU_I_ID="2"`) +
		line("DCGM_FI_DEV_FB_USED", 0, "100", `pod="a"`) + line("DCGM_FI_DEV_FB_USED", 0, "100", `pod="b"`))
	lacks(t, one(t, s.must(page("13")), "gpu_event", "code=13", "pod=a"), "mig_gi")
}

func TestHealthEvents(t *testing.T) {
	s := newScene(t, nil)
	page := func(dbe, action string) string {
		return line("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 0, dbe) + line("DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", 0, action)
	}
	s.must(page("1", "0"))
	rows := s.must(page("3", "1"))
	holds(t, one(t, rows, "gpu_event", "event=ecc"), "code=uncorrected", "value=2")
	one(t, rows, "gpu_event", "event=recovery", "code=reset")
}

func TestHostTag(t *testing.T) {
	f := func(url, hostTag string, want bool) {
		t.Helper()
		c := testConfig(modeExporter)
		c.URL, c.HostTag = url, hostTag
		x := newExporter(c)
		if err := x.Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))); err != nil {
			t.Fatal(err)
		}
		if x.book.hostLabel != want {
			t.Errorf("%s, %s: %v", url, hostTag, !want)
		}
		_ = x.Close()
	}
	f("http://127.0.0.1:9400/metrics", "auto", false)
	f("http://localhost:9400/metrics", "auto", false)
	f("http://[::1]:9400/metrics", "auto", false)
	f("http://10.0.0.7:9400/metrics", "auto", true)
	f("http://node-7:9400/metrics", "auto", true)
	f("http://node-7:9400/metrics", "agent", false)
	f("http://127.0.0.1:9400/metrics", "label", true)

	s := newScene(t, func(c *Config) { c.HostTag = "label" })
	holds(t, one(t, s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40")), "gpu,"), ",host=node-7,")
	s = newScene(t, nil)
	lacks(t, one(t, s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40")), "gpu,"), "host=")
}

func TestDevices(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Devices = []string{"1", "GPU-2"} })
	page := line("DCGM_FI_DEV_GPU_TEMP", 0, "40") + line("DCGM_FI_DEV_GPU_TEMP", 1, "41") + line("DCGM_FI_DEV_GPU_TEMP", 2, "42")
	if rows := s.must(page); len(of(rows, "gpu,")) != 2 {
		t.Errorf("%q", rows)
	}
	s = newScene(t, func(c *Config) { c.Devices = []string{"7"} })
	if _, err := s.scrape(page); err == nil || !strings.Contains(err.Error(), "`devices` leaves all of them out") {
		t.Errorf("%v", err)
	}
}

func TestForeignSeries(t *testing.T) {
	s := newScene(t, nil)
	page := line("DCGM_FI_DEV_GPU_TEMP", 0, "40") + line("DCGM_FI_DEV_SOMETHING_NEW", 0, "1") +
		`DCGM_FI_DEV_NVSWITCH_TEMPERATURE_CURRENT{nvswitch="nvswitch0",Hostname="n"} 40` + "\n" +
		`DCGM_FI_DEV_CPU_TEMP_CURRENT{cpu="0"} 40` + "\n" + `go_goroutines 12` + "\n" + `DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="x" 3` + "\n"
	if rows := s.must(page); len(rows) != 2 {
		t.Errorf("%q", rows)
	}
	if n := figure(s.env, "gpuline_dcgm_unknown_series"); n != 4 {
		t.Errorf("%v unknown series", n)
	}
}

// TestCountersFile: fields of the counters file that the vocabulary does not know come out with its types.
func TestCountersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counters.csv")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# mine\nDCGM_FI_DEV_GPU_TEMP, gauge, x\nDCGM_FI_DEV_VGPU_LICENSE_STATUS, gauge, x\nDCGM_EXP_XID_ERRORS_COUNT, counter, y\nDCGM_FI_DRIVER_VERSION, label, z\n")
	s := newScene(t, func(c *Config) { c.Counters = path })
	rows := s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40") + line("DCGM_FI_DEV_VGPU_LICENSE_STATUS", 0, "1") +
		line("DCGM_EXP_XID_ERRORS_COUNT", 0, "3") + line("DCGM_FI_DEV_VGPU_LICENSE_STATUS", 1, "9223372036854775794"))
	holds(t, one(t, rows, "dcgm,", "gpu_index=0"), "dcgm_fi_dev_vgpu_license_status=1,dcgm_exp_xid_errors_count=3 ")
	for m := range s.batch.All() {
		for slot := range m.Len() {
			if f := m.Field(slot); f.Name == "dcgm_exp_xid_errors_count" && f.Kind != sdk.Counter || f.Name == "dcgm_fi_dev_vgpu_license_status" && f.Kind != sdk.Gauge {
				t.Errorf("%+v", f)
			}
		}
	}
	if n := figure(s.env, "gpuline_dcgm_blank_values_total"); n != 1 {
		t.Errorf("%v blank", n)
	}

	// A counter of bytes is above what is blank of a float64 within minutes.
	f := func(value, want string) {
		t.Helper()
		rows := of(s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40")+line("DCGM_FI_DEV_VGPU_LICENSE_STATUS", 0, value)), "dcgm,")
		if got := strings.Join(rows, "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", value, got, want)
		}
	}
	f("140737488355327", "=1.40737488355327e+14 ")
	f("140737488355328.000000", "")
	f("140737488355331", "")
	f("140737488355344", "=1.40737488355344e+14 ")
	f("900000000000000000", "=9e+17 ")
	f("9223372036854775792", "")

	open := func(path string) error {
		c := testConfig(modeExporter)
		c.Counters = path
		return newExporter(c).Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
	}
	write("DCGM_FI_DEV_GPU_TEMP, guage, x\n")
	if err := open(path); err == nil || !strings.Contains(err.Error(), "counters.csv:1: ") || !strings.Contains(err.Error(), "did you mean gauge?") {
		t.Errorf("%v", err)
	}
	if err := open(path + "x"); err == nil || !strings.Contains(err.Error(), "`counters`") {
		t.Errorf("%v", err)
	}
}
