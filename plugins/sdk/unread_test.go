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

// TestUnreadMask: what one row says of its fields, another with the same ones can take over.
func TestUnreadMask(t *testing.T) {
	catalog := NewCatalog(Limits{})
	f := func(read, want string, change func(m *Metric)) {
		t.Helper()
		b := NewBatch(catalog)
		m := b.Add(b.Series("s"), 1)
		m.Int("x", 1)
		m.Int("y", 2)
		m.Int("z", 3)
		if read != "" {
			b.Limit(seeAll, keeping(read))
			b.Absorb(m)
			b.Unlimit()
		}
		change(m)
		other := b.Copy(m)
		other.Clear()
		for slot := range m.Len() {
			other.Set(m.Field(slot), m.Value(slot))
		}
		other.SetUnreadMask(m.UnreadMask())
		for _, row := range []*Metric{m, other} {
			got := ""
			for slot := range row.Len() {
				if row.Read(slot) {
					got += row.Field(slot).Name
				}
			}
			if got != want || row.Absorbed() != (want != "") {
				t.Errorf("after a window that saw %q: read is %q (absorbed: %v), want %q", read, got, row.Absorbed(), want)
			}
		}
	}
	asItIs := func(*Metric) {}
	project := func(fields string) func(*Metric) {
		return func(m *Metric) { m.Project(keeping(fields)(m.Schema())) }
	}
	f("", "", asItIs)
	f("", "", func(m *Metric) { m.SetUnreadMask(nil) })
	f("x", "x", asItIs)
	f("x z", "xz", asItIs)
	f("x y z", "xyz", asItIs)
	f("x", "x", func(m *Metric) { m.Int("n", 4) })
	f("x y z", "xyzn", func(m *Metric) { m.Int("n", 4) })
	f("x z", "xyz", func(m *Metric) { m.SetUnreadMask(nil) })
	f("x z", "y", func(m *Metric) { m.SetUnreadMask(keeping("y")(m.Schema())) })
	f("x", "", func(m *Metric) { m.SetUnreadMask(keeping("none")(m.Schema())) })
	f("x z", "z", project("y z"))
	f("x z", "xz", project("x z"))
	f("x z", "", project("y"))
	f("x y z", "y", project("y"))
}
