package prometheus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func env(t testing.TB) *sdk.Env { return sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})) }

func dumpFull(b *sdk.Batch) []string { return sdktest.DumpFull(b) }

func TestLines(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		s := open(t, defaults("http://x"))
		got := strings.Join(s.read(line, false), "; ")
		if bad := s.targets[0].page.scanner.Err; bad != nil {
			got += "error: " + bad.Err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
		again := strings.Join(s.read(line, false), "; ") // as it is remembered
		if bad := s.targets[0].page.scanner.Err; bad != nil {
			again += "error: " + bad.Err.Error()
		}
		if again != got {
			t.Errorf("%s\nfirst %s\nthen %s", line, got, again)
		}
	}
	f("up 1", "up value=1 5")
	f("up 1\n", "up value=1 5")
	f("up 1\r\n", "up value=1 5")
	f("\t up \t 1 \t ", "up value=1 5")
	f("up{} 1", "up value=1 5")
	f("a:b_c{} 1", "a\\:b_c value=1 5")
	f(`up{job="a b",x="1",} 1`, `up,job=a\ b,x=1 value=1 5`)
	f(`up { job = "a" , x = "1" } 1`, `up,job=a,x=1 value=1 5`)
	f(`up{job="a"}1`, `up,job=a value=1 5`)
	f(`up{job="} 1"} 2`, `up,job=}\ 1 value=2 5`)
	f(`up{job="a\\b\"c\nd"} 1`, `up,job=a\\b\"c\nd value=1 5`)
	f(`up{job=""} 1`, `up value=1 5`)
	f(`{"my.name",job="a"} 1`, `my.name,job=a value=1 5`)
	f(`{"my.name","my.label"="a"} 1`, `my.name,my.label=a value=1 5`)
	f("up -1.5e3", "up value=-1500 5")
	f("up 0.1", "up value=0.1 5")
	f("up .5", "up value=0.5 5")
	f("up 5.", "up value=5 5")
	f("up 123456789012345678", "up value=1.2345678901234568e+17 5")
	f("up NaN", "")
	f("up +Inf", "")
	f("up 1 1700000000123", "up value=1 1700000000123000000")
	f("up 1 0", "up value=1 5")
	f("# anything", "")
	f("#", "")
	f("# HELP up x", "")
	f("# EOF\nup 1", "up value=1 5")

	f("up", "error: no valid value")
	f("up x", "error: no valid value")
	f("up 0x10", "error: no valid value")
	f("up 1_000", "error: no valid value")
	f("up -", "error: no valid value")
	f("up .", "error: no valid value")
	f("up 1 1.5", "error: no valid time stamp")
	f("up 1 1 1", "error: something stands behind the value")
	f("up 1 9223372036854775807", "error: no valid time stamp")
	f("1up 1", "error: no valid name")
	f("ü 1", "error: no valid name")
	f("up{ 1", "error: labels do not end in }")
	f(`up{a="1" b="2"} 1`, "error: labels do not end in }")
	f(`up{a=1} 1`, "error: a label's value has no closing quote")
	f(`up{a="1} 1`, "error: labels do not end in }")
	f(`up{a="\x"} 1`, "error: a label's value has a bad escape")
	f(`up{a="1",a="2"} 1`, "error: a label stands twice")
	f(`up{a:b="1"} 1`, "error: no valid label")
	f(`up{__name__="x"} 1`, "error: no valid label")
	f("up{a=\"\xff\"} 1", "error: not UTF-8")
	f(`{a="b"} 1`, "error: no valid name")
	f(`up{"x"} 1`, "error: no valid label")
	f("# TYPE up thing", "error: no valid type")
	f("up 1\nup 2", "up value=1 5error: stands on the page twice")
}

func TestOpenMetrics(t *testing.T) {
	s := open(t, defaults("http://x"))
	s.batch.Reset()
	s.targets[0].page.read(s.batch, []byte(`# HELP a Things.
# TYPE a counter
# UNIT a things
a_total{x="1"} 5 1700000000.5 # {trace_id="abc"} 0.5 1700000000
a_created{x="1"} 1.7e9
# TYPE h histogram
h_bucket{le="1"} 2 # {trace_id="abc"} 0.5
h_bucket{le="+Inf"} 3
h_sum 4
h_count 3
# TYPE s summary
s{quantile="0.5"} 1
s_sum 2
s_count 3
# TYPE i info
i_info{version="1"} 1
# TYPE st stateset
st{st="on"} 1
# TYPE g gaugehistogram
g_bucket{le="+Inf"} 1
# TYPE u unknown
u 1
v_total 1
# EOF
after 1
`), true, 5)
	check(t, dumpFull(s.batch), lines(`
		a_total,x=1 value:counter:=5 1700000000500000000
		a_created,x=1 value:gauge:=1.7e+09 5
		h_bucket,le=1 value:counter:=2 5
		h_bucket,le=+Inf value:counter:=3 5
		h_sum value:counter:=4 5
		h_count value:counter:=3 5
		s,quantile=0.5 value:gauge:=1 5
		s_sum value:counter:=2 5
		s_count value:counter:=3 5
		i_info,version=1 value:gauge:=1 5
		st,st=on value:gauge:=1 5
		g_bucket,le=+Inf value:gauge:=1 5
		u value:gauge:=1 5
		v_total value:counter:=1 5`))
	check(t, s.targets[0].page.scanner.Bad, 0)
}

