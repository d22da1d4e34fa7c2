package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// stored returns the metrics that a stream holds, message by message, in order.
func stored(t testing.TB, s jetstream.Stream) (ids, lines []string) {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("Nats-Msg-Id"))
		for line := range strings.Lines(string(m.Data)) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return ids, lines
}

// partOf returns an id of a message without the digest of its rows.
func partOf(id string) string { return id[:strings.LastIndexByte(id, '/')] }

// tiny returns a batch of n metrics of as many GPUs, so that it is n messages.
func tiny(t testing.TB, c *sdk.Catalog, n int, seq uint64) *sdk.Batch {
	t.Helper()
	b := sdk.NewBatch(c)
	for i := range n {
		b.Add(b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i)}, sdk.Tag{Key: "host", Value: "h"}), int64(seq)).Int("x", int64(i))
	}
	b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: seq}
	return b
}

func tinyLines(n int, seq uint64) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("gpu,gpu_index=%d,host=h x=%di %d", i, i, seq))
	}
	return lines
}

func wantRetry(t *testing.T, err error, most time.Duration, want string) {
	t.Helper()
	var retry *sdk.RetryError
	if !errors.As(err, &retry) || retry.After > most || retry.After <= 0 || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q within %v", err, want, most)
	}
}

// A stream is made on request alone; without one the batch is held.
func TestStreamIsMadeOnRequest(t *testing.T) {
	s := natstest.Run(t, nil)
	js := s.JetStream()
	f := func(create bool) {
		t.Helper()
		o, c := opened(t, func(c *Config) {
			c.URL, c.JetStream, c.Stream.Create, c.Stream.MaxAge = s.URL(), true, create, time.Hour
		})
		err := write(t, o, tiny(t, c, 3, 1))
		stream, found := js.Stream(t.Context(), "GPULINE")
		if !create {
			wantRetry(t, err, 2*time.Second, "no stream takes the subject gpu.h.0: make one that takes gpu.*.*, or set `stream.create`")
			if !errors.Is(found, jetstream.ErrStreamNotFound) {
				t.Errorf("a stream was made, %v", found)
			}
			return
		}
		if err != nil || found != nil {
			t.Fatal(err, found)
		}
		if config := stream.CachedInfo().Config; config.MaxAge != time.Hour || config.Discard != jetstream.DiscardNew || !cmp.Equal(config.Subjects, []string{"gpu.*.*"}) {
			t.Errorf("%+v", config)
		}
		ids, lines := stored(t, stream)
		for i := range ids {
			ids[i] = partOf(ids[i])
		}
		if !cmp.Equal(ids, []string{"h/1/1/1", "h/1/1/2", "h/1/1/3"}) || !cmp.Equal(lines, tinyLines(3, 1)) {
			t.Errorf("%q %q", ids, lines)
		}
	}
	f(false)
	f(true)
}

// One that is there stays as it is.
func TestStreamThatIsThereStaysAsItIs(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{Name: "GPULINE", Subjects: []string{"gpu.>"}, MaxMsgs: 7})
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream, c.Stream.Create = s.URL(), true, true })
	if err := write(t, o, tiny(t, c, 2, 1)); err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context())
	if err != nil || info.Config.MaxMsgs != 7 || info.State.Msgs != 2 {
		t.Errorf("%+v, %v", info, err)
	}
}

// One that somebody deletes is made again.
func TestStreamIsDeleted(t *testing.T) {
	s := natstest.Run(t, nil)
	js := s.JetStream()
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream, c.Stream.Create = s.URL(), true, true })
	if err := write(t, o, tiny(t, c, 2, 1)); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "GPULINE"); err != nil {
		t.Fatal(err)
	}
	b := tiny(t, c, 2, 2)
	wantRetry(t, write(t, o, b), 2*time.Second, "no stream takes")
	// The server may be removing the old stream's files still.
	err := write(t, o, b)
	for end := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(end); err = write(t, o, b) {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A batch that is held because no stream takes it is delivered once there is one.
func TestNoResponders(t *testing.T) {
	s := natstest.Run(t, nil)
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream = s.URL(), true })
	b := tiny(t, c, 5, 1)
	for range 3 {
		wantRetry(t, write(t, o, b), 2*time.Second, "no stream takes the subject gpu.h.")
	}
	stream := makeStream(t, s, jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu.>"}})
	if err := write(t, o, b); err != nil {
		t.Fatal(err)
	}
	if _, lines := stored(t, stream); !cmp.Equal(lines, tinyLines(5, 1)) {
		t.Errorf("%q", lines)
	}
}

