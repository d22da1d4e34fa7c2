package nvidiasmi

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// How documents of older drivers differ from the generated one, which has the newest names.
var variants = []struct {
	name    string
	replace []string // pairs of regular expression and replacement
	absent  string   // of gpu, separated by spaces
}{
	{"driver 610 with the names that remain with CUDA 14", []string{
		`<driver_version>(.*?)</driver_version>`, "<!-- Deprecated, see <kmd_version> -->\n<kmd_version>$1</kmd_version>",
		`<cuda_version>(.*?)</cuda_version>`, "<cuda_umd_version>$1</cuda_umd_version>",
		`(?s)(<current_power_limit>.*?</default_power_limit>)`, "<!-- Read the ceiling's -->\n<gpu_ceiling_power_limit>$1</gpu_ceiling_power_limit><!-- -->",
		`<(uuid|gpu_temp|gpu_util)>`, "<!-- of its own --><$1><!-- or within -->",
	}, ""},
	{"v13", nil, ""},
	{"v12, driver 535", []string{
		`(?s)<gpu_memory_power_readings>.*?</gpu_memory_power_readings>`, "",
		`<average_power_draw>.*?</average_power_draw>`, "",
		`instant_power_draw`, "power_draw",
		`(?s)<clocks_event_reasons_counters>.*?</clocks_event_reasons_counters>`, "",
		`(?s)<gpu_recovery_action>.*?</gpu_recovery_action>`, "",
	}, "power_average_watts throttle_sw_power_seconds throttle_hw_thermal_seconds recovery_action"},
	{"v12, driver 525", []string{
		`(?s)<(gpu_memory|module)_power_readings>.*?</(gpu_memory|module)_power_readings>`, "",
		`<average_power_draw>.*?</average_power_draw>`, "",
		`instant_power_draw`, "power_draw",
		`gpu_power_readings`, "power_readings",
		`<requested_power_limit>(.*?)</requested_power_limit>`, "<power_limit>$1</power_limit>",
		`current_power_limit`, "enforced_power_limit",
		`(?s)<clocks_event_reasons_counters>.*?</clocks_event_reasons_counters>`, "",
		`clocks_event_reason`, "clocks_throttle_reason",
	}, "power_average_watts throttle_sw_power_seconds"},
	{"v11", []string{
		`gpu_power_readings`, "power_readings", `instant_power_draw`, "power_draw", `current_power_limit`, "enforced_power_limit",
		`requested_power_limit`, "power_limit",
		`clocks_event_reason`, "clocks_throttle_reason",
		`<reserved>.*?</reserved>`, "", `(jpeg|ofa)_util>.*?</(jpeg|ofa)_util`, "x>1</x",
		`(?s)<sram_uncorrectable_parity>.*?</sram_uncorrectable_secded>`, "<sram_uncorrectable>5</sram_uncorrectable>",
	}, "jpeg_ratio ofa_ratio memory_reserved_bytes"},
	{"v7", []string{
		`gpu_power_readings`, "power_readings", `instant_power_draw`, "power_draw", `current_power_limit`, "enforced_power_limit",
		`requested_power_limit`, "power_limit",
		`clocks_event_reason`, "clocks_throttle_reason",
		`(?s)<ecc_errors>.*?</ecc_errors>`, "<ecc_errors><volatile><single_bit><device_memory>1</device_memory><total>5</total></single_bit>" +
			"<double_bit><total>10</total></double_bit></volatile></ecc_errors>",
		`<video_clock>.*?</video_clock>`, "", `(?s)<remapped_rows>.*?</remapped_rows>`, "", `(?s)<encoder_stats>.*?</encoder_stats>`, "",
	}, "clock_video_hertz remapped_rows_correctable encoder_sessions ecc_corrected_aggregate_errors"},
}

