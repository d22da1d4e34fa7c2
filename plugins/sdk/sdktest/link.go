package sdktest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// link is the way between the engine and a plugin. Where it serialises, the plugin lives with a catalog
// of its own, as in another process, and sees copies that have been bytes.
type link struct {
	near *sdk.Catalog // of the engine
	far  *sdk.Catalog // of the plugin

	batch *sdk.Batch // on the far side; one for all calls, as a plugin's own process would do

	watched *testing.T
}

func newLink(serialised bool) *link {
	l := &link{near: sdk.NewCatalog(sdk.Limits{})}
	if l.far = l.near; serialised {
		l.far = sdk.NewCatalog(sdk.Limits{})
		// A catalog that has seen other things numbers its series otherwise.
		l.far.Series("sdktest", sdk.Tag{Key: "of", Value: "the other process"})
	}
	return l
}

// watch fails t when it ends with goroutines that were not there when watch was first called.
func (l *link) watch(t *testing.T) {
	if l.watched == t {
		return
	}
	l.watched = t
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// call calls do with b or, over a serialising link, with a copy of b on the far side, and makes b what
// do has made of that copy.
func (l *link) call(t *testing.T, b *sdk.Batch, do func(*sdk.Batch) error) error {
	if l.near == l.far {
		err := do(b)
		checkCatalog(t, b)
		return err
	}
	if l.batch == nil {
		l.batch = sdk.NewBatch(l.far)
	}
	far := l.batch
	far.Reset()
	if n, err := record.Decode(record.Append(nil, b), far); err != nil {
		t.Errorf("decoding for the plugin, after %d bytes: %v", n, err)
		return nil
	}
	err := do(far)
	checkCatalog(t, far)
	b.Reset()
	if n, err := record.Decode(record.Append(nil, far), b); err != nil {
		t.Errorf("decoding what the plugin made, after %d bytes: %v", n, err)
	}
	return err
}

// checkCatalog checks that the series in b are of b's catalog.
func checkCatalog(t *testing.T, b *sdk.Batch) {
	for m := range b.Rows() {
		for _, s := range []*sdk.Series{m.Series(), m.Origin()} {
			if b.Catalog().Series(s.Name(), s.Tags()...) != s && !s.Left() {
				t.Errorf("the series %v is not of the batch's catalog", s)
			}
		}
	}
}
