package nats

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// cut returns what a batch becomes, within limits.
func cut(t *testing.T, o *NATS, b *sdk.Batch, l limits) *job {
	t.Helper()
	j := new(job)
	used := o.router.divide(b)
	j.plan(b, used, o.encoder, l)
	release(used)
	return j
}

// unpack returns a message's metrics, as lines.
func unpack(t *testing.T, o *NATS, data []byte) []string {
	t.Helper()
	if o.encoder.zstd != nil {
		r, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if data, err = r.DecodeAll(data, nil); err != nil {
			t.Fatal(err)
		}
	}
	if o.config.Encoding == "json" {
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	if o.config.Encoding == "record" {
		n, err := record.Decode(data, b)
		if err != nil || n != len(data) {
			t.Fatalf("%d of %d bytes, %v", n, len(data), err)
		}
		return sdktest.Dump(b)
	}
	if err := lineprotocol.NewDecoder(b.Catalog(), lineprotocol.DecoderOptions{}).Decode(b, data, 0); err != nil {
		t.Fatal(err)
	}
	return sdktest.Dump(b)
}

// An agent that is started anew cuts a batch as the one before had, whatever that had sent by then.
func TestCutsAreTheSame(t *testing.T) {
	ids := func(o *NATS, b *sdk.Batch) (all []string) {
		j := cut(t, o, b, limits{3000, 3000})
		for i := range j.messages {
			all = append(all, j.message(i, o.encoder).Header.Get(nats.MsgIdHdr))
		}
		return all
	}
	for _, encoding := range []string{"influx", "json", "record"} {
		o := newOutput(t, func(c *Config) { c.URL, c.Encoding = "nats://h", encoding })
		c := sdk.NewCatalog(sdk.Limits{})
		b := stream(t, c, 500)
		want := ids(o, b)
		ids(o, sdktest.Batch(t, c, fmt.Sprintf("gpu,gpu_index=0,host=h name=%q 1", strings.Repeat("x", 2000))))
		if diff := cmp.Diff(want, ids(o, b)); diff != "" || len(want) < 8 {
			t.Errorf("%s: -before +after\n%s", encoding, diff)
		}
	}
}

// The id of a message that holds the whole batch is the batch's and 1. What holds less of it is never taken for it.
func TestIDs(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	b := stream(t, c, 20)
	b.ID = sdk.BatchID{Agent: "h", Epoch: 7, Seq: 3}
	f := func(most int, want string, whole bool) {
		t.Helper()
		o := newOutput(t, func(c *Config) { c.URL, c.Subject = "nats://h", "all" })
		id := cut(t, o, b, limits{most, most}).message(0, o.encoder).Header.Get(nats.MsgIdHdr)
		if !strings.HasPrefix(id, want) || (id == want) != whole {
			t.Errorf("at most %d bytes: %s", most, id)
		}
	}
	f(100_000, "h/7/3/1", true)
	f(600, "h/7/3/1", false)
}

// stream returns a batch of n metrics of 4 GPUs in turn.
func stream(t testing.TB, c *sdk.Catalog, n int) *sdk.Batch {
	t.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "gpu,gpu_index=%d,host=h power_watts=%d.5,memory_used_bytes=%du,name=%q %d\n",
			i%4, 100+i, i*4096, strings.Repeat("x", i*7919%100), 1_700_000_000_000_000_000+i)
	}
	b := sdktest.Batch(t, c, text.String())
	b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: 1}
	return b
}

// Whatever the limit, every metric is in one message of its subject, in order, and no message exceeds it.
func TestMessagesAreCutBySubjectAndSize(t *testing.T) {
	for _, encoding := range []string{"influx", "json", "record"} {
		for _, packed := range []string{"identity", "zstd"} {
			o := newOutput(t, func(c *Config) { c.URL, c.Encoding, c.ContentEncoding = "nats://h", encoding, packed })
			b := stream(t, sdk.NewCatalog(sdk.Limits{}), 500)
			messages := 0
			for _, limit := range []int{1 << 20, 20_000, 3000, 1000} {
				j := cut(t, o, b, limits{limit, limit})
				perSubject := make(map[string][]string)
				var at []int
				for _, m := range j.messages {
					if len(m.data) > limit {
						t.Errorf("%s %s: a message of %d bytes, the limit is %d", encoding, packed, len(m.data), limit)
					}
					lines := unpack(t, o, m.data)
					if len(lines) != len(m.at) {
						t.Errorf("%d metrics in a message for %d", len(lines), len(m.at))
					}
					perSubject[m.subject] = append(perSubject[m.subject], lines...)
					at = append(at, m.at...)
				}
				slices.Sort(at)
				if len(at) != 500 || at[0] != 0 || at[499] != 499 || len(slices.Compact(at)) != 500 || len(j.refused) > 0 {
					t.Errorf("%s %s limit %d: %d positions, %d refused", encoding, packed, limit, len(at), len(j.refused))
				}
				for i := range 4 {
					var want []string
					for k, line := range sdktest.Dump(b) {
						if k%4 == i {
							want = append(want, line)
						}
					}
					got := perSubject[fmt.Sprintf("gpu.h.%d", i)]
					if encoding == "json" { // compared elsewhere
						want = want[:len(got)]
						got = want
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s %s limit %d: -in +out\n%s", encoding, packed, limit, diff)
					}
				}
				if len(j.messages) < messages {
					t.Errorf("%d messages with a smaller limit, %d before", len(j.messages), messages)
				}
				messages = len(j.messages)
			}
			if least := map[string]int{"identity": 20, "zstd": 4}[packed]; messages < least {
				t.Errorf("%s %s: %d messages", encoding, packed, messages)
			}
		}
	}
}

