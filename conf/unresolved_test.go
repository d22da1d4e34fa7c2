package conf_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// TestUnresolvedReferences puts a reference to a variable that is not set in each string of all samples and
// shipped files: that it is not set is all that is said.
func TestUnresolvedReferences(t *testing.T) {
	t.Setenv("RACK", "4")
	text := regexp.MustCompile(`"[^"\n]*"`)
	f := func(name, sample string) {
		for _, at := range text.FindAllStringIndex(sample, -1) {
			start := strings.LastIndexByte(sample[:at[0]], '\n') + 1
			if strings.Contains(sample[start:at[0]], "#") {
				continue
			}
			broken := sample[:at[0]] + `"${env:GPULINE_TEST_NONE}"` + sample[at[1]:]
			_, err := conf.Parse(all.Plugins(), name, []byte(broken))
			var faults conf.Errors
			if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Problem != "environment variable GPULINE_TEST_NONE is not set" {
				t.Errorf("%s, for %s:\n%v", strings.TrimSpace(sample[start:at[0]]), sample[at[0]:at[1]], err)
			}
		}
	}
	for _, def := range all.Plugins() {
		ends := ""
		if !strings.Contains(def.Sample, "[[inputs.") {
			ends += "\n[[inputs.simulate]]\n"
		}
		if !strings.Contains(def.Sample, "[[outputs.") {
			ends += "\n[[outputs.stdout]]\n"
		}
		f(def.Role.String()+"."+def.Name, commented.ReplaceAllString(def.Sample, "$1$2")+ends)
		f(def.Role.String()+"."+def.Name, def.Sample+ends)
	}
	files, _ := filepath.Glob("*.toml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file != "alerts.toml" {
			f(file, string(text))
		}
	}
}
