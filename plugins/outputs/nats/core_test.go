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

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func write(t *testing.T, o *NATS, b *sdk.Batch) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return o.Write(ctx, b)
}

func TestMessages(t *testing.T) {
	s := natstest.Run(t, nil)
	f := func(change func(*Config), want ...string) {
		t.Helper()
		o, c := opened(t, func(c *Config) { c.URL = s.URL(); change(c) })
		from := listen(t, s, "gpu.>")
		b := sdktest.Batch(t, c, `
			gpu,gpu_index=0,host=h power_watts=300.5,up=1i 1s
			gpu_event,host=h message="x" 2s class=event
			gpu,gpu_index=0,host=h power_watts=301,up=1i 3s notes=alert=hot`)
		b.ID = sdk.BatchID{Agent: "h", Epoch: 9, Seq: 4}
		if err := write(t, o, b); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range next(t, from, 2) {
			text := string(m.Data)
			if o.config.Encoding == "record" || o.encoder.zstd != nil {
				text = strings.Join(unpack(t, o, m.Data), "\n") + "\n"
			}
			got = append(got, fmt.Sprintf("%s %s %s %s\n%s", m.Subject, partOf(m.Header.Get(nats.MsgIdHdr)), m.Header.Get("Content-Type"),
				m.Header.Get("Content-Encoding"), text))
			if p, ok := natsclient.PartOf(m.Header); !ok || p.ID != b.ID || p.Parts != 2 {
				t.Errorf("%+v, %v", p, ok)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	f(func(*Config) {},
		"gpu.h.0 h/9/4/1 application/vnd.influx.line-protocol \n"+
			"gpu,gpu_index=0,host=h power_watts=300.5,up=1i 1000000000\n"+
			"gpu,alert=hot,gpu_index=0,host=h power_watts=301,up=1i 3000000000\n",
		"gpu.h._ h/9/4/2 application/vnd.influx.line-protocol \n"+
			"gpu_event,host=h message=\"x\" 2000000000\n")
	f(func(c *Config) { c.Encoding = "json" },
		"gpu.h.0 h/9/4/1 application/x-ndjson \n"+
			`{"name":"gpu","tags":{"gpu_index":"0","host":"h"},"fields":{"power_watts":300.5,"up":1},"time":1000000000,"class":"sample"}`+"\n"+
			`{"name":"gpu","tags":{"gpu_index":"0","host":"h","alert":"hot"},"fields":{"power_watts":301,"up":1},"time":3000000000,"class":"sample"}`+"\n",
		"gpu.h._ h/9/4/2 application/x-ndjson \n"+
			`{"name":"gpu_event","tags":{"host":"h"},"fields":{"message":"x"},"time":2000000000,"class":"event"}`+"\n")
	f(func(c *Config) { c.Encoding, c.ContentEncoding = "record", "zstd" },
		"gpu.h.0 h/9/4/1 application/vnd.gpuline.record zstd\n"+
			"gpu,gpu_index=0,host=h power_watts=300.5,up=1i 1000000000\n"+
			"gpu,gpu_index=0,host=h power_watts=301,up=1i 3000000000 notes=alert=hot\n",
		"gpu.h._ h/9/4/2 application/vnd.gpuline.record zstd\n"+
			"gpu_event,host=h message=\"x\" 2000000000 class=event\n")
}

// Splits by the server's max_payload, headers included.
func TestServerThatTakesSmallMessages(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) { o.MaxPayload = 4096; o.JetStream = false })
	o, c := opened(t, func(c *Config) { c.URL, c.Subject = s.URL(), "gpu" })
	from := listen(t, s, "gpu")
	b := stream(t, c, 300)
	b.ID.Agent = strings.Repeat("a", 200) // in the headers twice
	b.Add(b.Series("gpu"), 1).Text("long", strings.Repeat("x", 5000))
	b.Add(b.Series("gpu"), 2).Float("x", 1)
	var partial *sdk.PartialError
	if err := write(t, o, b); !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{300}) {
		t.Fatal(err)
	}
	var got []string
	for _, m := range next(t, from, len(o.fresh.messages)) {
		got = append(got, unpack(t, o, m.Data)...)
	}
	want := sdktest.Dump(b)
	want = slices.Delete(want, 300, 301)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-in +out\n%s", diff)
	}
}