func TestSchemaVariants(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			text := world{gpus: 2, mig: 1, clocks: 3, load: 42}.document()
			for i := 0; i < len(v.replace); i += 2 {
				text = regexp.MustCompile(v.replace[i]).ReplaceAllString(text, v.replace[i+1])
			}
			checkDocument(t, []byte(text))
			f, b := newFleet(testConfig(), nil), newBatch()
			if err := f.document(b, []byte(text), 1, nil); err != nil {
				t.Fatal(err)
			}
			m := byUUID(t, b, vocabulary.GPU)[world{}.uuid(1)]
			for name, want := range map[string]float64{
				"power_watts": 512.25, "power_limit_watts": 700, "throttle_reasons": 2, "utilization_ratio": 0.42, "temperature_celsius": 61,
				"clock_sm_hertz": 1980e6, "ecc_corrected_errors": 5, "ecc_uncorrected_errors": 10, "memory_total_bytes": 81559 << 20, "up": 1,
			} {
				if got, ok := m.Number(name); got != want || !ok {
					t.Errorf("%s = %v %v, want %v", name, got, ok, want)
				}
			}
			info := byUUID(t, b, vocabulary.Info)[world{}.uuid(1)]
			for name, want := range map[string]string{"driver_version": "590.10.01", "cuda_version": "13.1", "power_limit_requested_watts": "700", "power_limit_default_watts": "700"} {
				if v, ok := info.Lookup(name); !ok || v.String() != want {
					t.Errorf("%s = %v %v, want %s", name, v, ok, want)
				}
			}
			for name := range strings.FieldsSeq(v.absent) {
				if got, ok := m.Number(name); ok {
					t.Errorf("%s = %v, want nothing", name, got)
				}
			}
		})
	}
}

// TestMutations removes, renames and spoils elements at random, and compares with the naive parser.
func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	leaf := regexp.MustCompile(`<([a-z_]+)>([^<]*)</[a-z_]+>`)
	spoiled := []string{"N/A", "GPU is lost", "[Unknown Error]", "", "ERR!", "<![CDATA[7 %]]>", "7 <!-- x -->%", "&#55; %", " 7 %\n", "7 parsecs"}
	for range 40 {
		lines := strings.SplitAfter(world{gpus: 2, mig: 1, clocks: 2, load: 42}.document(), "\n")
		for range 12 {
			i := random.IntN(len(lines))
			m := leaf.FindStringSubmatch(lines[i])
			if m == nil || m[1] == "uuid" || m[1] == "pci_bus_id" || m[1] == "product_name" || m[1] == "pid" || strings.HasSuffix(m[1], "instance_id") || m[1] == "used_memory" {
				continue
			}
			switch random.IntN(3) {
			case 0:
				lines[i] = ""
			case 1:
				lines[i] = fmt.Sprintf("<new_%s>%s</new_%s>", m[1], m[2], m[1])
			case 2:
				lines[i] = fmt.Sprintf("<%s>%s</%s>", m[1], spoiled[random.IntN(len(spoiled))], m[1])
			}
		}
		checkDocument(t, []byte(strings.Join(lines, "")))
		if t.Failed() {
			t.Fatal(strings.Join(lines, ""))
		}
	}
}

// TestTruncation cuts a document everywhere: what was whole is there, and an error says that it was cut.
func TestTruncation(t *testing.T) {
	data := []byte(world{gpus: 2, clocks: 1}.document())
	end := bytes.LastIndex(data, []byte("</nvidia_smi_log>"))
	for n := 0; n < end; n += 97 {
		f, b := newFleet(testConfig(), nil), newBatch()
		err := f.document(b, data[:n], 1, nil)
		if want := bytes.Count(data[:n], []byte("</gpu>")); err == nil || len(byUUID(t, b, vocabulary.GPU)) != want {
			t.Fatalf("cut at %d: %d GPUs, want %d, error %v", n, b.Len(), want, err)
		}
		checkSane(t, f, b)
	}
}

// FuzzRows checks that no output of a stream makes the reader panic or report what cannot be, and that it makes no
// difference how the pipe cuts it.
func FuzzRows(f *testing.F) {
	w := world{gpus: 3, load: 50}
	names := append(slices.Clone(identityNames[:]), "utilization.gpu")
	f.Add(w.header(names)+"\n"+w.row(0, names)+"\n"+w.row(1, names)+"\nnoise\n"+w.row(0, names)+"\n", uint16(5))
	w.lost = map[int]bool{1: true}
	f.Add(w.row(0, names)+"\r\n"+w.row(1, names)+"\n\n"+w.row(2, names)+"\n", uint16(0))
	f.Add("index, uuid, name, pci.bus_id, utilization.gpu [W]\n0, , , , 7\n[N/A], [N/A], , , 7\n", uint16(40))
	f.Fuzz(func(t *testing.T, text string, size uint16) {
		read := func(size int) []string {
			feed := newRowFeed(t)
			for part := range slices.Chunk([]byte(text), size) {
				feed.feed(string(part))
			}
			feed.s.release()
			for len(feed.s.packets.C) > 0 {
				feed.s.unpack(feed.b, (<-feed.s.packets.C).frame)
			}
			checkSane(t, feed.s.fleet, feed.b)
			return sdktest.DumpFull(feed.b)
		}
		if diff := cmp.Diff(read(len(text)+1), read(int(size)+1)); diff != "" {
			t.Errorf("whole -, cut +\n%s", diff)
		}
	})
}
