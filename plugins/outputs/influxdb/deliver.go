package influxdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const (
	// holdPause is the time between two tries of what an operator must see to.
	holdPause = 30 * time.Second
	// patience is how often a request gets a 500 before its lines are looked at one by one.
	patience = 5
	// maxProbes bounds the requests of such a search of which none tells anything: then the server fails
	// over everything, and it is no line's fault.
	maxProbes = 64
	// minBody is as low as maxBody goes.
	minBody = 16 << 10
)

// deliver sends the job's parts until all of its lines are stored or refused, or an error says why not now.
// What one bucket or database holds up does not hold up the others of the batch.
func (o *InfluxDB) deliver(ctx context.Context, j *job) error {
	var waiting []part
	var blocked []*target
	var hold error
	defer func() { j.parts = append(j.parts, waiting...) }()
	for {
		if len(j.parts) == 0 {
			if hold != nil || len(j.suspects) == 0 {
				return hold
			}
			if err := o.accuse(j); err != nil {
				return err
			}
		}
		p := j.pop()
		to := j.target(p)
		if slices.Contains(blocked, to) {
			waiting = append(waiting, p)
			continue
		}
		a, e, err := o.send(ctx, to, j.body(p))
		if err != nil {
			j.push(p)
			return fmt.Errorf("write to %s: %w", e.name, err)
		}
		switch a.verdict {
		case stored:
			j.stored(p)
		case refused:
			o.refused(j, p, e, a)
		case tooLarge:
			o.tooLarge(j, p, e, a)
		case heldHere:
			waiting = append(waiting, p)
			blocked = append(blocked, to)
			if hold == nil {
				hold = &sdk.RetryError{After: spread(holdPause), Err: o.fault(e, to, a)}
			}
		case broken:
			if err := o.broken(ctx, j, p, e, a); err != nil {
				return err
			}
		default:
			j.push(p)
			return o.later(e, to, a)
		}
	}
}

// later is the error that has a request sent again.
func (o *InfluxDB) later(e *endpoint, to *target, a answer) error {
	err := o.fault(e, to, a)
	switch {
	case a.verdict == held:
		return &sdk.RetryError{After: spread(holdPause), Err: err}
	case a.after > 0:
		return &sdk.RetryError{After: spread(a.after), Err: err}
	}
	return err // the engine backs off
}

// spread lengthens a pause by up to a tenth, a short one by up to a half, so that a fleet does not come back in step.
func spread(d time.Duration) time.Duration {
	return d + rand.N(max(min(d/2, 3*time.Second), d/10)+1)
}

// refused gives up the lines that the server has found fault with, as far as it is clear which these are.
func (o *InfluxDB) refused(j *job, p part, e *endpoint, a answer) {
	n := p.len()
	for number := range a.named {
		if number < 1 || number > n {
			a.named = nil // of another request, or of none
			break
		}
	}
	switch {
	case n == 1 || a.dropped == n || len(a.named) == n:
		j.refuse(p, o.fault(e, j.target(p), a).Error())
	case len(a.named) > 0 && p.rounds < maxRounds:
		j.separate(p, a.named)
	default:
		j.halve(p)
	}
}

// tooLarge sends a request in halves, and lets no later one be as large.
func (o *InfluxDB) tooLarge(j *job, p part, e *endpoint, a answer) {
	if p.len() == 1 {
		j.refuse(p, o.fault(e, j.target(p), a).Error())
		return
	}
	size := len(j.body(p))
	if limit := max(size/2, minBody); o.maxBody == 0 || limit < o.maxBody {
		o.maxBody = limit
		o.log.Warn("the server takes no request of that size; smaller ones are sent from now on: raise its limit, or lower batch_size",
			"url", e.name, "bytes", size, "limit", limit)
	}
	j.cut(p, p.len()/2)
}

// broken deals with a 500. Mostly the server is in trouble, and the request is sent again. But a line can be its
// trouble, for ever: so after some tries the request is sent in ever smaller parts. A line that fails alone is a
// suspect, and is given up if it fails once more while a line that is stored there can be stored again.
func (o *InfluxDB) broken(ctx context.Context, j *job, p part, e *endpoint, a answer) error {
	to := j.target(p)
	if p.last {
		return o.convict(ctx, j, p, o.fault(e, to, a))
	}
	if p.failures++; p.failures < patience {
		j.push(p)
		return o.later(e, to, a)
	}
	p.failures = patience - 1
	switch j.probes++; {
	case j.probes > maxProbes:
		j.push(p)
		j.acquit()
		return o.later(e, to, a)
	case p.len() == 1:
		j.suspects = append(j.suspects, p)
	default:
		j.halve(p)
	}
	return nil
}

// accuse ends a search: suspects are to be tried a last time, where something else of the batch is stored.
func (o *InfluxDB) accuse(j *job) error {
	var rest []part
	for _, p := range j.suspects {
		if _, known := j.control(j.target(p)); !known {
			rest = append(rest, p)
			continue
		}
		p.last = true
		j.push(p)
	}
	j.suspects = rest
	if len(j.parts) > 0 {
		return nil
	}
	n, to := len(rest), j.target(rest[0])
	j.acquit()
	return fmt.Errorf("write to %s: 500 for each of %d lines, and nothing else to tell by whether the server works: look into its log",
		o.config.where(to), n)
}

// convict gives a suspect up, unless the server fails over everything.
func (o *InfluxDB) convict(ctx context.Context, j *job, p part, fault error) error {
	control, _ := j.control(j.target(p))
	a, e, err := o.send(ctx, j.target(p), j.body(control))
	if err == nil && a.verdict == stored {
		j.refuse(p, fault.Error())
		return nil
	}
	j.push(p)
	if err != nil {
		return fmt.Errorf("write to %s: %w", e.name, err)
	}
	return o.later(e, j.target(p), a)
}

// acquit makes ordinary parts of the suspects, and starts counting anew.
func (j *job) acquit() {
	j.parts = append(j.parts, j.suspects...)
	j.suspects, j.probes = nil, 0
	for i := range j.parts {
		j.parts[i].failures = 0
	}
}

// fault says what a server answered, and what to do about it.
func (o *InfluxDB) fault(e *endpoint, to *target, a answer) error {
	text := fmt.Sprintf("write to %s, %s: %d %s", e.name, o.config.where(to), a.status, http.StatusText(a.status))
	if a.reason != "" {
		text += ": " + a.reason
	}
	if remedy := o.remedy(to, a); remedy != "" {
		text += ": " + remedy
	}
	return errors.New(o.redact(text))
}

func (o *InfluxDB) remedy(to *target, a answer) string {
	key, _ := o.config.place()
	switch {
	case a.verdict != held && a.verdict != heldHere:
		return ""
	case a.plain:
		return tlsclient.WantsTLS
	case a.status == http.StatusUnauthorized:
		return o.config.credential()
	case a.status == http.StatusForbidden:
		return fmt.Sprintf("let it write to %s, or %s", o.config.where(to), o.config.credential())
	case a.status == http.StatusNotFound:
		return fmt.Sprintf("create the %s, or correct `%s` or `url`", key, key)
	}
	return "correct `url` or `api`: this is no answer of InfluxDB"
}

// redact hides the secrets in what a server said, which may quote the request.
func (o *InfluxDB) redact(text string) string {
	secrets := []string{o.config.Token.Reveal(), o.config.Password.Reveal()}
	if _, credential, found := strings.Cut(o.header.Get("Authorization"), " "); found {
		secrets = append(secrets, credential)
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}
