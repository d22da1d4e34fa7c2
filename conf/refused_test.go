package conf_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// TestRefusedKeyHasOneFault gives each key of all samples a value of no type that a key has, and then misspells it:
// nothing is said but that.
func TestRefusedKeyHasOneFault(t *testing.T) {
	key := regexp.MustCompile(`(?m)^([a-z_]+) = (.+)$`)
	faults := func(text string) conf.Errors {
		_, err := conf.Parse(all.Plugins(), "a.toml", []byte(text))
		var faults conf.Errors
		errors.As(err, &faults)
		return faults
	}
	for _, def := range all.Plugins() {
		if def.Name == "external" {
			continue // its keys are those of a program
		}
		name := def.Role.String() + "." + def.Name
		for _, sample := range []string{def.Sample, commented.ReplaceAllString(def.Sample, "$1$2")} {
			if !strings.Contains(sample, "[[inputs.") {
				sample += "\n[[inputs.simulate]]\n"
			}
			if !strings.Contains(sample, "[[outputs.") {
				sample += "\n[[outputs.stdout]]\n"
			}
			for _, at := range key.FindAllStringSubmatchIndex(sample, -1) {
				if strings.ContainsAny(sample[at[4]:at[5]], "[{") && !strings.ContainsAny(sample[at[4]:at[5]], "]}") {
					continue // goes on below
				}
				line := sample[at[0]:at[1]]
				got := faults(sample[:at[4]] + "1979-05-27" + sample[at[5]:])
				if len(got) != 1 {
					t.Errorf("%s: with a date in place of the value of %s:\n%v", name, line, got)
				}
				got = faults(sample[:at[3]] + "x" + sample[at[3]:])
				if len(got) == 2 && strings.HasPrefix(got[0].Problem+got[1].Problem, "is required") {
					continue
				}
				if len(got) != 1 {
					t.Errorf("%s: misspelt: %s:\n%v", name, line, got)
				}
			}
		}
	}
}
