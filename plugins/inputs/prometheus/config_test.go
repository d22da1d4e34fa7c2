package prometheus

import (
	"fmt"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestConfig(t *testing.T) {
	f := func(want string, changes ...func(*Config)) {
		t.Helper()
		_, err := New(defaults("http://127.0.0.1:8002/metrics", changes...))
		check(t, fmt.Sprint(err), want)
	}
	const remedy = `: write it as "http://127.0.0.1:8002/metrics"`
	f("<nil>")
	f("<nil>", func(c *Config) { c.Mappings = []string{"triton", "/etc/x.toml", "x.toml"} })
	f("`urls`: names no page: write urls = [\"http://127.0.0.1:8002/metrics\"]", func(c *Config) { c.URLs = nil })
	f("`urls.0`: is not a URL"+remedy, func(c *Config) { c.URLs[0] = "http://%zz" })
	f("`urls.0`: is neither http nor https"+remedy, func(c *Config) { c.URLs[0] = "127.0.0.1:8002" + "/metrics" }, func(c *Config) { c.URLs[0] = "ftp://x" })
	f("`urls.0`: has no host"+remedy, func(c *Config) { c.URLs[0] = "http:///metrics" })
	f("`urls.0`: has a user or a password in it: they belong to `user` and `password`"+remedy, func(c *Config) { c.URLs[0] = "http://u:p@x/" })
	f("`password`: is given without `user`: give both", func(c *Config) { c.Password = sdk.NewSecret("p") })
	f("`bearer_token`: is given beside `user`: give one of them", func(c *Config) { c.User, c.BearerToken = "u", sdk.NewSecret("t") })
	f("`mappings.0`: is not a mapping that comes with gpuline: there are dynamo, tensorrt_llm, triton, vllm; a file's name has a suffix", func(c *Config) { c.Mappings = []string{"trition"} })
	f("`counters.0`: is not a pattern: write it as \"*_total\"", func(c *Config) { c.Counters = []string{"["} })
	f("`tls`: has one of `cert` and `key`: give both", func(c *Config) { c.TLS.Key = "x" })
}
