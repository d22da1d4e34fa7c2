package isolate

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// FuzzMessages has a child write anything to its standard output: nothing panics, and what is read balances.
func FuzzMessages(f *testing.F) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(catalog)
	b.Add(b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: "0"}), 1e9).Float("power_watts", 300)
	meter := sdk.NewMeter()
	meter.Counter("gpuline_x_total", "X.", sdk.Tag{Key: "k", Value: "v"}).Add(2)
	meter.Gauge("gpuline_y_bytes", "bytes", "Y.").Set(3)
	figures := tracker{meter: meter}
	whole := appendOpened(appendHello(nil))
	whole = figures.append(appendBeat(whole, time.Second))
	whole = appendRows(whole, b, nil, fault{})
	whole = appendEnded(appendRows(whole, b, []byte("mark"), fault{classOther, "lost"}), fault{classFresh, "upgraded"})
	f.Add(whole)
	f.Add([]byte("hello\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		in := &Input{timing: defaultTiming}
		in.prepare(&sdk.Env{Log: slog.New(slog.DiscardHandler), Catalog: sdk.NewCatalog(sdk.Limits{}), Meter: sdk.NewMeter()})
		exited := make(chan struct{})
		close(exited)
		s := in.begin(&sdk.Child{
			Stdin: nopCloser{io.Discard}, Stdout: io.NopCloser(bytes.NewReader(output)),
			Stderr: io.NopCloser(bytes.NewReader(output)), Exited: exited, Err: func() error { return nil },
		})
		s.readers.Wait()
		if err := s.verdict(); err == nil || err.Error() == "" {
			t.Error("no verdict")
		}
		in.inbox.end(sdk.ErrEnd)
		b := sdk.NewBatch(in.env.Catalog)
		for {
			b.Reset()
			_, err := in.Read(t.Context(), b)
			if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped()+y.Filtered+y.Merged {
				t.Errorf("%d rows, tally %+v", b.Len(), *y)
			}
			if errors.Is(err, sdk.ErrEnd) && len(in.inbox.items) == 0 {
				break
			}
		}
	})
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
