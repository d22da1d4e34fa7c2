package conf_test

import (
	"os"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// BenchmarkParse loads the demo: it is part of the time from start to the first metric.
func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("demo.toml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conf.Parse(all.Plugins(), "demo.toml", text); err != nil {
			b.Fatal(err)
		}
	}
}
