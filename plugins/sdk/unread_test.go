package sdk

import (
	"fmt"
	"testing"
)

// TestUnread absorbs rows by windows from which filters hide fields.
func TestUnread(t *testing.T) {
	catalog := NewCatalog(Limits{})
	f := func(want string, windows ...string) {
		t.Helper()
		for range 2 { // masks are met again
			b, copies := NewBatch(catalog), NewBatch(catalog)
			m := b.Add(b.Series("s"), 1)
			m.Int("x", 1)
			m.Text("y", "two")
			m.Int("z", 3)
			for i, fields := range windows {
				if fields != "*" {
					b.Limit(seeAll, keeping(fields))
				}
				b.Absorb(m)
				b.Unlimit()
				if m.Unread() { // a processor adds a field
					m.Int(fmt.Sprint("n", i), 4)
				}
			}
			if y := b.Tally(); y.Absorbed != 1 || !m.Absorbed() {
				t.Errorf("%v: absorbed %d times", windows, y.Absorbed)
			}
			if !m.Unread() {
				if want != "" {
					t.Errorf("%v: all is read, want %q", windows, want)
				}
				continue
			}
			c := copies.Copy(m)
			c.KeepUnread()
			checkText(t, copies, want)
			if c.Unread() || c.Absorbed() || !m.Unread() {
				t.Errorf("%v: the copy is not a sample of its own", windows)
			}
		}
	}
	f("", "*")
	f("s@1{y=two z=3 n0=4}", "x")
	f("s@1{x=1 n0=4}", "y z")
	f("", "x", "*")
	f("", "*", "x")
	f("s@1{y=two n1=4}", "x n0", "x z n0")
	f("s@1{z=3 n1=4}", "x n0", "y n0")
	f("s@1{y=two z=3 n2=4}", "x", "x n0", "n1")
	f("", "x", "y", "z n0 n1")
}
