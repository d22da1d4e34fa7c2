package tegrastats

import (
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestOverCurrent: each limit that the kernel counts is a counter, and one that begins to hold clocks back is an
// event, as the onset of a slowdown of a card is.
func TestOverCurrent(t *testing.T) {
	tree := orin()
	tree["sys/class/hwmon/hwmon5/oc2_event_cnt"] = "5\n"
	tree["sys/class/hwmon/hwmon5/oc2_throt_en"] = "0\n"
	root := plant(t, tree)
	y := openSysfs(root)
	defer func() { _ = y.close() }()
	d := newBoard(identify(root))
	b := newBatch()
	var s sheet
	now := int64(time.Hour)
	f := func(limit, count, wantCount string, wantEvent bool) {
		t.Helper()
		now += int64(time.Second)
		write(t, root, "sys/class/hwmon/hwmon5/"+limit+"_event_cnt", count)
		y.read(&s)
		s.at = now
		b.Reset()
		d.report(b, &s)
		rows := strings.Join(sdktest.Dump(b), "\n")
		row := "soc,component=over_current,name=" + limit + ",source=tegrastats throttle_events="
		if strings.Contains(rows, row) != (wantCount != "") || wantCount != "" && !strings.Contains(rows, row+wantCount+" ") {
			t.Errorf("%s %q: want %q in\n%s", limit, count, wantCount, rows)
		}
		const event = `gpu_event,code=hw_slowdown,event=throttle,gpu_index=0,gpu_name=NVIDIA\ Jetson\ AGX\ Orin\ Developer\ Kit,severity=warning,source=tegrastats message="clocks held back`
		if got := strings.Count(rows, "gpu_event"); got > 1 || strings.Contains(rows, event) != wantEvent || got > 0 != wantEvent {
			t.Errorf("%s %q: event %t in\n%s", limit, count, !wantEvent, rows)
		}
	}
	f("oc3", "27390\n", "27390i", false) // what was there before is no news
	f("oc3", "27390\n", "27390i", false)
	f("oc3", "27391\n", "27391i", true)
	f("oc3", "27400\n", "27400i", false) // it goes on
	f("oc1", "1\n", "1i", false)
	now += int64(11 * time.Second)
	f("oc1", "1\n", "1i", false)
	f("oc1", "2\n", "2i", true)
	now += int64(11 * time.Second)
	f("oc2", "6\n", "6i", false) // it is counted, and lowers nothing
	f("oc3", "", "", false)      // the firmware does not answer
	f("oc3", "27400\n", "27400i", false)
	f("oc3", "27401\n", "27401i", true)
	f("oc3", "-1\n", "", false)
}
