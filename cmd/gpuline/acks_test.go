package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

type journalConfig struct {
	Path  string `toml:"path"`
	Count int64  `toml:"count"`
}

// journal reads numbers, and writes those into a file that have been acknowledged.
type journal struct {
	journalConfig
	n    int64
	file *os.File
}

var journalDefinition = sdk.DefineInput("journal", "Numbers.", "", func(c *journalConfig) (any, error) {
	return &journal{journalConfig: *c}, nil
})

func (j *journal) Open(context.Context, *sdk.Env) (err error) {
	j.file, err = os.OpenFile(j.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

func (j *journal) Read(_ context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if j.n == j.Count {
		return nil, sdk.ErrEnd
	}
	j.n++
	n := j.n
	b.Add(b.Series("journal"), n).Int("n", n)
	return func(err error) {
		_, _ = fmt.Fprintln(j.file, n, err)
	}, nil
}

// TestLastAcks: an external input whose batches are all delivered at once, as the last deed of the agent,
// hears of each of them.
func TestLastAcks(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(t.TempDir(), "journal")
	const count = 10000
	config := configFile(t, fmt.Sprintf(`
[agent]
http = ""
[[inputs.external]]
path = %q
[inputs.external.config]
path = %q
count = %d
[[outputs.stdout]]
required = true
batch_size = 100000
flush_interval = "1h"
`, self, journal, count))
	if out, err := subprocess(t, "run", "-c", config).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.4000s", err, out)
	}
	got, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if acked := strings.Count(string(got), " <nil>\n"); acked != count {
		t.Errorf("%d of %d batches are acknowledged", acked, count)
	}
}
