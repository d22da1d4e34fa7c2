package conf_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestShippedFiles(t *testing.T) {
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %v, %v", files, err)
	}
	t.Setenv("RACK", "4")
	for _, file := range files {
		load := []string{file}
		if file == "alerts.toml" { // rules alone, for any agent
			load = []string{"gpuline.toml", file}
		}
		plan, err := conf.Load(all.Plugins(), load)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, w := range plan.Warnings {
			t.Errorf("a warning: %s", w)
		}
		if len(load) > 1 {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conf.Parse(all.Plugins(), file, commented.ReplaceAll(text, []byte("$1$2"))); err != nil {
			t.Errorf("%s with its comments undone: %v", file, err)
		}
		if len(plan.Inputs) == 0 || len(plan.Outputs) == 0 {
			t.Errorf("%s: %d inputs, %d outputs", file, len(plan.Inputs), len(plan.Outputs))
		}
	}
}

// commented is a line that shows a key or a heading which may be used.
var commented = regexp.MustCompile(`(?m)^(\s*)# ?([a-z0-9_]+ *= .*|\[[a-z0-9_.\[\]]+\])$`)

func TestSamples(t *testing.T) {
	for _, def := range all.Plugins() {
		f := func(sample string) string {
			t.Helper()
			ends := ""
			if !strings.Contains(sample, "[[inputs.") {
				ends += "\n[[inputs.simulate]]\n"
			}
			if !strings.Contains(sample, "[[outputs.") {
				ends += "\n[[outputs.stdout]]\n"
			}
			if _, err := conf.Parse(all.Plugins(), "sample.toml", []byte(sample+ends)); err != nil {
				return err.Error()
			}
			return ""
		}
		name := def.Role.String() + "." + def.Name
		if !strings.Contains(def.Sample, "[["+name+"]]") {
			t.Errorf("%s: the sample has no heading [[%s]]", name, name)
		}
		if fault := f(def.Sample); fault != "" {
			t.Errorf("%s: the sample: %s", name, fault)
		}
		whole := commented.ReplaceAllString(def.Sample, "$1$2")
		if fault := f(whole); fault != "" {
			t.Errorf("%s: the sample with its comments undone: %s\n%s", name, fault, whole)
		}
		checkKeys(t, name, def)
	}
}

// checkKeys finds keys that the sample does not show, or shows commented out with what is not their
// default, and keys without a sentence about them.
func checkKeys(t *testing.T, name string, def sdk.Definition) {
	t.Helper()
	options, err := sdk.Options(def.NewConfig())
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	shown := make(map[string]any)
	for _, line := range commented.FindAllStringSubmatch(def.Sample, -1) {
		if strings.HasPrefix(line[2], "[") {
			break // what follows belongs to another table
		}
		if err := toml.Unmarshal([]byte(line[2]), &shown); err != nil {
			t.Errorf("%s: the sample: %q: %v", name, line[2], err)
		}
	}
	for i := range options {
		o := &options[i]
		if o.Doc == "" || !strings.HasSuffix(o.Doc, ".") {
			t.Errorf("%s: key %s: doc %q is not a sentence", name, o.Key, o.Doc)
		}
		key := regexp.MustCompile(`(?m)^[\s#]*(\[+` + regexp.QuoteMeta(name) + `\.)?` + o.Key + `\b`)
		if !key.MatchString(def.Sample) {
			t.Errorf("%s: the sample does not show %s", name, o.Key)
		}
		value, isShown := shown[o.Key]
		if n, ok := value.(int64); ok && o.Kind == sdk.OptionNumber {
			value = float64(n)
		}
		if isShown && o.Default != "" && sdk.Notation(value) != o.Default {
			t.Errorf("%s: the sample shows %s = %s, and its default is %s", name, o.Key, sdk.Notation(value), o.Default)
		}
	}
}

func TestPluginsAreListedOnce(t *testing.T) {
	var names []string
	for _, def := range all.Plugins() {
		names = append(names, def.Role.String()+"."+def.Name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) || len(names) == 0 {
		t.Errorf("plugins %v", names)
	}
}

func TestReferenceOfAllPlugins(t *testing.T) {
	page := conf.Reference(all.Plugins())
	if strings.Contains(page, "cannot be told") {
		t.Error("a plugin's tags are faulty")
	}
	for _, def := range all.Plugins() {
		if heading := "\n## [[" + def.Role.String() + "." + def.Name + "]]\n"; !strings.Contains(page, heading) {
			t.Errorf("no %q", heading)
		}
	}
}
