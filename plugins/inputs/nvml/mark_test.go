package nvml

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarksCross(t *testing.T) {
	f := func(want marks) {
		t.Helper()
		got, err := parseMarks(want.append(nil))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(mark{})); err != nil || diff != "" {
			t.Errorf("%v; (-want +got):\n%s", err, diff)
		}
	}
	f(marks{})
	f(marks{"": {}})
	f(marks{"GPU-1": {at: epoch, rings: [len(ringKinds)]uint64{0: 1, 3: 1 << 63}}, "GPU-2": {at: -1}})
}

func FuzzMarks(f *testing.F) {
	f.Add([]byte{})
	f.Add(marks{"GPU-1": {at: epoch, rings: [len(ringKinds)]uint64{5, 6, 7}}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseMarks(b)
		if err != nil {
			return
		}
		again, err := parseMarks(all.append(nil))
		if diff := cmp.Diff(all, again, cmp.AllowUnexported(mark{})); err != nil || diff != "" {
			t.Errorf("%v; (-want +got):\n%s", err, diff)
		}
	})
}
