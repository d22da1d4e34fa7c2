// Package scaffold writes the project of a new external plugin: code, sample, README and tests, all of
// which work.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Project says what to write.
type Project struct {
	Kind    string // "input", "processor" or "output"
	Name    string // as in `plugin = "NAME"`: lower-case letters, digits and _
	Module  string // path of the Go module; the name where it is ""
	Version string // of gpuline that the project needs
	Replace string // a checkout of gpuline to use instead of a published version; "" for none
}

const (
	gpuline    = "github.com/gpuline/gpuline"
	moduleLine = "module " + gpuline + "\n" // the first of a checkout's go.mod
	goVersion  = "1.26.7"
)

//go:embed templates
var templates embed.FS

var names = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Check finds a name or a kind that cannot be, and a checkout that is none.
func (p Project) Check() error {
	if !names.MatchString(p.Name) {
		return fmt.Errorf("the name %q is not made of lower-case letters, digits and _, a letter first", p.Name)
	}
	if !slices.Contains(kinds, p.Kind) {
		return fmt.Errorf("there is no kind %q; there are %s and %s", p.Kind, strings.Join(kinds[:2], ", "), kinds[2])
	}
	if p.Replace == "" {
		return nil
	}
	if text, err := os.ReadFile(filepath.Join(p.Replace, "go.mod")); err != nil || !strings.HasPrefix(string(text), moduleLine) {
		return fmt.Errorf("%s is no checkout of gpuline", p.Replace)
	}
	return nil
}

var kinds = []string{"input", "processor", "output"}

// Write writes the project into a folder that is empty or not there yet.
func (p Project) Write(dir string) error {
	if err := p.Check(); err != nil {
		return err
	}
	if p.Module == "" {
		p.Module = strings.ReplaceAll(p.Name, "_", "-")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	for _, folder := range []string{"templates/common", "templates/" + p.Kind} {
		if err := p.expand(folder, dir); err != nil {
			return err
		}
	}
	return p.module(dir)
}

// expand writes the files of a folder of templates. A template has only names to replace: text/template looks
// methods up by name, for which the linker has to keep every exported method of the program.
func (p Project) expand(folder, dir string) error {
	var stream string // of the conformance suite
	if p.Kind == "processor" {
		stream = ", Stream: stream"
	}
	replacer := strings.NewReplacer(
		"{{.Kind}}", p.Kind,
		"{{.Name}}", p.Name,
		"{{.Role}}", p.Kind+"s",
		"{{.Binary}}", strings.ReplaceAll(p.Name, "_", "-"),
		"{{.Stream}}", stream,
	)
	entries, err := fs.ReadDir(templates, folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(templates, path.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		file := filepath.Join(dir, strings.TrimSuffix(entry.Name(), ".tmpl"))
		if err := os.WriteFile(file, []byte(replacer.Replace(string(text))), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// module writes go.mod. With a checkout of gpuline it takes over what that needs, and its checksums, so
// that the project builds as it is; else `go mod tidy` looks for the rest.
func (p Project) module(dir string) error {
	file := filepath.Join(dir, "go.mod")
	if p.Replace == "" {
		text := fmt.Sprintf("module %s\n\ngo %s\n\nrequire %s %s\n", p.Module, goVersion, gpuline, p.Version)
		return os.WriteFile(file, []byte(text), 0o644)
	}
	checkout, err := filepath.Abs(p.Replace)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		return err
	}
	needs := strings.TrimPrefix(string(text), moduleLine)
	sums, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		return err
	}
	ours := fmt.Sprintf("module %s\n%s\nrequire %s v0.0.0\n\nreplace %s => %s\n", p.Module, needs, gpuline, gpuline, checkout)
	return errors.Join(
		os.WriteFile(file, []byte(ours), 0o644),
		os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644),
	)
}
