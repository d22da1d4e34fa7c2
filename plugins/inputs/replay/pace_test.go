package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestPace(t *testing.T) {
	const text = "m f=1 0\nm f=2 100000000\nm f=3 100000000\nm f=4 50000000\nm f=5 1000000000\n"
	f := func(c Config, want string) {
		t.Helper()
		c.Files = []string{write(t, "x.lp", text)}
		synctest.Test(t, func(t *testing.T) {
			r := open(t, c)
			start := time.Now()
			b := sdk.NewBatch(r.catalog)
			var got []string
			for len(got) < 6 {
				b.Reset()
				_, err := r.Read(t.Context(), b)
				for m := range b.All() {
					v, _ := m.Number("f")
					at := m.Time()
					if c.Now {
						at -= start.UnixNano()
					}
					got = append(got, fmt.Sprintf("%v@%v/%v", v, time.Since(start), time.Duration(at)))
				}
				if err != nil {
					break
				}
			}
			check(t, strings.Join(got, " "), want)
		})
	}
	f(Config{Speed: 1}, "1@0s/0s 2@100ms/100ms 3@100ms/100ms 4@100ms/50ms 5@1s/1s")
	f(Config{Speed: 10}, "1@0s/0s 2@10ms/100ms 3@10ms/100ms 4@10ms/50ms 5@100ms/1s")
	f(Config{Speed: 10, Now: true}, "1@0s/0s 2@10ms/10ms 3@10ms/10ms 4@10ms/5ms 5@100ms/100ms")
	f(Config{Speed: 0.5, Now: true}, "1@0s/0s 2@200ms/200ms 3@200ms/200ms 4@200ms/100ms 5@2s/2s")
	f(Config{Now: true}, "1@0s/0s 2@0s/100ms 3@0s/100ms 4@0s/50ms 5@0s/1s")
	// The next round begins one step behind the last sample, or now where that is later.
	f(Config{Now: true, Loop: true}, "1@0s/0s 2@0s/100ms 3@0s/100ms 4@0s/50ms 5@0s/1s 1@0s/1.9s 2@0s/2s 3@0s/2s 4@0s/1.95s 5@0s/2.9s")
	f(Config{Speed: 1, Loop: true}, "1@0s/0s 2@100ms/100ms 3@100ms/100ms 4@100ms/50ms 5@1s/1s 1@1s/0s")
}

func TestPaceEndsWithContext(t *testing.T) {
	path := write(t, "x.lp", "m f=1 0\nm f=2 3600000000000\n")
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Config{Files: []string{path}, Speed: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start, b := time.Now(), sdk.NewBatch(r.catalog)
		if _, err := r.Read(ctx, b); err != nil || b.Len() != 1 {
			t.Fatal(b.Len(), err)
		}
		b.Reset()
		_, err := r.Read(ctx, b)
		if !errors.Is(err, context.DeadlineExceeded) || b.Len() != 0 || time.Since(start) != time.Minute {
			t.Errorf("%d rows, error %v after %v", b.Len(), err, time.Since(start))
		}
	})
}
