package conf

import (
	"fmt"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

type siteConfig struct {
	Path string `toml:"path" default:"/metrics"`
}

func (c *siteConfig) Page() (key, path string) { return "path", c.Path }

func TestTwoOutputsWithOnePage(t *testing.T) {
	registry := append(fakes(), sdk.DefineOutput("site", "Serves.", "",
		func(*siteConfig) (sdk.Output, error) { return store{}, nil }))
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse(registry, "a.toml", []byte("[[inputs.meter]]\n"+text)); fmt.Sprint(err) != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
	f("[[outputs.site]]\n[[outputs.site]]\nalias = 'b'\npath = '/b'", "<nil>")
	f("[[outputs.site]]\n[[outputs.site]]\nalias = 'b'",
		"a.toml:3: `path` in [[outputs.site]]: /metrics is the page of the output at a.toml:2: give each a path of its own")
	f("[[outputs.site]]\npath = '/b'\n[[outputs.page]]\n[[outputs.site]]\nalias = 'b'\npath = '/b'",
		"a.toml:7: `path` in [[outputs.site]]: /b is the page of the output at a.toml:2: give each a path of its own")
}
