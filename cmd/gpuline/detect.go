package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
)

// detect returns a plan for the GPUs of this host. It looks for what reads them, and runs nothing.
func detect(p *program) (*pipeline.Plan, error) {
	var missing []finding
	for _, f := range lookForGPUs() {
		if f.Err != nil {
			missing = append(missing, f)
			continue
		}
		_, _ = fmt.Fprintf(p.stderr, "gpuline: no configuration was given; reading GPUs through %s with inputs.%s\n", f.Found, f.Input)
		text := conf.Detected
		if f.Input != "nvml" {
			text = bytes.Replace(text, []byte(detectedInput), []byte("[[inputs."+f.Input+"]]\n"+f.Sampling), 1)
		}
		plan, err := conf.Parse(p.registry, "detected.toml", text)
		if err != nil {
			return nil, errors.Join(errors.New("the built-in configuration is faulty"), err)
		}
		return plan, nil
	}
	_, _ = fmt.Fprintf(p.stderr, "gpuline: no configuration was given, and no GPU was found:\n%s\n"+
		"Name a configuration with -c FILE; gpuline init -o FILE writes one to start from, with simulated GPUs where there are no others.\n", list(missing))
	return nil, errReported
}

// detectedInput is the input of conf/detected.toml, in whose place another one stands where that is what there is.
const detectedInput = "[[inputs.nvml]]\ninterval = \"100ms\"\n"
