package nats

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// listening waits until the input has subscribed.
func listening(t *testing.T, h *hub, s *natstest.Server) {
	t.Helper()
	h.none(20 * time.Millisecond)
	if err := s.Client().Flush(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
}

func TestCore(t *testing.T) {
	s := natstest.Run(t, nil)
	h := open(t, func(c *Config) { c.URL, c.Subjects = s.URL(), []string{"a.*", "b"} })
	listening(t, h, s)
	nc := s.Client()
	for i, subject := range []string{"a.1", "b", "c", "a.1.2", "a.2"} {
		if err := nc.Publish(subject, fmt.Appendf(nil, "a x=%d %d\n", i, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	wantAll(t, append(lines(0, 2), lines(4, 1)...), h.collect(3, nil))
	// The server goes, and the subscriptions come back with it.
	s.Stop()
	h.none(20 * time.Millisecond)
	s.Start()
	natstest.Eventually(t, patience, "connection", func() bool { return h.figure("gpuline_nats_reconnects_total") == 1 })
	time.Sleep(50 * time.Millisecond)
	if err := s.Client().Publish("b", []byte("a x=7 8\n")); err != nil {
		t.Fatal(err)
	}
	wantAll(t, lines(7, 1), h.collect(1, nil))
}

// Members of a group share the messages, and gaps are not theirs to count.
func TestQueueGroup(t *testing.T) {
	s := natstest.Run(t, nil)
	var hubs []*hub
	for range 2 {
		h := open(t, func(c *Config) { c.URL, c.QueueGroup = s.URL(), "hubs" })
		listening(t, h, s)
		if h.tracker != nil {
			t.Error("a member of a group counts gaps")
		}
		hubs = append(hubs, h)
	}
	nc := s.Client()
	const n = 200
	for i := range n {
		if err := nc.Publish("gpu.x", fmt.Appendf(nil, "a x=%d %d\n", i, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for end := time.Now().Add(patience); len(all) < n && time.Now().Before(end); {
		for _, h := range hubs {
			got, _, err := h.readFor(50 * time.Millisecond)
			if err == nil {
				all = append(all, got...)
			}
		}
	}
	wantAll(t, lines(0, n), all)
	for i, h := range hubs {
		if h.figure("gpuline_nats_received_messages_total") < n/10 {
			t.Errorf("hub %d got nothing", i)
		}
	}
}

// What comes while the agent is busy waits within a bound; what is beyond is lost, and counted.
func TestMailboxIsBounded(t *testing.T) {
	s := natstest.Run(t, nil)
	h := open(t, func(c *Config) { c.URL, c.MaxPending = s.URL(), 1<<20 })
	listening(t, h, s)
	nc := s.Client()
	const n, size = 40, 100_000
	for i := range n {
		// What is large about a message makes no difference.
		m := &nats.Msg{Subject: "gpu.x", Data: fmt.Appendf(nil, "a x=%d %d\n", i, i+1)}
		if filler := bytes.Repeat([]byte{'#'}, size-len(m.Data)); i%2 == 0 {
			m.Data = append(m.Data, filler...)
		} else {
			m.Header = nats.Header{"X": {string(filler)}}
		}
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	natstest.Eventually(t, patience, "all messages", func() bool { return h.figure("gpuline_nats_dropped_messages_total") == n-10 })
	wantAll(t, lines(0, 10), h.collect(10, nil))
	h.none(50 * time.Millisecond)
}
