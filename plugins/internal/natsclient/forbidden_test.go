package natsclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

func TestRefusals(t *testing.T) {
	violation := func(text string) error {
		return fmt.Errorf("%w: Permissions Violation for %s", nats.ErrPermissionViolation, text)
	}
	f := func(want []string, errs ...error) {
		t.Helper()
		r := newRefusals()
		for _, err := range errs {
			r.note(err)
		}
		why, err := r.after(t.Context(), nil)
		if err != nil {
			t.Error(err)
		}
		got := slices.Sorted(maps.Keys(why))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if again, _ := r.after(t.Context(), nil); len(again) > 0 {
			t.Errorf("%v once more", again)
		}
	}
	f(nil)
	f(nil, errors.New(`Publish to "a"`), violation(`Subscription to "a"`))
	f([]string{"a.b", `c"µ\`}, violation(`Publish to "a.b"`), violation(`Publish to "a.b"`), violation(fmt.Sprintf("Publish to %q", `c"µ\`)))
}

// What the client has still to tell is waited for, and no longer than the caller does.
func TestRefusalsThatAreStillToBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRefusals()
		last := fmt.Errorf("%w: Publish to \"b\"", nats.ErrPermissionViolation)
		go func() {
			time.Sleep(time.Second)
			r.note(fmt.Errorf("%w: Publish to \"a\"", nats.ErrPermissionViolation))
			time.Sleep(time.Second)
			r.note(last)
		}()
		if got, err := r.after(t.Context(), last); len(got) != 2 || err != nil {
			t.Errorf("%v, %v", got, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got, err := r.after(ctx, errors.New("never told")); len(got) != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", got, err)
		}
		r.note(last)
		r.forget()
		if got, _ := r.after(t.Context(), nil); len(got) != 0 {
			t.Errorf("%v of the connection before", got)
		}
	})
}
