package scaffold_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/cmd/gpuline/scaffold"
)

// TestProjects writes a project of each kind outside of the repository, and runs its tests: a third party's
// module, which has nothing but the contract and a replace.
func TestProjects(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and tests projects, without the race detector: make test has it")
	}
	checkout, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"input", "processor", "output"} {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "project")
			p := scaffold.Project{Kind: kind, Name: "my_plugin", Module: "example.org/my-plugin", Replace: checkout}
			if err := p.Write(dir); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
				cmd := exec.CommandContext(t.Context(), "go", args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("go %s: %v\n%s", args[0], err, out)
				}
			}
			cmd := exec.CommandContext(t.Context(), "gofmt", "-l", dir)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("gofmt: %v\n%s", err, out)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(p scaffold.Project, dir, problem string) {
		t.Helper()
		if err := p.Write(dir); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("error %v; want %q", err, problem)
		}
	}
	f(scaffold.Project{Kind: "input", Name: "My Plugin"}, t.TempDir(), "is not made of lower-case letters")
	f(scaffold.Project{Kind: "input", Name: "x"}, full, "is not empty")
	f(scaffold.Project{Kind: "sink", Name: "x"}, t.TempDir(), "there are input, processor and output")
	f(scaffold.Project{Kind: "input", Name: "x", Replace: full}, t.TempDir(), "is no checkout of gpuline")
}

// Without a checkout the project needs a published version.
func TestPublished(t *testing.T) {
	dir := t.TempDir()
	if err := (scaffold.Project{Kind: "output", Name: "x", Version: "v1.2.3"}).Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	want := "module x\n\ngo 1.26.7\n\nrequire github.com/gpuline/gpuline v1.2.3\n"
	if string(text) != want {
		t.Errorf("%q, want %q", text, want)
	}
}
