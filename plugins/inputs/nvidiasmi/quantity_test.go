package nvidiasmi

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func TestQuantity(t *testing.T) {
	f := func(text string, want float64, unit string) {
		t.Helper()
		got, u, ok := quantity([]byte(text))
		if !ok || got != want || string(u) != unit {
			t.Errorf("%q: %v %q %v, want %v %q", text, got, u, ok, want, unit)
		}
	}
	f("11441 MiB", 11441, "MiB")
	f(" 16.32 W\n", 16.32, "W")
	f("-8 C", -8, "C")
	f("1,234 MiB", 1234, "MiB")
	f("16x", 16, "x")
	f("2560 bank(s)", 2560, "bank(s)")
	f("693.750 mV", 693.75, "mV")
	f("0", 0, "")
	f("0.1", 0.1, "")
	f("7015662857 us", 7015662857, "us")
	f("123456789012345678", 123456789012345678, "")
	f("0.30000000000000004", 0.30000000000000004, "")
	none := func(text string) {
		t.Helper()
		if got, u, ok := quantity([]byte(text)); ok {
			t.Errorf("%q: %v %q, want none", text, got, u)
		}
	}
	for _, text := range []string{
		"", " ", "-", ".", "N/A", "[N/A]", "[Not Supported]", "GPU is lost", "[GPU is lost]", "ERR!", "nan", "inf", "P8", "None",
		"[Requested functionality has been deprecated]", "Insufficient Permissions", "[Unknown Error]", "1.2.3", "00000000:01:00.0",
		"580.105.08", "2026/08/20 14:59", "3g.40gb", "1e5", "12345678901234567890.1.2", "GPU-0",
	} {
		none(text)
	}
}

// FuzzQuantity compares numbers with strconv's.
func FuzzQuantity(f *testing.F) {
	for _, seed := range []string{"16.32 W", "1,234 MiB", "0.1", "99999999999999999999", "-8 C", "1.", ".5", "+5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, unit, ok := quantity([]byte(text))
		if !ok {
			return
		}
		digits := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), string(unit)))
		want, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
		if err != nil || got != want || math.IsNaN(got) {
			t.Errorf("%q: %v, want %v, %v", text, got, want, err)
		}
	})
}

func TestDecode(t *testing.T) {
	f := func(field, text string, want float64, ok bool) {
		t.Helper()
		r := &readings[slots[vocabulary.GPU+" "+field]]
		if got, some := r.decode([]byte(text), nil); some != ok || ok && got != want {
			t.Errorf("%s %q: %v %v, want %v %v", field, text, got, some, want, ok)
		}
	}
	f("utilization_ratio", "87 %", 0.87, true)
	f("utilization_ratio", "87", 0.87, true)
	f("memory_used_bytes", "754 MiB", 754<<20, true)
	f("memory_used_bytes", "754", 754<<20, true)
	f("memory_used_bytes", "2 GiB", 2<<30, true)
	f("memory_used_bytes", "754 C", 0, false)
	f("power_watts", "217.24 W", 217.24, true)
	f("power_watts", "21724 mW", 21.724, true)
	f("clock_sm_hertz", "1949 MHz", 1949e6, true)
	f("temperature_margin_celsius", "-3 C", -3, true)
	f("pcie_tx_bytes_per_second", "502 KB/s", 502000, true)
	f("throttle_sw_power_seconds", "7015662857 us", 7015.662857, true)
	f("encoder_latency_seconds", "62844", 0.062844, true)
	f("pcie_link_width", "16x", 16, true)
	f("pstate", "P8", 8, true)
	f("pstate", "8", 0, false)
	f("pstate", "Px", 0, false)
	f("throttle_reasons", "0x0000000000000104", 0x104, true)
	f("throttle_reasons", "260", 260, true)
	f("throttle_reasons", "Not Active", 0, false)
	f("row_remap_pending", "Yes", 1, true)
	f("row_remap_pending", "No", 0, true)
	f("row_remap_pending", "N/A", 0, false)
	f("recovery_action", "None", 0, true)
	f("recovery_action", "Reset", 1, true)
	f("recovery_action", "Reboot", 2, true)
	f("recovery_action", "Drain P2P", 3, true)
	f("recovery_action", "Drain and Reset", 4, true)
	f("recovery_action", "Recover IMEX Domain", 5, true)
	f("recovery_action", "Bus Reset", 6, true)
	f("recovery_action", "System Reboot", 7, true)
	f("recovery_action", "[Unknown Error]", 0, false)
	f("recovery_action", "Dance", 0, false)
}

// TestScalesAgree checks that a value with its unit and one without mean the same.
func TestScalesAgree(t *testing.T) {
	units := map[sdk.Unit]string{"ratio": "%", "bytes": "MiB", "watts": "W", "celsius": "C", "hertz": "MHz", "bytes_per_second": "KB/s", "seconds": "us"}
	for i := range readings {
		r := &readings[i]
		unit := units[r.Unit]
		if r.form != formNumber || unit == "" || r.XML == "" && r.CSV == "" {
			continue
		}
		bare, ok := r.decode([]byte("37"), nil)
		dressed, also := r.decode([]byte("37 "+unit), nil)
		if !ok || !also || bare != dressed {
			t.Errorf("%s: 37 is %v, 37 %s is %v", r.Name, bare, unit, dressed)
		}
	}
}