// A full stream that discards what is new pushes back: the batch is held, and delivered once there is room. What
// it had taken of the batch is not sent again.
func TestFullStream(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu.>"}, MaxMsgs: 7, Discard: jetstream.DiscardNew})
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream = s.URL(), true })
	if err := write(t, o, tiny(t, c, 4, 1)); err != nil {
		t.Fatal(err)
	}
	b := tiny(t, c, 5, 2)
	for range 3 {
		wantRetry(t, write(t, o, b), 2*time.Second, "the stream is full, and the metrics wait")
	}
	ids, lines := stored(t, stream)
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(t, o, b); err != nil {
		t.Fatal(err)
	}
	moreIDs, more := stored(t, stream)
	lines, ids = append(lines, more...), append(ids, moreIDs...)
	want := append(tinyLines(4, 1), tinyLines(5, 2)...)
	slices.Sort(want)
	slices.Sort(lines)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-in +stored\n%s", diff)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 9 {
		t.Errorf("%d ids", len(ids))
	}
	if o.duplicates.Get() != 0 || o.messages.Get() != 9 {
		t.Errorf("%v messages, %v duplicates", o.messages.Get(), o.duplicates.Get())
	}
}

// A stream that takes nothing is asked with one message, and ever less often.
func TestStreamThatTakesNothing(t *testing.T) {
	s := natstest.Run(t, nil)
	limited := jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu.>"}, MaxBytes: 10, Discard: jetstream.DiscardNew}
	makeStream(t, s, limited)
	seen := listen(t, s, "gpu.>")
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream = s.URL(), true })
	f := func(want int, least, most time.Duration) {
		t.Helper()
		err := write(t, o, tiny(t, c, 50, 1))
		var retry *sdk.RetryError
		if !errors.As(err, &retry) || retry.After < least || retry.After > most {
			t.Errorf("%v, want a pause of %v to %v", err, least, most)
		}
		next(t, seen, want)
	}
	f(50, time.Second, 2*time.Second)
	f(1, time.Second, 2*time.Second)
	o.closed = time.Now().Add(-time.Minute)
	f(1, 3*time.Second, 10*time.Second)
	o.closed = time.Now().Add(-time.Hour)
	f(1, 5*time.Second, 13*time.Second)
	limited.MaxBytes = -1
	if _, err := s.JetStream().UpdateStream(t.Context(), limited); err != nil {
		t.Fatal(err)
	}
	if err := write(t, o, tiny(t, c, 50, 1)); err != nil {
		t.Fatal(err)
	}
	next(t, seen, 50)
	if !o.closed.IsZero() {
		t.Error("the stream counts as closed")
	}
}

// A batch that is sent again, since nobody learnt that it was stored, is stored once.
func TestDuplicates(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu.>"}, Duplicates: time.Minute})
	for range 2 { // the agent is started anew, with the batch in its queue on disk
		o, c := opened(t, func(c *Config) { c.URL, c.JetStream = s.URL(), true })
		if err := write(t, o, tiny(t, c, 5, 1)); err != nil {
			t.Fatal(err)
		}
		if _, lines := stored(t, stream); !cmp.Equal(lines, tinyLines(5, 1)) {
			t.Errorf("%q", lines)
		}
		if o.messages.Get() != 5 {
			t.Errorf("%v messages", o.messages.Get())
		}
	}
}

// An ack that comes after Write has given up counts for the next one.
func TestLateAcks(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu.>"}, Duplicates: 100 * time.Millisecond})
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream = s.URL(), true })
	if err := write(t, o, tiny(t, c, 1, 1)); err != nil { // connects
		t.Fatal(err)
	}
	b := tiny(t, c, 200, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantRetry(t, o.Write(ctx, b), time.Second, "wait for the stream to confirm: context canceled")
	time.Sleep(500 * time.Millisecond) // beyond the window, so that only the acks can tell
	if err := write(t, o, b); err != nil {
		t.Fatal(err)
	}
	ids, _ := stored(t, stream)
	slices.Sort(ids)
	if len(ids) != 201 || len(slices.Compact(ids)) != 201 {
		t.Errorf("%d messages stored", len(ids))
	}
}

// Where each answer takes longer than a Write, as over a slow link, the answers to earlier tries count.
func TestSlowAcks(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := s.Client()
	if _, err := stream.Subscribe("gpu.>", func(m *nats.Msg) {
		time.AfterFunc(time.Second, func() { _ = m.Respond([]byte(`{"stream":"X","seq":1}`)) }) // the test may have ended
	}); err != nil {
		t.Fatal(err)
	}
	if err := stream.Flush(); err != nil {
		t.Fatal(err)
	}
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream = s.URL(), true })
	b := tiny(t, c, 3, 1)
	for end := time.Now().Add(20 * time.Second); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := o.Write(ctx, b)
		cancel()
		if err == nil {
			break
		}
		wantRetry(t, err, time.Second, "context deadline exceeded")
		if time.Now().After(end) {
			t.Fatal("it is never delivered")
		}
	}
	if o.messages.Get() != 3 {
		t.Errorf("%v messages", o.messages.Get())
	}
}

