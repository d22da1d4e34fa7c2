package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// Servers of a cluster and hubs are killed in turn, while edges count: what an edge's ledger says is delivered is in
// the database.
func TestServersAndHubsAreKilled(t *testing.T) {
	t.Parallel()
	servers := natstest.Cluster(t, 3)
	var list []string
	for _, s := range servers {
		list = append(list, fmt.Sprintf("%q", s.URL()))
	}
	urls := "urls = [" + strings.Join(list, ", ") + "]\n"
	db := newDatabase(t)
	db.slow = 200 * time.Millisecond // so that hubs have something in hand
	var edges []*script
	for i := range 3 {
		e := &script{t: t, numbers: &numbers{host: fmt.Sprintf("edge%d", i), each: 2}}
		e.config = []string{config(e.numbers.host, t.TempDir(), "[[outputs.nats]]\n"+urls+
			"jetstream = true\nencoding = \"record\"\nsubject = \"gpu.{host}.{k}\"\nstream = { create = true, replicas = 3 }")}
		e.begin()
		edges = append(edges, e)
	}
	for _, e := range edges {
		e.arrive() // there is a stream
	}
	var hubs []*process
	for range 2 {
		hubs = append(hubs, startHub(t, fmt.Sprintf("[agent]\nhttp = \"\"\n[[inputs.nats]]\n%s"+
			"jetstream = true\nack_wait = \"2s\"\n[[outputs.influxdb]]\nurl = %q\ndatabase = \"gpu\"\nflush_interval = \"50ms\"\n", urls, db.URL)))
	}
	moment := func(most time.Duration) { time.Sleep(rand.N(most)) }
	for round := range fleetRounds {
		moment(time.Second)
		if round%2 == 0 {
			s := servers[rand.IntN(len(servers))]
			s.Stop()
			moment(time.Second)
			s.Start()
			continue
		}
		h := hubs[rand.IntN(len(hubs))]
		h.kill()
		moment(300 * time.Millisecond)
		h.start()
	}
	for _, e := range edges {
		e.finish()
	}
	var fault error
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		held := db.held()
		fault = nil
		for _, e := range edges {
			if err := e.numbers.check(held); err != nil {
				fault = err
			}
		}
		if fault == nil || time.Now().After(end) {
			break
		}
	}
	if fault != nil {
		t.Error(fault)
	}
	for _, h := range hubs {
		if l := h.stop(); !strings.Contains(l, " dropped=0 queued=0 balance=ok") {
			t.Errorf("a hub: %s", l)
		}
	}
	t.Logf("%d metrics, %d came again", len(db.held()), twice(db.held()))
}
