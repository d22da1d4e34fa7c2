package isolate

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// stamped notes when each message is written.
type stamped struct {
	start time.Time
	log   []string
	err   error
	parse func(message []byte) string
}

func (s *stamped) Write(p []byte) (int, error) {
	s.log = append(s.log, time.Since(s.start).String()+" "+s.parse(p))
	return len(p), s.err
}

// summary tells of a message of rows the field n of each, what was dropped, and the error.
func summary(t *testing.T) func([]byte) string {
	catalog := sdk.NewCatalog(sdk.Limits{})
	return func(message []byte) string {
		kind, body, err := readMessage(bufio.NewReader(bytes.NewReader(message)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if kind != kindRows {
			return "kind " + string('0'+rune(kind))
		}
		r, err := parseRows(body)
		if err != nil {
			t.Fatal(err)
		}
		b := sdk.NewBatch(catalog)
		if _, err := record.Decode(r.frame, b); err != nil {
			t.Fatal(err)
		}
		var s strings.Builder
		for m := range b.All() {
			v, _ := m.Lookup("n")
			s.WriteString(v.String())
		}
		s.WriteString(string(r.mark))
		if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() {
			t.Errorf("%d rows, tally %+v", b.Len(), *y)
		}
		if d := b.Tally().Dropped(); d > 0 {
			s.WriteString(" dropped")
		}
		if r.fault.class != classNone {
			s.WriteString(" " + r.fault.text)
		}
		return s.String()
	}
}

// call is what a call of the plugin yields, at a time after the start.
type call struct {
	at    time.Duration
	rows  int
	fails string
}

func TestRowsWaitForOthers(t *testing.T) {
	const ms = time.Millisecond
	every := func(interval time.Duration, n int) (calls []call) {
		for i := range n {
			calls = append(calls, call{at: time.Duration(i) * interval, rows: 1})
		}
		return calls
	}
	f := func(name string, next time.Duration, calls []call, want ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := &stamped{start: time.Now(), parse: summary(t)}
			catalog := sdk.NewCatalog(sdk.Limits{})
			o := newOutbox(w, 250*ms, catalog)
			b := sdk.NewBatch(catalog)
			n := int64(0)
			for _, c := range calls {
				time.Sleep(time.Until(w.start.Add(c.at)))
				for range c.rows {
					b.Add(b.Series("x"), time.Now().UnixNano()).Int("n", n)
					n++
				}
				var err error
				if c.fails != "" {
					err = errors.New(c.fails)
				}
				o.put(b, []byte("/"+strconv.FormatInt(n, 10)), classify(err), next)
				if b.Len() != 0 {
					t.Error("the batch is not empty")
				}
			}
			time.Sleep(time.Second)
			o.stop()
			if diff := cmp.Diff(want, w.log); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
	f("slow", 500*ms, every(500*ms, 3), "0s 0/1", "500ms 1/2", "1s 2/3")
	f("each 100 ms", 100*ms, every(100*ms, 6), "0s 0/1", "200ms 12/3", "400ms 34/5", "650ms 5/6")
	f("a reader", 0, every(90*ms, 6), "0s 0/1", "250ms 12/3", "500ms 345/6")
	f("each 50 ms", 50*ms, every(50*ms, 9), "0s 0/1", "200ms 1234/5", "400ms 5678/9")
	f("nothing", 10*ms, []call{{}, {at: 10 * ms}})
	f("an error is news once", 10*ms, []call{
		{rows: 1},
		{at: 10 * ms, rows: 1},
		{at: 20 * ms, rows: 1, fails: "gpu 7 is lost"},
		{at: 30 * ms, rows: 1, fails: "gpu 7 is lost"},
		{at: 40 * ms, fails: "gpu 7 is lost"},
		{at: 50 * ms, fails: "gpu 6 too"},
		{at: 60 * ms, rows: 1},
		{at: 70 * ms, fails: "gpu 6 too"},
	}, "0s 0/1", "20ms 12/3 gpu 7 is lost", "50ms 3/4 gpu 7 is lost", "70ms 4/5 gpu 6 too")
}

func TestCallThatReadsTooMuch(t *testing.T) {
	w := &stamped{start: time.Now(), parse: summary(t)}
	o := newOutbox(w, 0, sdk.NewCatalog(sdk.Limits{}))
	b := sdk.NewBatch(o.waiting.Catalog())
	b.Add(b.Series("x"), 1).Text("huge", strings.Repeat("x", maxRows))
	w.start = time.Now()
	o.put(b, nil, fault{}, 0)
	if len(w.log) != 1 || !strings.HasSuffix(w.log[0], " dropped one call has read more than a message holds; it was dropped") {
		t.Errorf("%.200q", w.log)
	}
}

func TestNobodyReads(t *testing.T) {
	w := &stamped{parse: func([]byte) string { return "" }, err: errors.New("broken pipe")}
	o := newOutbox(w, 0, sdk.NewCatalog(sdk.Limits{}))
	o.message(appendHello)
	o.message(appendHello)
	if !isClosed(o.broken) || len(w.log) != 1 {
		t.Errorf("broken: %v, %d messages", isClosed(o.broken), len(w.log))
	}
}

// TestSlowReaderLosesTheOldest holds that what is dropped between the child and the engine is in the
// ledger, and takes no memory, however long the engine reads nothing.
func TestSlowReaderLosesTheOldest(t *testing.T) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	in := &Input{}
	in.inbox.reset(catalog)
	b := sdk.NewBatch(catalog)
	const sent = 2 * maxItems
	for n := range sent {
		b.Reset()
		b.Add(b.Series("x"), 1).Int("n", int64(n))
		b.Drop(b.Add(b.Series("x"), 1), "plugin")
		_, body, err := readMessage(bufio.NewReader(bytes.NewReader(appendRows(nil, b, nil, fault{}))), in.inbox.buffer())
		if err != nil {
			t.Fatal(err)
		}
		r, err := parseRows(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.inbox.put(item{from: &session{}, message: body, rows: r}); err != nil {
			t.Fatal(err)
		}
	}
	if n := in.inbox.scratch.Bytes(); n > 0 {
		t.Errorf("what was dropped still takes %d bytes", n)
	}
	in.inbox.end(sdk.ErrEnd)
	var total sdk.Tally
	rows, first := 0, int64(-1)
	for {
		b.Reset()
		_, err := in.Read(t.Context(), b)
		b.TakeTally(&total)
		rows += b.Len()
		for m := range b.All() {
			if v, _ := m.Number("n"); first < 0 {
				first = int64(v)
			}
		}
		if err != nil {
			break
		}
	}
	want := sdk.Tally{Added: 2 * sent, Drops: []sdk.Drop{{Reason: "plugin", Count: sent}, {Reason: sdk.DropQueueFull, Count: sent - maxItems}}}
	if diff := cmp.Diff(want, total); diff != "" || rows != maxItems || first != sent-maxItems {
		t.Errorf("%d rows, the first is %d; tally (-want +got):\n%s", rows, first, diff)
	}
}