// A batch of which a part is stored when the agent ends, and which the next one cuts in another way, is stored whole:
// what stands under an id that the stream knows holds the same rows.
func TestBatchIsCutAnew(t *testing.T) {
	s := natstest.Run(t, nil)
	js := s.JetStream()
	f := func(before, after func(*Config)) {
		t.Helper()
		limited := jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu.>"}, MaxMsgs: 3, Discard: jetstream.DiscardNew}
		stream := makeStream(t, s, limited)
		b := func(c *sdk.Catalog) *sdk.Batch {
			var text strings.Builder
			for i := range 100 {
				fmt.Fprintf(&text, "gpu,k=%d x=%d,s=%q %d\n", i%5, i, strings.Repeat("x", 50), i)
			}
			b := sdktest.Batch(t, c, text.String())
			b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: 1}
			return b
		}
		set := func(change func(*Config)) func(*Config) {
			return func(c *Config) { c.URL, c.JetStream, c.Subject = s.URL(), true, "gpu.{k}"; change(c) }
		}
		o, c := opened(t, set(before))
		wantRetry(t, write(t, o, b(c)), 2*time.Second, "the stream is full")
		limited.MaxMsgs = -1
		if _, err := js.UpdateStream(t.Context(), limited); err != nil {
			t.Fatal(err)
		}
		o, c = opened(t, set(after))
		whole := b(c)
		if err := write(t, o, whole); err != nil {
			t.Fatal(err)
		}
		_, got := stored(t, stream)
		slices.Sort(got)
		want := sdktest.Dump(whole)
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("-in +stored\n%.3000s", diff)
		}
		if err := js.DeleteStream(t.Context(), "X"); err != nil {
			t.Fatal(err)
		}
	}
	small := func(c *Config) { c.MaxMessage = 1024 }
	large := func(*Config) {}
	one := func(c *Config) { c.Subject = "gpu.all" }
	f(small, large)
	f(large, small)
	f(large, one)
	f(small, one)
	f(func(c *Config) { one(c); small(c) }, one)
	f(func(c *Config) { one(c); small(c) }, large)
}

// A stream's own limit on messages is found out, and a metric that exceeds it alone is refused alone.
func TestStreamThatTakesSmallMessages(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu"}, MaxMsgSize: 2000})
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream, c.Subject = s.URL(), true, "gpu" })
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "gpu,host=h x=%di %d\n", i, i)
	}
	for _, size := range []int{1400, 3000} { // the first fits, with its headers
		fmt.Fprintf(&text, "gpu,host=h s=%q %d\n", strings.Repeat("x", size), size)
	}
	b := sdktest.Batch(t, c, text.String())
	b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: 1}
	var partial *sdk.PartialError
	if err := write(t, o, b); !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{101}) || !strings.Contains(err.Error(), "exceeds maximum") {
		t.Fatalf("%v", err)
	}
	ids, lines := stored(t, stream)
	want := sdktest.Dump(b)[:101]
	slices.Sort(want)
	slices.Sort(lines)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-in +stored\n%s", diff)
	}
	slices.Sort(ids)
	if n := len(ids); len(slices.Compact(ids)) != n {
		t.Errorf("ids %q", ids)
	}
	// The next batch is cut right from the start.
	b.ID.Seq = 2
	limit := o.limit
	if err := write(t, o, b); !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{101}) {
		t.Fatal(err)
	}
	if o.limit != limit {
		t.Errorf("the limit was %d and is %d", limit, o.limit)
	}
}

// A batch that waits, and meets a server that takes less than the one that it was cut for, is cut anew.
func TestServerComesBackWithSmallerMessages(t *testing.T) {
	f := func(stored bool) {
		t.Helper()
		s := natstest.Run(t, nil)
		seen := listen(t, s, "gpu")
		o, c := opened(t, func(c *Config) { c.URL, c.Subject, c.JetStream = s.URL(), "gpu", stored })
		b := stream(t, c, 300)
		ctx, cancel := context.WithCancel(t.Context())
		if err := write(t, o, tiny(t, c, 1, 1)); (err == nil) == stored { // no stream; and connected by now
			t.Error(err)
		}
		next(t, seen, 1)
		cancel()
		if err := o.Write(ctx, b); err == nil {
			t.Fatal("nothing waits")
		}
		s.Stop()
		s.Options().MaxPayload = 4096
		s.Start()
		js := s.JetStream()
		seen = listen(t, s, "gpu")
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "X", Subjects: []string{"gpu"}}); err != nil && stored {
			t.Fatal(err)
		}
		natstest.Eventually(t, 30*time.Second, "delivery", func() bool { return write(t, o, b) == nil })
		var got []string
		for len(got) < b.Len() {
			select {
			case m := <-seen:
				got = append(got, unpack(t, o, m.Data)...)
			case <-time.After(10 * time.Second):
				t.Fatalf("%d metrics of %d", len(got), b.Len())
			}
		}
		if diff := cmp.Diff(sdktest.Dump(b), got); diff != "" {
			t.Errorf("-in +out\n%s", diff)
		}
	}
	f(true)
	f(false)
}