// A metric that fits into no message is refused alone, by its position.
func TestMetricTooLargeForAMessage(t *testing.T) {
	for _, encoding := range []string{"influx", "json", "record"} {
		o := newOutput(t, func(c *Config) { c.URL, c.Encoding, c.Subject = "nats://h", encoding, "gpu" })
		long := strings.Repeat("x", 2000)
		b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}),
			"a x=1 1\na x=2 2\na s=\""+long+"\" 3\na x=4 4\na s=\""+long+"\" 5\na s=\""+long+"\" 6\na x=7 7")
		j := cut(t, o, b, limits{1000, 1000})
		var at []int
		for _, m := range j.messages {
			at = append(at, m.at...)
		}
		var partial *sdk.PartialError
		if err := j.partial(); !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{2, 4, 5}) || !cmp.Equal(at, []int{0, 1, 3, 6}) ||
			!strings.Contains(err.Error(), "too large for a message") {
			t.Errorf("%s: %v, messages hold %v", encoding, err, at)
		}
	}
}

func TestMetricWithoutALine(t *testing.T) {
	f := func(encoding string, want []int) {
		t.Helper()
		o := newOutput(t, func(c *Config) { c.URL, c.Encoding = "nats://h", encoding })
		j := cut(t, o, sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), "a x=NaN 1\nb,host=h x=1 2\nc - 3"), limits{1 << 20, 1 << 20})
		if !cmp.Equal(j.refused, want) {
			t.Errorf("%s: refused %v, want %v", encoding, j.refused, want)
		}
	}
	f("influx", []int{0, 2})
	f("json", nil)
	f("record", nil)
}

// What turned out too large is cut again; the rest keeps its number and its bytes.
func TestRecut(t *testing.T) {
	o := newOutput(t, func(c *Config) { c.URL = "nats://h" })
	b := stream(t, sdk.NewCatalog(sdk.Limits{}), 40)
	j := cut(t, o, b, limits{1 << 20, 1 << 20})
	if len(j.messages) != 4 {
		t.Fatalf("%d messages", len(j.messages))
	}
	j.messages[0].state, j.messages[2].state = done, tooLarge
	before := slices.Clone(j.messages)
	j.recut(b, o.encoder, limits{1 << 20, 500})
	for _, i := range []int{0, 1, 3} {
		if diff := cmp.Diff(string(before[i].data), string(j.messages[i].data)); diff != "" || j.messages[i].state != before[i].state {
			t.Errorf("message %d has changed: %s", i, diff)
		}
	}
	at := slices.Clone(j.messages[2].at)
	for _, m := range j.messages[4:] {
		if m.subject != before[2].subject || m.state != waiting || len(m.data) > 500 {
			t.Errorf("%+v", m)
		}
		at = append(at, m.at...)
	}
	if !cmp.Equal(at, before[2].at) || len(j.messages) < 6 {
		t.Errorf("%v of %v", at, before[2].at)
	}
}

// A large batch of small metrics unpacks to no more than a hub takes.
func TestMessageThatUnpacksToTooMuch(t *testing.T) {
	o := newOutput(t, func(c *Config) { c.URL, c.ContentEncoding, c.Subject = "nats://h", "zstd", "gpu" })
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	long := strings.Repeat("x", 1<<20)
	for i := range 20 {
		b.Add(b.Series("a"), int64(i)).Text("s", long)
	}
	j := cut(t, o, b, limits{1 << 20, 1 << 20})
	total := 0
	for _, m := range j.messages {
		total += len(m.at)
		if len(m.at) > 8 {
			t.Errorf("%d MiB in a message", len(m.at))
		}
	}
	if total != 20 || len(j.messages) < 3 {
		t.Errorf("%d metrics in %d messages", total, len(j.messages))
	}
}
