package sdk

import "testing"

func TestDurationMeant(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := durationMeant(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	f("30", "30s")
	f("0.5", "500ms")
	f("10 ms", "10ms")
	f(" 10s", "10s")
	f("1sec", "1s")
	f("5m30", "5m30s")
	f("1 min 30 sec", "1m30s")
	f("1d", "24h")
	f("1d12h", "36h")
	f("2 weeks", "336h")
	f("10S", "10s")
	f("90 min", "1h30m")
	f("5 usec", "5us")
	f("1h 1s", "1h0m1s")
	f("", "")
	f("soon", "")
	f("10 parsecs", "")
	f("-1d", "")
	f("10s or so", "")
	f("1 2 3 4 5", "")
	f("99999999999999999999d", "")
}
