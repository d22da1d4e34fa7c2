package nats

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// job is a batch as messages, with what became of each. When an error ends Write it stays, so that the next
// Write of that batch sends under the same ids what is not confirmed, and nothing else.
type job struct {
	id       sdk.BatchID
	rows     int // of the batch
	messages []message
	data     []byte // of all messages
	refused  []int  // positions of the rows that are in no message
	reason   error  // why the first of them is
}

// message is a part of the batch. Its number among the messages, from 1, is that of the part.
type message struct {
	subject string
	at      []int  // positions of its rows in the batch
	rows    uint64 // their digest; 0 for all of the batch
	data    []byte
	state   state
	futures []jetstream.PubAckFuture // of tries that have not been answered, the last one behind
}

type state uint8

const (
	waiting  state = iota
	done           // delivered
	tooLarge       // to be cut
)

var errNoLine = errors.New("no field that line protocol can hold")

// plan makes messages of all of b. With the same limits it always makes the same ones, whatever was encoded before:
// an agent that is started anew sends what it had sent, under the same ids.
func (j *job) plan(b *sdk.Batch, used []*subject, e *encoder, l limits) {
	j.id, j.rows = b.ID, b.Len()
	j.messages, j.data, j.refused, j.reason = j.messages[:0], j.data[:0], j.refused[:0], nil
	c := cutter{job: j, encoder: e, catalog: b.Catalog(), limits: l}
	e.perRow = 0
	for _, s := range used {
		c.cut(s.name, s.rows, s.at)
	}
}

// recut makes smaller messages of those that turned out too large. The first keeps the number of the part,
// which was not stored; further ones get numbers of their own.
func (j *job) recut(b *sdk.Batch, e *encoder, l limits) {
	all := slices.Collect(b.All())
	old := j.messages
	j.messages = nil
	c := cutter{job: j, encoder: e, catalog: b.Catalog(), limits: l}
	var more []message
	kept := make([]message, len(old))
	for i := range old {
		kept[i] = old[i]
		if old[i].state != tooLarge {
			continue
		}
		var rows []*sdk.Metric
		for _, at := range old[i].at {
			rows = append(rows, all[at])
		}
		j.messages = nil
		c.cut(old[i].subject, rows, old[i].at)
		if len(j.messages) == 0 { // no row of it fits
			kept[i].state, kept[i].at, kept[i].data = done, nil, nil
			continue
		}
		kept[i] = j.messages[0]
		more = append(more, j.messages[1:]...)
	}
	j.messages = append(kept, more...)
}

// partial names the refused rows, or returns nil.
func (j *job) partial() error {
	if len(j.refused) == 0 {
		return nil
	}
	slices.Sort(j.refused)
	return &sdk.PartialError{Rejected: slices.Clone(j.refused), Err: j.reason}
}

func (j *job) refuse(at int, why error) {
	j.refused = append(j.refused, at)
	if j.reason == nil {
		j.reason = why
	}
}

// message returns the i-th message as it is sent.
func (j *job) message(i int, e *encoder) *nats.Msg {
	m := &j.messages[i]
	h := make(nats.Header, 8)
	h[natsclient.HeaderContentType] = []string{e.encoding.ContentType()}
	if e.zstd != nil {
		h[natsclient.HeaderContentEncoding] = []string{natsclient.Zstd}
	}
	natsclient.Part{ID: j.id, Part: i + 1, Parts: len(j.messages), Rows: m.rows}.AddTo(h)
	return &nats.Msg{Subject: m.subject, Header: h, Data: m.data}
}

// limits bound the data of a message, in bytes. A single metric is given up only beyond most; several are cut
// down to fit into wanted, which is a guess at what the stream takes.
type limits struct{ most, wanted int }

// cutter cuts the rows of a subject into messages.
type cutter struct {
	job     *job
	encoder *encoder
	catalog *sdk.Catalog
	limits  limits
}

func (c *cutter) cut(subject string, rows []*sdk.Metric, at []int) {
	j, e := c.job, c.encoder
	for n := len(rows); len(rows) > 0; {
		n = min(n, len(rows), e.fit(c.limits.wanted))
		start := len(j.data)
		data, unpacked, refused := e.append(j.data, c.catalog, rows[:n])
		size := len(data) - start
		e.learn(size, unpacked, n, c.limits.wanted)
		switch {
		case n > 1 && (size > c.limits.wanted || unpacked > maxDecoded):
			n = max(n*3/4, 1)
			continue
		case size > c.limits.most || unpacked > maxDecoded:
			j.refuse(at[0], fmt.Errorf("write to subject %s: a metric of %d bytes is too large for a message: "+
				"there is room for %d beside the headers", subject, size, c.limits.most))
		case len(refused) == n:
			j.refuseAll(at, refused, subject)
		default:
			j.refuseAll(at, refused, subject)
			j.data = data
			kept := without(at[:n], refused)
			m := message{subject: subject, at: kept, data: data[start:len(data):len(data)]}
			if len(kept) < j.rows {
				m.rows = natsclient.Digest(kept)
			}
			j.messages = append(j.messages, m)
		}
		rows, at, n = rows[n:], at[n:], len(rows)
	}
}

func (j *job) refuseAll(at, refused []int, subject string) {
	for _, i := range refused {
		j.refuse(at[i], fmt.Errorf("write to subject %s: %w", subject, errNoLine))
	}
}

// without returns a copy of at without the given indices, which grow.
func without(at, refused []int) []int {
	kept := make([]int, 0, len(at)-len(refused))
	for i, position := range at {
		if len(refused) > 0 && refused[0] == i {
			refused = refused[1:]
			continue
		}
		kept = append(kept, position)
	}
	return kept
}
