package sdk

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

type nothing struct{}

func (nothing) Gather(context.Context, *Batch) error  { return ErrEnd }
func (nothing) Process(context.Context, *Batch) error { return nil }
func (nothing) Write(context.Context, *Batch) error   { return nil }

type settings struct {
	Level int `toml:"level" doc:"A level." default:"3"`
}

func TestDefinitions(t *testing.T) {
	bad := errors.New("level is 13")
	check := func(c *settings) error {
		if c.Level == 13 {
			return bad
		}
		return nil
	}
	all := Registry{
		DefineInput("x", "An input.", "[[inputs.x]]", func(c *settings) (any, error) { return nothing{}, check(c) }),
		DefineProcessor("x", "A processor.", "", func(c *settings) (Processor, error) { return nothing{}, check(c) }),
		DefineOutput("x", "An output.", "", func(c *settings) (Output, error) { return nothing{}, check(c) }),
	}
	for _, role := range []Role{RoleInput, RoleProcessor, RoleOutput} {
		d := all.Find(role, "x")
		if d == nil || d.Role != role || all.Find(role, "y") != nil {
			t.Fatalf("%v: %+v", role, d)
		}
		c, ok := d.NewConfig().(*settings)
		if !ok || c.Level != 3 {
			t.Errorf("%v: configuration %+v", role, c)
		}
		if p, err := d.New(c); err != nil || p != (nothing{}) {
			t.Errorf("%v: %v, %v", role, p, err)
		}
		c.Level = 13
		if _, err := d.New(c); !errors.Is(err, bad) {
			t.Errorf("%v: %v", role, err)
		}
		if _, err := d.New(new(int)); err == nil || !strings.Contains(err.Error(), role.String()+".x: configuration is a *int") {
			t.Errorf("%v: %v", role, err)
		}
	}
	wrong := DefineInput("y", "", "", func(*settings) (any, error) { return 7, nil })
	if _, err := wrong.New(new(settings)); err == nil || !strings.Contains(err.Error(), "neither a Gatherer nor a Reader") {
		t.Errorf("%v", err)
	}
}

func TestErrorsSayWhy(t *testing.T) {
	partial := error(&PartialError{Rejected: []int{3, 5}, Err: io.ErrShortWrite})
	retry := error(&RetryError{After: 2 * time.Second, Err: io.ErrClosedPipe})
	if partial.Error() != "2 metrics rejected: short write" || !errors.Is(partial, io.ErrShortWrite) {
		t.Errorf("%v", partial)
	}
	if retry.Error() != "retry in 2s: io: read/write on closed pipe" || !errors.Is(retry, io.ErrClosedPipe) {
		t.Errorf("%v", retry)
	}
}
