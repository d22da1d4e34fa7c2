package tegrastats

import (
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// FuzzParse holds that whatever a program prints becomes sane metrics, or is noise, and that the same text
// is read the same way twice.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		orinLine(1), orinLine(2),
		"RAM 1873/3830MB (lfb 144x4MB) CPU [8%@2016,26%@2034] EMC_FREQ 0%@1600 GR3D_FREQ 0%@114 APE 150 MTS fg 0% bg 1% PLL@39C PMIC@50C GPU@37C VDD_SYS_GPU 77/77",
		"RAM 5/9MB (lfb 1x4MB) IRAM 0/252kB(lfb 252kB) cpu [17%,off, ,5%]@408 EMC 1%@408 GR3D 3%@76",
		"08-08-2026 21:00:39 RAM 8353/125749MB EMC_FREQ @4266 GR3D_FREQ @[1574,1574,1574] PVA0_FREQ [0%,3%]@704 gpu@56.937C/66.625C VDD_GPU 37939mW/8660mW/37939mW",
		"GR3D_FREQ 101% gpu@-256C CPU [x", "((lfb [1%]@[ off @C %",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var s, again sheet
		known := s.parse(line)
		if again.parse(line) != known || describe(&again) != describe(&s) {
			t.Fatalf("%q is read in two ways", line)
		}
		if !known {
			return
		}
		s.at = 1
		d, b := newBoard(identity{model: "X"}), newBatch()
		d.report(b, &s)
		sdktest.Foreseen(t, &Config{}, b)
		seen := map[*sdk.Series]bool{}
		for m := range b.All() {
			if m.Len() == 0 || seen[m.Series()] {
				t.Fatalf("%q makes %s", line, sdktest.Line(m))
			}
			seen[m.Series()] = true
			for _, tag := range m.Series().Tags() {
				if tag.Value == "" || tag.Key == "name" && !isName([]byte(tag.Value)) {
					t.Fatalf("%q makes the tag %q", line, tag.Value)
				}
			}
			for slot := range m.Len() {
				if v := m.Value(slot); !v.Finite() {
					t.Fatalf("%q makes %v", line, v)
				}
			}
		}
	})
}
