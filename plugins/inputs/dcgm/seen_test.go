//go:build cgo

package dcgm

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// seen is what was read of a GPU: the last value of each field.
type seen struct {
	tags   map[string]string
	values map[string]float64
	texts  map[string]string // those that the card has
}

func newSeen() *seen {
	return &seen{values: make(map[string]float64), texts: make(map[string]string)}
}

func (s *seen) take(m *sdk.Metric) {
	if m.Name() != vocabulary.GPU && m.Name() != vocabulary.Info {
		return
	}
	if m.Name() == vocabulary.GPU && s.tags == nil {
		s.tags = make(map[string]string)
		for _, tag := range m.Series().Tags() {
			s.tags[tag.Key] = tag.Value
		}
	}
	for slot := range m.Len() {
		name, v := m.Field(slot).Name, m.Value(slot)
		if n, ok := v.Number(); ok {
			s.values[name] = n
		} else if _, asked := cardTexts[name]; asked {
			s.texts[name] = v.String()
		}
	}
}

func (s *seen) compare(t *testing.T, who string, r agreed, want float64) {
	t.Helper()
	switch got, ok := s.values[r.field]; {
	case !ok:
		t.Errorf("%s has no %s", who, r.field)
	case math.Abs(got-want) > r.within*1.000001:
		t.Errorf("%s: %s is %v, want %v ± %v", who, r.field, got, want, r.within)
	}
}

// collect reads until both GPUs have the fields.
func collect(t *testing.T, r sdk.Reader, interval time.Duration, fields func(gpu int) []string) [2]*seen {
	t.Helper()
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Interval = interval
	if err := r.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.(interface{ Close() error }).Close() }()
	got := [2]*seen{newSeen(), newSeen()}
	missing := func() (left []string) {
		for gpu, s := range got {
			for _, f := range fields(gpu) {
				if _, ok := s.values[f]; !ok {
					left = append(left, fmt.Sprintf("%d %s", gpu, f))
				}
			}
		}
		return left
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b := sdk.NewBatch(env.Catalog)
	for len(missing()) > 0 && ctx.Err() == nil {
		b.Reset()
		if _, err := r.Read(ctx, b); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		for m := range b.All() {
			if gpu, err := strconv.Atoi(m.Tag(vocabulary.TagIndex)); err == nil && gpu < len(got) {
				got[gpu].take(m)
			}
		}
	}
	if left := missing(); len(left) > 0 {
		t.Errorf("not read: %s", strings.Join(left, ", "))
	}
	return got
}

// fieldsOf returns the fields of a card that a test of it waits for.
func fieldsOf(readings []agreed, has func(agreed) bool) (all []string) {
	for _, r := range readings {
		if has(r) {
			all = append(all, r.field)
		}
	}
	return all
}
