package host

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/external/internal/author"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// panicky panics over the first batch that any instance of it is given.
type panicky struct{ panicked *atomic.Bool }

func (p panicky) Process(_ context.Context, b *sdk.Batch) error {
	if p.panicked.CompareAndSwap(false, true) {
		panic("the first batch")
	}
	for m := range b.Samples() {
		m.Int("seen", 1)
	}
	return nil
}

// TestSuccessorGetsTheBatch holds that a batch over which a plugin panics goes to its successor.
func TestSuccessorGetsTheBatch(t *testing.T) {
	panicked := new(atomic.Bool)
	service := &author.Service{
		Registry: sdk.Registry{sdk.DefineProcessor("panicky", "Panics once.", "", func(*struct{}) (sdk.Processor, error) {
			return panicky{panicked}, nil
		})},
		Log: func(slog.Level) *slog.Logger { return slog.New(slog.DiscardHandler) },
	}
	c := &Config{Path: "/panicky", StartTimeout: 10 * time.Second, HangTimeout: 10 * time.Second, role: sdk.RoleProcessor}
	l := newLife(c, "panicky", inMemory(service))
	l.timing.first = time.Millisecond
	p := &processor{life: l, deadline: 10 * time.Second}
	catalog := sdk.NewCatalog(sdk.Limits{})
	if err := p.Open(t.Context(), sdktest.Env(t, catalog)); err != nil {
		t.Fatal(err)
	}
	b := sdktest.Batch(t, catalog, "gpu x=1 1")
	if err := p.Process(t.Context(), b); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"gpu x=1,seen=1i 1"}, sdktest.Dump(b)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
