package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

type config struct {
	URL        sdk.Secret `toml:"url" doc:"Where to post to. It is kept secret, since most such URLs are passwords." required:"true"`
	Severities []string   `toml:"severities" doc:"Events of these severities are posted; all where none is named."`
	Token      sdk.Secret `toml:"token" doc:"Sent as Authorization: Bearer."`
}

// Validate finds URLs that nobody can post to.
func (c *config) Validate() error {
	u, err := url.Parse(c.URL.Reveal())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return sdk.Fault{Path: []string{"url"}, Problem: "is not the URL of a web page", Remedy: `write it as "https://host/path"`}
	}
	return nil
}

type output struct {
	config
	client *http.Client

	batch    sdk.BatchID // the last one; what follows is about it, for when it is tried again
	settled  int         // events that are posted, or refused for good
	rejected []int       // positions of those that are refused
	why      error       // the last of them is
}

func build(c *config) (sdk.Output, error) {
	return &output{config: *c, client: &http.Client{}}, nil
}

// Close lets go of connections that are kept for the next event.
func (o *output) Close() error {
	o.client.CloseIdleConnections()
	return nil
}

// message is what is posted. Slack and Mattermost show the text, others what else there is.
type message struct {
	Text     string            `json:"text"`
	Event    string            `json:"event"`
	Severity string            `json:"severity,omitempty"`
	Time     time.Time         `json:"time"`
	Tags     map[string]string `json:"tags"`
	Fields   map[string]any    `json:"fields"`
}

// Write posts the events of b, one after another; other metrics are delivered by being left out.
func (o *output) Write(ctx context.Context, b *sdk.Batch) error {
	if b.ID == (sdk.BatchID{}) || b.ID != o.batch {
		o.batch, o.settled, o.rejected = b.ID, 0, nil
	}
	i, n := -1, 0
	for m := range b.All() {
		i++
		if m.Class() != sdk.ClassEvent || !o.wanted(m.Tag("severity")) {
			continue
		}
		if n++; n <= o.settled {
			continue
		}
		err := o.post(ctx, m)
		if err != nil && !errors.Is(err, sdk.ErrPermanent) {
			return err
		}
		if err != nil {
			o.rejected, o.why = append(o.rejected, i), err
		}
		o.settled = n
	}
	if o.rejected != nil {
		return &sdk.PartialError{Rejected: o.rejected, Err: o.why}
	}
	return nil
}

func (o *output) wanted(severity string) bool {
	return len(o.Severities) == 0 || slices.Contains(o.Severities, severity)
}

// post posts one event. An error that wraps ErrPermanent means that this event is not taken, ever.
func (o *output) post(ctx context.Context, m *sdk.Metric) error {
	text, err := json.Marshal(describe(m))
	if err != nil {
		return sdk.Permanent(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL.Reveal(), bytes.NewReader(text))
	if err != nil {
		return sdk.Permanent(fmt.Errorf("make a request: %w", err))
	}
	r.Header.Set("Content-Type", "application/json")
	if !o.Token.Empty() {
		r.Header.Set("Authorization", "Bearer "+o.Token.Reveal())
	}
	answer, err := o.client.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which is secret
		}
		return fmt.Errorf("post: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
	status := fmt.Errorf("the server answers %s: %s", answer.Status, strings.TrimSpace(string(said)))
	switch {
	case answer.StatusCode < 300:
		return nil
	case answer.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return &sdk.RetryError{After: time.Duration(max(seconds, 1)) * time.Second, Err: status}
	case answer.StatusCode == http.StatusBadRequest, answer.StatusCode == http.StatusRequestEntityTooLarge,
		answer.StatusCode == http.StatusUnprocessableEntity:
		return sdk.Permanent(status)
	}
	return status
}

func describe(m *sdk.Metric) message {
	e := message{
		Event: m.Tag("event"), Severity: m.Tag("severity"), Time: time.Unix(0, m.Time()).UTC(),
		Tags: make(map[string]string), Fields: make(map[string]any),
	}
	var where []string
	for _, tag := range append(slices.Clone(m.Series().Tags()), m.Annotations().Tags()...) {
		e.Tags[tag.Key] = tag.Value
		if tag.Key != "event" && tag.Key != "severity" {
			where = append(where, tag.Key+"="+tag.Value)
		}
	}
	for slot, f := range m.Schema().Fields() {
		switch v := m.Value(slot); {
		case !v.Finite():
			e.Fields[f.Name] = v.String() // JSON has no such number
		case f.Type == sdk.String:
			e.Fields[f.Name] = v.Text()
		case f.Type == sdk.Bool:
			e.Fields[f.Name] = v.Bool()
		default:
			e.Fields[f.Name] = json.RawMessage(v.String())
		}
	}
	text, _ := e.Fields["message"].(string)
	e.Text = strings.TrimSpace(fmt.Sprintf("%s %s on %s: %s", strings.ToUpper(e.Severity), e.Event, strings.Join(where, " "), text))
	return e
}
