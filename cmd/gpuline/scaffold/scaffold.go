// Package scaffold writes the project of a new external plugin: code, sample, README and tests, all of
// which work.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"golang.org/x/mod/modfile"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Project says what to write.
type Project struct {
	Kind    string // "input", "processor" or "output"
	Name    string // as in `plugin = "NAME"`: lower-case letters, digits and _
	Module  string // path of the Go module; the name where it is ""
	Version string // of gpuline that the project needs
	Replace string // a checkout of gpuline to use instead of a published version; "" for none
}

const gpuline = "github.com/gpuline/gpuline"

//go:embed templates
var templates embed.FS

var names = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Write writes the project into a folder that is empty or not there yet.
func (p Project) Write(dir string) error {
	if !names.MatchString(p.Name) {
		return fmt.Errorf("the name %q is not made of lower-case letters, digits and _", p.Name)
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

// Role returns the kind as it stands in a heading.
func (p Project) Role() string { return p.Kind + "s" }

// Binary returns the name of the program.
func (p Project) Binary() string { return strings.ReplaceAll(p.Name, "_", "-") }

func (p Project) expand(folder, dir string) error {
	entries, err := fs.ReadDir(templates, folder)
	if err != nil {
		return fmt.Errorf("there is no kind %q; there are input, processor and output", p.Kind)
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(templates, path.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		t, err := template.New(entry.Name()).Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, p); err != nil {
			return err
		}
		file := filepath.Join(dir, strings.TrimSuffix(entry.Name(), ".tmpl"))
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// module writes go.mod. With a checkout of gpuline it takes over what that needs, and its checksums, so
// that the project builds as it is; else `go mod tidy` looks for the rest.
func (p Project) module(dir string) error {
	mod := new(modfile.File)
	if err := errors.Join(mod.AddModuleStmt(p.Module), mod.AddGoStmt("1.26.0")); err != nil {
		return err
	}
	if p.Replace == "" {
		if err := mod.AddRequire(gpuline, p.Version); err != nil {
			return err
		}
		return write(mod, dir)
	}
	checkout, err := filepath.Abs(p.Replace)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		return fmt.Errorf("%s is no checkout of gpuline: %w", p.Replace, err)
	}
	theirs, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return err
	}
	if theirs.Module.Mod.Path != gpuline {
		return fmt.Errorf("%s holds the module %s, not gpuline", p.Replace, theirs.Module.Mod.Path)
	}
	const whatever = "v0.0.0"
	if err := errors.Join(mod.AddRequire(gpuline, whatever), mod.AddReplace(gpuline, "", checkout, "")); err != nil {
		return err
	}
	for _, r := range theirs.Require {
		mod.AddNewRequire(r.Mod.Path, r.Mod.Version, true)
	}
	sums, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		return err
	}
	return write(mod, dir)
}

func write(mod *modfile.File, dir string) error {
	mod.Cleanup()
	text, err := mod.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), text, 0o644)
}

// Kinds are those that there are.
var Kinds = map[string]sdk.Role{"input": sdk.RoleInput, "processor": sdk.RoleProcessor, "output": sdk.RoleOutput}