// A page that changes from scrape to scrape is read as it is, whatever was remembered.
func TestChanges(t *testing.T) {
	s := open(t, defaults("http://x"))
	f := func(text, want string) {
		t.Helper()
		s.batch.Reset()
		s.targets[0].page.read(s.batch, []byte(text), false, 5)
		check(t, strings.Join(dumpFull(s.batch), "; "), want)
	}
	f("a 1\nb 2\nc 3", "a value:gauge:=1 5; b value:gauge:=2 5; c value:gauge:=3 5")
	f("a 1\nc 3\nb 2", "a value:gauge:=1 5; c value:gauge:=3 5; b value:gauge:=2 5")
	f("ab 1\na{x=\"1\"} 2\na 3", "ab value:gauge:=1 5; a,x=1 value:gauge:=2 5; a value:gauge:=3 5")
	f("a {x=\"1\"} 2\na{x=\"1\"}3", "a,x=1 value:gauge:=2 5; a,x=1 value:gauge:=3 5")
	f("# TYPE a counter\na 1", "a value:counter:=1 5")
	f("# TYPE a gauge\na 1", "a value:gauge:=1 5")
	f("a_total 1", "a_total value:gauge:=1 5") // a is known as a gauge
	f("", "")
}

// Which samples become metrics of their own.
func TestRaw(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		s := open(t, defaults("http://x", func(c *Config) { c.Raw = raw }))
		check(t, strings.Join(s.read("nv_inference_pending_request_count{model=\"m\"} 1\nother 2", false), "; "), want)
	}
	f(rawRest, "other value=2 5; inference,model=m pending=1 5")
	f(rawAll, "nv_inference_pending_request_count,model=m value=1 5; other value=2 5; inference,model=m pending=1 5")
	f(rawNone, "inference,model=m pending=1 5")
}

// A million label sets cost what the cap allows, and are counted; memory of them does not grow from scrape
// to scrape.
func TestSeriesCap(t *testing.T) {
	n := 0
	url := serve(t, func(w httpWriter, _ *httpRequest) {
		n++
		for i := range 100_000 {
			_, _ = fmt.Fprintf(w, "m{i=\"%d-%d\"} 1\n", n, i)
		}
	})
	s := open(t, defaults(url, func(c *Config) { c.MaxSeries = 1000 }))
	for range 10 {
		if _, err := s.gather(t); err != nil {
			t.Fatal(err)
		}
		check(t, *s.batch.Tally(), sdk.Tally{Added: 100_000, Drops: []sdk.Drop{{Reason: sdk.DropSeriesCap, Count: 99_000}}})
		check(t, s.batch.Len(), 1000)
		if known := len(s.targets[0].page.entries); known > 3000 {
			t.Errorf("%d label sets are remembered", known)
		}
	}
}

// TestQuotedFamilies: what is remembered of a page whose names stand in quotes is not found out anew each time.
func TestQuotedFamilies(t *testing.T) {
	s := open(t, defaults("http://x"))
	text := "# TYPE \"my.name\" counter\n{\"my.name\"} 1\n# TYPE up gauge\nup 1\n"
	s.read(text, false)
	epoch := s.targets[0].page.epoch
	s.read(text, false)
	if p := s.targets[0].page; p.epoch != epoch || p.families["my.name"] != counter || !p.entries[`{"my.name"}`].growing {
		t.Errorf("epoch %d, then %d; %v", epoch, p.epoch, p.families)
	}
}

// TestEverNewPages: a page that is another one each time costs no more memory in the end.
func TestEverNewPages(t *testing.T) {
	s := open(t, defaults("http://x", func(c *Config) { c.MaxSeries = 100 }))
	g := s.targets[0].page
	for n := range 100 {
		var text strings.Builder
		for i := range 90 {
			fmt.Fprintf(&text, "# TYPE f%d_%d gauge\nvllm:e2e_request_latency_seconds_bucket{model_name=\"m\",le=\"%d.%d\"} 1\n", n, i, n, i)
		}
		s.read(text.String(), false)
		buckets := 0
		for _, group := range g.groups {
			for _, c := range group.cells {
				buckets += len(c.buckets)
			}
		}
		if len(g.entries) > 400 || len(g.families) > 400 || buckets > 400 {
			t.Fatalf("after %d pages: %d entries, %d families, %d buckets", n, len(g.entries), len(g.families), buckets)
		}
	}
}
