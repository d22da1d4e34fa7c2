package influxdb

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/internal/tagtemplate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestFaults(t *testing.T) {
	f := func(table map[string]any, want ...string) {
		t.Helper()
		c := &Config{}
		sdk.Defaults(c)
		var got []string
		for _, fault := range sdk.Configure(c, table) {
			got = append(got, fault.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: -want +got\n%s", table, diff)
		}
		if _, err := New(c); err != nil && len(want) == 0 {
			t.Errorf("%v: New: %v", table, err)
		}
	}
	type m = map[string]any
	const url = "http://h:8086"
	f(m{"url": url, "database": "gpu"})
	f(m{"url": url, "org": "o", "bucket": "gpu-{site}"})
	f(m{"urls": []any{"https://a", "https://b/x", "unix:///run/influx.sock"}, "api": "v3", "database": "gpu", "token": "t"})
	f(m{"url": url, "api": "v1", "database": "gpu", "retention_policy": "week", "user": "u", "password": "p"})

	f(m{}, "`url`: is required: write it as \"http://127.0.0.1:8086\"", "`database`: is required for v1: for v2 set `bucket`")
	f(m{"url": url, "urls": []any{url}, "database": "gpu"}, "`url`: is given beside `urls`: give one of them")
	f(m{"url": url, "org": "o"}, "`org`: is not for v1: it belongs to v2", "`database`: is required for v1: for v2 set `bucket`")
	f(m{"url": url, "bucket": "b"}, "`org`: is required for v2: InfluxDB 1.8 and Cloud take any, such as \"-\"")
	f(m{"url": url, "bucket": "b", "org": "o", "database": "d", "retention_policy": "r"},
		"`database`: is not for v2: it belongs to v1 and v3", "`retention_policy`: is not for v2: it belongs to v1")
	f(m{"url": url, "api": "v3"}, "`database`: is required for v3")
	f(m{"url": url, "database": "d", "user": "u", "token": "t"}, "`token`: is given beside `user`: give one of them")
	f(m{"url": url, "database": "d", "password": "p"}, "`password`: is given without `user`: give both")
	f(m{"url": url, "database": "d", "tls": m{"cert": "c"}}, "`tls`: has one of `cert` and `key`: give both")
	f(m{"url": url, "database": "d", "tls": m{"ca": "c", "insecure_skip_verify": true}}, "`tls`: trusts any certificate, and says which one: remove `insecure_skip_verify`")
	for name, problem := range map[string]string{
		"gpu-{site": "has { without }", "gpu}": "has } without {", "{}": "has a { } without the name of a tag",
		"{a{b}": "has a { } without the name of a tag", "{a}}": "has } without {",
	} {
		f(m{"url": url, "database": name}, "`database`: "+problem+": write it as \"gpu-{site}\"")
	}
	for text, problem := range map[string]string{
		"h:8086":                  "is neither http, https nor unix",
		"ftp://h":                 "is neither http, https nor unix",
		"http://":                 "has no host",
		"http://u:p@h:1":          "has a user or a password in it: they belong to `user` and `password`",
		"http://h/write?db=x":     "has more than a path behind the host",
		"http://h/api/v2/write":   "has the path of a write, which is added to it",
		"http://h\n":              "is not a URL",
		"unix://run/influxd.sock": "is not a socket: unix:// and its whole path, such as \"unix:///run/influxdb.sock\"",
	} {
		f(m{"urls": []any{url, text}, "database": "d"}, "`urls.1`: "+problem+": write it as \"http://127.0.0.1:8086\"")
	}
}

func TestTemplateExpands(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	s := c.Series("gpu", sdk.Tag{Key: "site", Value: "x"}, sdk.Tag{Key: "rack", Value: "4"})
	f := func(text, want string) {
		t.Helper()
		template, err := tagtemplate.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := expand(&template, s); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	f("gpu", "gpu")
	f("{site}", "x")
	f("gpu-{site}-{rack}/r", "gpu-x-4/r")
	f("{none}-{site}", "_-x")
}
