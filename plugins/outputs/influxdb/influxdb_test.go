package influxdb

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestContract(t *testing.T) {
	f := func(name string, change func(c *Config)) {
		t.Run(name, func(t *testing.T) {
			sdktest.TestOutput(t, func(t testing.TB) sdk.Output { return unopened(t, change, newFar(t)) })
		})
	}
	f("v1", nil)
	f("split", func(c *Config) { c.Database = "gpu-{gpu_index}-{host}" })
	f("identity", func(c *Config) { c.ContentEncoding, c.Uint = "identity", "u" })
}

// Each API gets what it asks for.
func TestRequests(t *testing.T) {
	f := func(want string, change func(c *Config)) {
		t.Helper()
		server := newFar(t)
		r := open(t, change, server)
		r.mustWrite("gpu,gpu_index=0 x=1 5")
		got := server.asked()[0]
		h := got.header
		text := strings.Join([]string{got.uri, h.Get("Authorization"), h.Get("Content-Encoding"), strings.Join(got.lines, "|")}, " | ")
		if text != want {
			t.Errorf("\n got %s\nwant %s", text, want)
		}
		if h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("User-Agent") != "gpuline" {
			t.Errorf("header %v", h)
		}
	}
	f("POST /write?db=gpu&precision=ns |  | gzip | gpu,gpu_index=0 x=1 5", nil)
	f("POST /write?db=gpu&precision=ns&rp=week | Basic dTpw |  | gpu,gpu_index=0 x=1 5", func(c *Config) {
		c.RetentionPolicy, c.User, c.Password = "week", "u", sdk.NewSecret("p")
		c.ContentEncoding = "identity"
	})
	f("POST /api/v2/write?bucket=gpu%2Fweek&org=o+%26&precision=ns | Token secret | gzip | gpu,gpu_index=0 x=1 5", func(c *Config) {
		c.Database, c.Bucket, c.Org, c.Token = "", "gpu/week", "o &", sdk.NewSecret("secret")
	})
	f("POST /below/api/v3/write_lp?accept_partial=true&db=gpu&precision=nanosecond | Bearer secret | gzip | gpu,gpu_index=0 x=1 5", func(c *Config) {
		c.API, c.Token, c.URL = v3, sdk.NewSecret("secret"), "http://influx:8086/below/"
	})
}

func TestLines(t *testing.T) {
	f := func(unsigned, in string, want ...string) {
		t.Helper()
		server := newFar(t)
		r := open(t, func(c *Config) { c.Uint = unsigned }, server)
		r.mustWrite(in)
		if diff := cmp.Diff(want, server.held()); diff != "" {
			t.Errorf("%s: -want +got\n%s", in, diff)
		}
	}
	f("int", `gpu,gpu_index=0 a=1.5,b=-3i,c=4u,d=true,e="x \"y\"",f=NaN 7`, `gpu,gpu_index=0 a=1.5,b=-3i,c=4i,d=true,e="x \"y\"" 7`)
	f("u", `gpu,gpu_index=0 c=18446744073709551615u 7`, `gpu,gpu_index=0 c=18446744073709551615u 7`)
	f("int", `gpu,gpu_index=0 c=18446744073709551615u,d=1i 7`, `gpu,gpu_index=0 d=1i 7`)
	f("int", `gpu,gpu_index=0,window=10s power_watts_max=5 7 class=result notes=alert=hot,severity=warning`,
		`gpu,alert=hot,gpu_index=0,severity=warning,window=10s power_watts_max=5 7`)
	f("int", `a\,b\ c,k\=\ =v\,\  f\ =1 7`, `a\,b\ c,k\=\ =v\,\  f\ =1 7`)
}

func TestFieldsLeftOutAreCountedOnce(t *testing.T) {
	server := newFar(t)
	server.answer = func(n int, _ request) reply {
		if n < 3 {
			return reply{status: http.StatusServiceUnavailable}
		}
		return reply{}
	}
	r := open(t, nil, server)
	b := r.batch(`gpu a=NaN,b=18446744073709551615u,c=1 7`)
	for range 2 {
		if err := r.write(b); err == nil {
			t.Error("no error")
		}
	}
	if err := r.write(b); err != nil {
		t.Error(err)
	}
	f := func(want float64, name, tag string) {
		t.Helper()
		if got := r.total(name, tag); got != want {
			t.Errorf("%s %s = %v, want %v", name, tag, got, want)
		}
	}
	f(1, "gpuline_influxdb_fields_left_out_total", "not_finite")
	f(1, "gpuline_influxdb_fields_left_out_total", "too_large")
	f(2, "gpuline_influxdb_requests_total", "5xx")
	f(1, "gpuline_influxdb_requests_total", "2xx")
	f(0, "gpuline_influxdb_requests_total", "none")
}

func TestMetricWithoutALine(t *testing.T) {
	server := newFar(t)
	r := open(t, nil, server)
	err := r.write(r.batch("gpu,i=0 x=NaN 1\ngpu,i=1 x=1 1\ngpu,i=2 - 1"))
	var partial *sdk.PartialError
	if !errors.As(err, &partial) || !slices.Equal(partial.Rejected, []int{0, 2}) || partial.DeadLettered ||
		partial.Err.Error() != "gpu,i=0: no field that line protocol can hold" {
		t.Errorf("err = %v", err)
	}
	if got := server.held(); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
	if err := r.write(r.batch("gpu,i=0 x=NaN 1")); !errors.As(err, &partial) || len(server.asked()) != 1 {
		t.Errorf("err = %v after %v", err, server.uris())
	}
}

func TestTemplates(t *testing.T) {
	f := func(template string, want ...string) {
		t.Helper()
		server := newFar(t)
		r := open(t, func(c *Config) { c.Database = template }, server)
		r.mustWrite(`
			gpu,host=a,site=x v=1 1
			gpu,host=b,site=y v=2 1
			gpu,host=c v=3 1
			gpu,host=d,site=x v=4 1
			gpu,host=e,site=a\ &\ b v=5 1`)
		var got []string
		for _, q := range server.asked() {
			got = append(got, strings.TrimPrefix(q.uri, "POST /write?db=")+" "+strings.Join(q.lines, "|"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", template, diff)
		}
	}
	f("gpu-{site}",
		`gpu-x&precision=ns gpu,host=a,site=x v=1 1|gpu,host=d,site=x v=4 1`,
		`gpu-y&precision=ns gpu,host=b,site=y v=2 1`,
		`gpu-_&precision=ns gpu,host=c v=3 1`,
		`gpu-a+%26+b&precision=ns gpu,host=e,site=a\ &\ b v=5 1`)
	f("{none}{none}s", `__s&precision=ns gpu,host=a,site=x v=1 1|gpu,host=b,site=y v=2 1|gpu,host=c v=3 1|gpu,host=d,site=x v=4 1|gpu,host=e,site=a\ &\ b v=5 1`)
}

// A site that comes and goes for ever leaves nothing behind for ever.
func TestTemplatesAreBounded(t *testing.T) {
	server := newFar(t)
	r := open(t, func(c *Config) { c.Database = "{i}" }, server)
	if err := r.write(r.numbered(300)); err != nil {
		t.Fatal(err)
	}
	b := r.numbered(2 * maxTargets)
	i := 0
	for m := range b.All() {
		r.encoder.router.target(m)
		if n := len(r.encoder.router.targets); n > maxTargets+1 {
			t.Fatalf("%d targets", n)
		}
		i++
	}
	if len(server.uris()) != 300 {
		t.Errorf("%d requests", len(server.uris()))
	}
}
