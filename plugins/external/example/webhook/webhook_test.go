package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// server takes posts, and answers with the next of its statuses, or 200.
type server struct {
	mu       sync.Mutex
	statuses []int
	texts    []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(s.statuses) > 0 {
		status := s.statuses[0]
		s.statuses = s.statuses[1:]
		if status != http.StatusOK {
			w.Header().Set("Retry-After", "7")
			http.Error(w, "as asked for", status)
			return
		}
	}
	s.texts = append(s.texts, m.Text)
}

func start(t testing.TB, c config, statuses ...int) (*server, sdk.Output) {
	t.Helper()
	s := &server{statuses: statuses}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	c.URL = sdk.NewSecret(web.URL + "/hook?secret=abc")
	o, err := build(&c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.(*output).client.CloseIdleConnections)
	return s, o
}

const events = `
	gpu,gpu_index=0 power_watts=1 1
	gpu_event,event=xid,gpu_index=0,severity=critical message="fell off the bus",code=79i 1 class=event
	gpu_event,event=rule,gpu_index=1,severity=info message="calm" 2 class=event
	gpu_event,event=rule,gpu_index=1,severity=warning value=NaN 3 class=event notes=rule=thermal
`

func TestWrite(t *testing.T) {
	f := func(name string, statuses []int, want []string, check func(err error) error) {
		t.Run(name, func(t *testing.T) {
			s, o := start(t, config{Severities: []string{"warning", "critical"}}, statuses...)
			b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), events)
			b.ID = sdk.BatchID{Agent: "a", Epoch: 1, Seq: 1}
			err := o.Write(t.Context(), b)
			if problem := check(err); problem != nil {
				t.Error(problem)
			}
			if err != nil {
				_ = o.Write(t.Context(), b)
			}
			if diff := cmp.Diff(want, s.texts); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	both := []string{"CRITICAL xid on gpu_index=0: fell off the bus", "WARNING rule on gpu_index=1 rule=thermal:"}
	none := func(err error) error { return err }
	f("posts", nil, both, none)
	f("goes on where it stopped", []int{200, 503}, both, func(err error) error {
		if err == nil || errors.Is(err, sdk.ErrPermanent) {
			return fmt.Errorf("another error: %w", err)
		}
		return nil
	})
	f("waits", []int{429}, both, func(err error) error {
		var retry *sdk.RetryError
		if !errors.As(err, &retry) || retry.After.Seconds() != 7 {
			return fmt.Errorf("another error: %w", err)
		}
		return nil
	})
	f("refused", []int{422}, both[1:], func(err error) error {
		var partial *sdk.PartialError
		if !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{1}) {
			return fmt.Errorf("another error: %w", err)
		}
		return nil
	})
}

// An event that was refused is rejected, also where the next one has the batch tried again.
func TestRefusedStaysRefused(t *testing.T) {
	_, o := start(t, config{}, 422, 503)
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), events)
	b.ID = sdk.BatchID{Agent: "a", Epoch: 1, Seq: 1}
	var partial *sdk.PartialError
	if err := o.Write(t.Context(), b); err == nil || errors.As(err, &partial) {
		t.Errorf("another error: %v", err)
	}
	if err := o.Write(t.Context(), b); !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{1}) {
		t.Errorf("another error: %v", err)
	}
}

func TestValidate(t *testing.T) {
	f := func(url string, ok bool) {
		t.Helper()
		c := &config{URL: sdk.NewSecret(url)}
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
	f("https://host/path", true)
	f("http://127.0.0.1:1/", true)
	f("host/path", false)
	f("ftp://host", false)
}

func TestContract(t *testing.T) {
	sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
		_, o := start(t, config{})
		return o
	})
}
