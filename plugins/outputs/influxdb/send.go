package influxdb

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// send sends a body to the URL that worked last or, where that is down, to the next ones in turn. It returns
// what the last of them said, and which that was. Each gets its share of the time that there is, so that one
// that hangs does not use it up.
func (o *InfluxDB) send(ctx context.Context, to *target, body []byte) (a answer, e *endpoint, err error) {
	if o.config.ContentEncoding != "identity" {
		if body, err = o.packer.pack(body); err != nil {
			return a, o.endpoints[o.current], err
		}
	}
	n := len(o.endpoints)
	for try := range n {
		e = o.endpoints[o.current]
		if err = ctx.Err(); err != nil {
			return a, e, err
		}
		a, err = o.ask(ctx, e, to, body, n-try)
		if err == nil && a.verdict != down || n == 1 || errors.Is(ctx.Err(), context.Canceled) {
			return a, e, err
		}
		o.current = (o.current + 1) % n
		reason := err
		if reason == nil {
			reason = o.fault(e, to, a)
		}
		o.log.Warn("a server cannot be written to; it is the next URL's turn", "url", e.name, "next", o.endpoints[o.current].name, "err", reason)
	}
	return a, e, err
}

// ask sends a body to one URL, with a share of the time that is left.
func (o *InfluxDB) ask(ctx context.Context, e *endpoint, to *target, body []byte, shares int) (answer, error) {
	if deadline, ok := ctx.Deadline(); ok && shares > 1 {
		part, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
		ctx = part
	}
	r, err := e.post(ctx, to.query, *o.header, body)
	if err != nil {
		o.figures.requests[0].Add(1)
		return answer{}, err
	}
	o.figures.requests[min(max(r.status/100, 1), 5)].Add(1)
	o.figures.bytes.Add(float64(len(body)))
	return judge(r, o.now()), nil
}

// figures are the output's own.
type figures struct {
	requests  [6]*sdk.Number // by the status' first digit; 0 without an answer
	bytes     *sdk.Number
	notFinite *sdk.Number
	tooLarge  *sdk.Number
}

func (o *InfluxDB) measure(m *sdk.Meter) {
	for digit := range o.figures.requests {
		status := "none"
		if digit > 0 {
			status = strconv.Itoa(digit) + "xx"
		}
		o.figures.requests[digit] = m.Counter("gpuline_influxdb_requests_total", "Write requests, by the status that answered them.", sdk.Tag{Key: "status", Value: status})
	}
	o.figures.bytes = m.Counter("gpuline_influxdb_sent_bytes_total", "Bodies of write requests that were answered, as they were sent.")
	left := func(reason string) *sdk.Number {
		return m.Counter("gpuline_influxdb_fields_left_out_total", "Fields that line protocol cannot hold.", sdk.Tag{Key: "reason", Value: reason})
	}
	o.figures.notFinite, o.figures.tooLarge = left("not_finite"), left("too_large")
}

func (f *figures) leftOut(left lineprotocol.LeftOut) {
	f.notFinite.Add(float64(left.NotFinite))
	f.tooLarge.Add(float64(left.TooLarge))
}
