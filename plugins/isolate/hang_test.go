package isolate_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestStoppedChildIsReplaced stops a child: no call returns, no sign of life comes, as where the process
// hangs in the kernel.
func TestStoppedChildIsReplaced(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":count"}}).hasty().open()
	var row int64
	r.wantCounts(&row, 5)
	c, _ := r.child()
	began := time.Now()
	if err := syscall.Kill(c.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.wantHang(c, &row, began)
}

func TestHangingCallIsReplaced(t *testing.T) {
	began := time.Now()
	r := newRig(t, marked(t, ":count", ":count", ":once;:hang")).hasty().open()
	var row int64
	c, _ := r.child()
	r.wantHang(c, &row, began)
}

// wantHang expects that a hang is reported while it lasts, that the child is gone after that, and that
// rows come from another.
func (r *rig) wantHang(c *sdk.Child, row *int64, began time.Time) {
	r.t.Helper()
	r.wantLog("a call in the child process is stuck")
	if isGone(c) {
		r.t.Error("reported only after the child was gone")
	}
	wantError(r.t, r.readErrorCounting(row), "has not returned for", "replaced")
	if took := time.Since(began); took < 2*r.env.Timeout || took > 20*r.env.Timeout {
		r.t.Errorf("killed after %v, with a timeout of %v", took, r.env.Timeout)
	}
	if !isGone(c) {
		r.t.Error("the child is still there")
	}
	r.wantCounts(row, 5)
	if got := r.figure("gpuline_stuck_total"); got != 1 {
		r.t.Errorf("%v stuck", got)
	}
	if strings.Count(r.log.String(), "is stuck") != 1 {
		r.t.Error("reported more than once within a minute")
	}
}

func TestHangIsReportedAgain(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":hang"}}).hasty()
	isolate.SetRemind(r.Input, 50*time.Millisecond)
	r.open()
	r.readError()
	if n := strings.Count(r.log.String(), "is stuck"); n < 3 || r.figure("gpuline_stuck_total") != 1 {
		t.Errorf("reported %d times, counted %v times", n, r.figure("gpuline_stuck_total"))
	}
}

func TestOpenHangs(t *testing.T) {
	r := newRig(t, &probeConfig{Open: ":hang"})
	r.env.Timeout = 100 * time.Millisecond
	err := r.Open(deadline(t, r.env.Timeout), r.env)
	wantError(t, err, "did not open the plugin in time")
	if c, _ := r.child(); !isGone(c) {
		t.Error("the child is still there")
	}
}

func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestCloseWhileACallHangs(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":hang"}})
	r.env.Timeout = time.Minute
	if err := r.Open(t.Context(), r.env); err != nil {
		t.Fatal(err)
	}
	c, _ := r.child()
	began := time.Now()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second || !isGone(c) {
		t.Errorf("Close took %v, the child is gone: %v", took, isGone(c))
	}
	if err := c.Err(); err != nil {
		t.Errorf("it did not end by itself: %v", err)
	}
}

// immortal makes children that outlive SIGKILL until the test lets them go, as a process does that hangs
// in the kernel.
func immortal(r *rig) (release func()) {
	var kills []func() error
	r.env.Launch = func(args ...string) (*sdk.Child, error) {
		c, err := launch.Self(args...)
		if err != nil {
			return nil, err
		}
		kill := r.adopt(c).Kill
		r.mu.Lock()
		kills = append(kills, kill)
		r.mu.Unlock()
		c.Kill = func() error { return nil }
		return c, nil
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, kill := range kills {
			_ = kill()
		}
	}
}

// TestAbandonsOneChildAtMost has children that cannot be killed: the first is replaced, and once the
// second hangs too there is no third until one of them ends.
func TestAbandonsOneChildAtMost(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":count"}}).hasty()
	release := immortal(r)
	defer release()
	r.open()
	var row int64
	stop := func() {
		t.Helper()
		r.wantCounts(&row, 5)
		c, _ := r.child()
		if err := syscall.Kill(c.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		wantError(t, r.readErrorCounting(&row), "has not returned for")
		if isGone(c) {
			t.Error("the child is gone")
		}
	}
	stop()
	r.wantLog("does not die of SIGKILL")
	if got := r.figure("gpuline_child_abandoned"); got != 1 {
		t.Errorf("%v abandoned", got)
	}
	stop()
	for range 3 { // it is reported again and again
		wantError(t, r.readError(), "two child processes hang in the kernel")
	}
	if _, n := r.child(); n != 2 {
		t.Errorf("%d children", n)
	}
	if got := r.figure("gpuline_child_abandoned"); got != 1 {
		t.Errorf("%v abandoned", got)
	}
	release()
	r.wantCounts(&row, 5)
	if got := r.figure("gpuline_child_abandoned"); got != 0 {
		t.Errorf("%v abandoned after all have ended", got)
	}
}

// TestCloseLeavesBehindWhatCannotBeKilled holds that Close is bounded.
func TestCloseLeavesBehindWhatCannotBeKilled(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":count"}})
	release := immortal(r)
	if err := r.Open(t.Context(), r.env); err != nil {
		t.Fatal(err)
	}
	c, _ := r.child()
	if err := syscall.Kill(c.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second || isolate.Abandoned(r.Input) != 1 {
		t.Errorf("Close took %v, %d children are left behind", took, isolate.Abandoned(r.Input))
	}
	release()
	<-c.Exited
}
