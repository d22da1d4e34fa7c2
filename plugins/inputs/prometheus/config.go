package prometheus

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/scrape"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Config is the table [[inputs.prometheus]].
type Config struct {
	URLs []string `toml:"urls" doc:"Pages to scrape, such as \"http://127.0.0.1:8002/metrics\"." required:"true"`

	scrape.Access

	Mappings    []string `toml:"mappings" doc:"How servers' samples become metrics of another name: triton, vllm, tensorrt_llm, dynamo, or files of your own." default:"triton,vllm,tensorrt_llm,dynamo"`
	Raw         string   `toml:"raw" doc:"Which samples become metrics under their own names: those that no mapping reads, all, or none." default:"rest" enum:"rest|all|none"`
	Counters    []string `toml:"counters" doc:"Names, as patterns, of samples without a type that only grow." default:"*_total"`
	InstanceTag string   `toml:"instance_tag" doc:"Tag for the URL's host and port; \"\" for none." default:"instance"`
	Timestamps  bool     `toml:"timestamps" doc:"Use the time stamps that stand on the page; else each sample has the time of the scrape." default:"true"`

	MaxBody   sdk.Size `toml:"max_body" doc:"Bytes of a page, decompressed; a larger one is refused." default:"32MB" min:"1kB" max:"1GB"`
	MaxSeries int      `toml:"max_series" doc:"Samples of a page; further ones are dropped and counted." default:"50000" min:"1"`
}

// Foresee says that no page tells of GPUs under our names, unless a mapping of the operator's own makes it so.
func (c *Config) Foresee(sdk.Outlook) (out sdk.Outlook, idle []sdk.Fault) {
	if slices.ContainsFunc(c.Mappings, func(name string) bool { return !isShipped(name) }) {
		return out, nil
	}
	out = vocabulary.Outlook(func(r vocabulary.Reading) bool { return r.Metric == vocabulary.Inference })
	out.Whole = c.Raw == "none"
	return out, nil
}

// Validate checks what concerns more than one key, and the URLs.
func (c *Config) Validate() error {
	faults := sdk.FaultList{c.Access.Check()}
	if len(c.URLs) == 0 {
		faults.Add("names no page", `write urls = ["http://127.0.0.1:8002/metrics"]`, "urls")
	}
	for i, text := range c.URLs {
		if err := scrape.CheckURL(text); err != nil {
			faults.Add(err.Error(), `write it as "http://127.0.0.1:8002/metrics"`, "urls", strconv.Itoa(i))
		}
	}
	for i, name := range c.Mappings {
		if _, err := loadMappings([]string{name}); isShipped(name) && err != nil {
			faults.Add("is not a mapping that comes with gpuline", "there are "+strings.Join(shippedNames(), ", ")+"; a file's name has a suffix", "mappings", strconv.Itoa(i))
		}
	}
	for i, glob := range c.Counters {
		if _, err := path.Match(glob, ""); err != nil {
			faults.Add("is not a pattern", `write it as "*_total"`, "counters", strconv.Itoa(i))
		}
	}
	return faults.Err()
}