// Nothing is lost or doubled while the servers of a cluster are killed, or retire, and are started again.
func TestCluster(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.URL())
	}
	o, c := opened(t, func(c *Config) { c.URLs, c.JetStream, c.Stream.Create, c.Stream.Replicas = urls, true, true, 3 })
	const perBatch = 8
	seq := uint64(0)
	batches := func(n int) {
		t.Helper()
		for range n {
			seq++
			b := tiny(t, c, perBatch, seq)
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				err := write(t, o, b)
				if err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("batch %d: %v", seq, err)
				}
				wantRetry(t, err, 2*time.Second, "")
			}
		}
	}
	batches(20)
	for i := range servers {
		victim := i
		if i == 1 { // the one that the agent talks to
			for k, s := range servers {
				if s.URL() == o.nc.ConnectedUrl() {
					victim = k
				}
			}
		}
		if i == 2 {
			servers[victim].Retire()
		} else {
			servers[victim].Stop()
		}
		batches(20)
		servers[victim].Start()
		batches(5)
	}
	js := servers[0].JetStream()
	stream, err := js.Stream(t.Context(), "GPULINE")
	if err != nil {
		t.Fatal(err)
	}
	ids, _ := stored(t, stream)
	slices.Sort(ids)
	if want := int(seq) * perBatch; len(ids) != want || len(slices.Compact(ids)) != want {
		t.Errorf("%d messages stored, %d of them different, want %d", len(ids), len(slices.Compact(ids)), want)
	}
	if got := int(o.messages.Get()); got != len(ids) {
		t.Errorf("%d messages counted", got)
	}
}

// A server that is not there for a while gets everything when it comes, with what it had stored.
func TestServerIsAbsent(t *testing.T) {
	s := natstest.New(t, nil)
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream, c.Stream.Create = s.URL(), true, true })
	b := tiny(t, c, 3, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantRetry(t, o.Write(ctx, b), time.Second, "no connection to "+s.URL())
	s.Start()
	if err := write(t, o, b); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	b = tiny(t, c, 3, 2)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantRetry(t, o.Write(ctx, b), time.Second, "")
	s.Start()
	if err := write(t, o, b); err != nil {
		t.Fatal(err)
	}
	stream, err := s.JetStream().Stream(t.Context(), "GPULINE")
	if err != nil {
		t.Fatal(err)
	}
	if _, lines := stored(t, stream); !cmp.Equal(lines, append(tinyLines(3, 1), tinyLines(3, 2)...)) {
		t.Errorf("%q", lines)
	}
}

// A subject that the server forbids is named, and holds what is meant for it: a stream that has the rest of the batch
// does not get it again.
func TestForbiddenSubjectOfAStream(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "u", Password: "p", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"gpu.h.1", "$JS.API.STREAM.CREATE.X"}},
			}},
			{Username: "admin", Password: "p"},
		}
	})
	all, err := s.JetStream(nats.UserInfo("admin", "p")).CreateStream(t.Context(), jetstream.StreamConfig{Name: "GPULINE", Subjects: []string{"gpu.>"}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, change func(*Config)) {
		t.Helper()
		o, c := opened(t, func(c *Config) {
			c.URL, c.User, c.Password, c.JetStream = s.URL(), "u", sdk.NewSecret("p"), true
			change(c)
		})
		b := sdktest.Batch(t, c, "gpu,host=h,gpu_index=0 x=1 1\ngpu,host=h,gpu_index=1 x=1 2")
		b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: 1}
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := o.Write(ctx, b)
			cancel()
			var wait *sdk.RetryError
			if !errors.As(err, &wait) || wait.After < refused || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
	f("let the agent publish to gpu.*.*", func(*Config) {})
	f("let the agent publish to $JS.API.STREAM.CREATE.X", func(c *Config) { c.Stream.Create, c.Stream.Name = true, "X" })
	if info, err := all.Info(t.Context()); err != nil || info.State.LastSeq != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

// An account without JetStream, or without the right to publish, holds the batch.
func TestAccountWithoutJetStream(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) { o.JetStream = false })
	o, c := opened(t, func(c *Config) { c.URL, c.JetStream, c.Stream.Create = s.URL(), true, true })
	wantRetry(t, write(t, o, tiny(t, c, 3, 1)), 2*time.Second, "make the stream GPULINE")
}
