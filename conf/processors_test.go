package conf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// saved writes a file and returns its path.
func saved(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProcessors(t *testing.T) {
	f := func(want string, texts ...string) {
		t.Helper()
		var paths []string
		for _, text := range texts {
			paths = append(paths, saved(t, "x.toml", text))
		}
		list, err := conf.Processors(all.Plugins(), paths)
		var got []string
		for _, p := range list {
			got = append(got, p.Name)
		}
		said := strings.Join(got, " ")
		if err != nil {
			said = err.Error()
			for _, path := range paths {
				said = strings.ReplaceAll(said, filepath.Dir(path)+string(filepath.Separator), "")
			}
		}
		if d := cmp.Diff(want, said); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
	f("", "")
	f("no configuration file is given")
	f("peak average", "[[processors.peak]]\n[[processors.average]]\n")
	f("peak average", "[[processors.peak]]\n", "[[processors.average]]\n")
	// Of inputs, outputs and what stands below them nothing is taken, and no reference is looked up.
	f("peak", "[[inputs.none]]\n[[inputs.none.processors.average]]\n[[processors.peak]]\n[[outputs.stdout]]\nformat = \"${env:GPULINE_NO_SUCH}\"\n")
	f("x.toml:2: unknown key `perod` in [[processors.peak]]: did you mean `period`?", "[[processors.peak]]\nperod = \"1s\"\n")
	f("x.toml:1: unknown key `processor`: did you mean `processors`?", "[[processor.peak]]\n")
	f("x.toml:1: is not valid TOML: expected value but found '=' instead: a string, a duration or a size stands in quotes", "a = = 1")
}

func TestFile(t *testing.T) {
	type table struct {
		Name string `toml:"name" required:"true" doc:"Name."`
	}
	type config struct {
		List []table `toml:"list" doc:"Tables."`
	}
	file, err := conf.ReadFile(saved(t, "x.toml", "\n[[list]]\nname = \"${env:A}\"\n[[list]]\nnam = \"b\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	said := func(err error) string {
		if err == nil {
			return ""
		}
		return strings.ReplaceAll(err.Error(), filepath.Dir(file.Where())+string(filepath.Separator), "")
	}
	f := func(got, want string) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
	var c config
	f(said(file.Configure(&c)), "x.toml:5: unknown key `list.nam`: did you mean `name`?")
	f(said(file.Locate(sdk.Fault{Path: []string{"list", "0", "name"}, Problem: "is taken"})), "x.toml:3: `list.name`: is taken")
	f(said(file.Locate(nil)), "")
	f(filepath.Base(file.Where("list", "1")), "x.toml:4")

	if file, err = conf.ReadFile(saved(t, "x.toml", "[[list]]\nname = \"${env:A}\"\n")); err != nil {
		t.Fatal(err)
	}
	f(said(file.Configure(&c)), "")
	f(c.List[0].Name, "${env:A}")
	if _, err := conf.ReadFile("no/such/file.toml"); err == nil {
		t.Error("a file that is not there is read")
	}
}