// A server that forbids the subject is told from one that took it.
func TestForbiddenSubject(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) {
		o.JetStream = false
		o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"gpu.h.1"}},
		}}}
	})
	o, c := opened(t, func(c *Config) { c.URL, c.User, c.Password = s.URL(), "u", sdk.NewSecret("p") })
	f := func(index, want string) {
		t.Helper()
		err := write(t, o, sdktest.Batch(t, c, "gpu,host=h,gpu_index="+index+" x=1 1"))
		var retry *sdk.RetryError
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "" && (!errors.As(err, &retry) || retry.After < 30*time.Second || !strings.Contains(err.Error(), want)):
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("0", "")
	f("1", "let the agent publish to gpu.*.*")
	f("1", "let the agent publish to gpu.*.*")
	f("2", "")
}

// Where a server forbids some subjects of a batch, the messages to the others are not sent again with those that wait,
// whatever becomes of the connection meanwhile.
func TestForbiddenSubjectAmongOthers(t *testing.T) {
	deny := func(subjects ...string) []*server.User {
		return []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: subjects},
		}}}
	}
	admin := &server.User{Username: "admin", Password: "p"}
	s := natstest.Run(t, func(o *server.Options) {
		o.JetStream, o.Users = false, append(deny("gpu.h.1", "gpu.h.\u00b5\"", "gpu.h.5"), admin)
	})
	listener := s.Client(nats.UserInfo("admin", "p"))
	seen := make(chan *nats.Msg, 1000)
	if _, err := listener.ChanSubscribe("gpu.>", seen); err != nil {
		t.Fatal(err)
	}
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}
	change := func(users []*server.User) {
		t.Helper()
		s.Stop()
		s.Options().Users = append(users, admin)
		s.Start()
		natstest.Eventually(t, 20*time.Second, "listener", func() bool { return listener.IsConnected() && listener.Flush() == nil })
	}
	o, c := opened(t, func(c *Config) { c.URL, c.User, c.Password = s.URL(), "u", sdk.NewSecret("p") })
	var b *sdk.Batch
	f := func(want string, subjects ...string) {
		t.Helper()
		err := write(t, o, b)
		var wait *sdk.RetryError
		if (err == nil) != (want == "") || err != nil && (!errors.As(err, &wait) || wait.After < refused || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
		var got []string
		for _, m := range next(t, seen, len(subjects)) {
			got = append(got, m.Subject)
		}
		if diff := cmp.Diff(subjects, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	text := func(seq uint64) {
		b = sdktest.Batch(t, c, "gpu,host=h,gpu_index=0 x=1 1\ngpu,host=h,gpu_index=1 x=1 2\n"+
			"gpu,host=h,gpu_index=\u00b5\" x=1 3\ngpu,host=h,gpu_index=3 x=1 4")
		b.ID = sdk.BatchID{Agent: "h", Epoch: 1, Seq: seq}
	}
	text(1)
	f("let the agent publish to gpu.*.*", "gpu.h.0", "gpu.h.3")
	f("let the agent publish to gpu.*.*")
	change(deny("gpu.h.1"))
	f("let the agent publish to gpu.*.*", "gpu.h.\u00b5\"")
	change(deny("gpu.h.5"))
	f("", "gpu.h.1")
	text(2)
	f("", "gpu.h.0", "gpu.h.1", "gpu.h.\u00b5\"", "gpu.h.3")
}

// A server that goes in the middle of a Write has not taken it, and one that comes back gets it.
func TestServerGoesAndComesBack(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) { o.JetStream = false })
	o, c := opened(t, func(c *Config) { c.URL = s.URL() })
	b := sdktest.Batch(t, c, "gpu,host=h,gpu_index=0 x=1 1")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var retry *sdk.RetryError
	if err := o.Write(ctx, b); !errors.As(err, &retry) || retry.After > time.Second || !strings.Contains(err.Error(), "no connection to "+s.URL()) {
		t.Errorf("without a server: %v", err)
	}
	for range 3 {
		s.Start()
		from := listen(t, s, "gpu.>")
		if err := write(t, o, b); err != nil {
			t.Error(err)
		}
		next(t, from, 1)
		s.Stop()
	}
}
