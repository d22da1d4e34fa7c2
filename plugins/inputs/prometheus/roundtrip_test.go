package prometheus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/inputs/simulate"
	output "github.com/gpuline/gpuline/plugins/outputs/prometheus"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// run runs an agent on a configuration until the test ends, and returns the URL of its page once it has
// one with a line that contains part.
func run(t *testing.T, config, part string) string {
	t.Helper()
	registry := sdk.Registry{simulate.Definition(), Definition(), average.Definition(), peak.Definition(), output.Definition()}
	plan, err := conf.Parse(registry, "agent.toml", []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	urls := make(chan string, 1)
	for i := range plan.Outputs {
		build := plan.Outputs[i].New
		plan.Outputs[i].New = func() (any, error) {
			impl, err := build()
			return &told{impl.(sdk.Output), urls}, err
		}
	}
	p, err := pipeline.New(*plan, sdktest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		ledger := p.Ledger()
		if err := ledger.Check(); err != nil {
			t.Error(err)
		}
	})
	url := <-urls
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(get(t, url), part); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s on the page:\n%s", part, get(t, url))
		}
	}
	return url
}

// told is an output that tells where its page is.
type told struct {
	sdk.Output
	urls chan string
}

func (o *told) Open(ctx context.Context, env *sdk.Env) error {
	if err := o.Output.(sdk.Opener).Open(ctx, env); err != nil {
		return err
	}
	go func() {
		for ; ; time.Sleep(time.Millisecond) {
			for _, url := range env.Served() {
				if strings.HasSuffix(url, "/metrics") {
					o.urls <- url
					return
				}
			}
		}
	}()
	return nil
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// samples returns the lines of a page with values, in order, and those that tell types; without the
// agent's own.
func samples(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for line := range strings.SplitSeq(page, "\n") {
		name := strings.TrimPrefix(line, "# TYPE ")
		if line == "" || strings.HasPrefix(name, "#") || strings.HasPrefix(name, "gpuline_") {
			continue
		}
		var s exposition.Scanner
		if s.Reset([]byte(line)); s.Next() { // labels have no order
			id, err := s.Identity()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			line = sampleKey(id.Name, id.Labels) + line[len(s.Head):]
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// An agent scrapes the page of another and writes it again: the names, labels, types and values are the
// same.
func TestRoundTrip(t *testing.T) {
	// A server whose page does not change: the first agent's, as it was at an instant.
	live := run(t, `
[agent]
hostname = "a"
http = "127.0.0.1:0"
interval = "20ms"
[[inputs.simulate]]
gpus = 4
[[processors.average]]
period = "500ms"
[[processors.peak]]
period = "500ms"
[[outputs.prometheus]]
flush_interval = "1ms"
`, "gpu_power_watts_max{")
	page := get(t, live)
	url := serve(t, constant(page))
	again := run(t, fmt.Sprintf(`
[agent]
hostname = "b"
http = "127.0.0.1:0"
[[inputs.prometheus]]
urls = [%q]
interval = "20ms"
instance_tag = ""
filter = { metrics = ["!gpuline_*"] }
[[outputs.prometheus]]
flush_interval = "1ms"
`, url), "gpu_power_watts_max{")
	want, got := samples(t, page), samples(t, get(t, again))
	if len(want) < 200 {
		t.Fatalf("%d lines on the page", len(want))
	}
	// The page is more than a batch: until the second one is written it lacks the rest.
	for deadline := time.Now().Add(20 * time.Second); len(got) < len(want) && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		got = samples(t, get(t, again))
	}
	check(t, got, want)
}
