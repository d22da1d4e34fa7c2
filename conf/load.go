package conf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// A configuration file is no longer than this.
const maxFile = 1 << 20

// Load makes a plan of files and of folders; of a folder it takes each *.toml, in order of name, except
// those whose name begins with a dot. All of them together are one configuration. A file that is named
// twice counts once. The error is an [Errors].
//
// Load opens nothing that the plugins use, but it makes an instance of each to see whether it can. What is no fault and
// yet hardly meant, it says in the plan's Warnings; with an error, the plan holds nothing else.
func Load(registry sdk.Registry, paths []string) (*pipeline.Plan, error) {
	b := &builder{registry: registry}
	b.read(paths)
	return b.plan()
}

// Check makes the plan, too, and looks for what would keep plugins from working on this host, such as a
// program that is missing: with an error of that kind an agent starts all the same.
func Check(registry sdk.Registry, paths []string) (*pipeline.Plan, error) {
	b := &builder{registry: registry, probe: true}
	b.read(paths)
	return b.plan()
}

// read reads files and the files in folders.
func (b *builder) read(paths []string) {
	seen := make(map[string]bool)
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			b.errors = append(b.errors, Error{File: path, Problem: err.Error()})
		}
		for _, file := range files {
			id := identity(file)
			if seen[id] {
				continue
			}
			seen[id] = true
			text, err := ReadText(file)
			if err != nil {
				b.errors = append(b.errors, Error{File: file, Problem: err.Error()})
				continue
			}
			d := read(file, text)
			d.expander.probe = b.probe
			b.documents = append(b.documents, d)
		}
	}
	if len(paths) == 0 {
		b.errors = append(b.errors, Error{Problem: "no configuration file is given"})
	}
}

// Parse makes a plan of one text. The name stands in messages; relative paths in ${file:PATH} start
// from its folder.
func Parse(registry sdk.Registry, name string, text []byte) (*pipeline.Plan, error) {
	b := &builder{registry: registry, documents: []*document{read(name, string(text))}}
	return b.plan()
}

func filesOf(path string) ([]string, error) {
	if path == "" {
		return nil, errNoName
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if strings.ContainsAny(path, "*?[") {
			return nil, errors.New("there is no such file or folder: patterns are not expanded, name the folder")
		}
		return nil, errors.New("there is no such file or folder")
	}
	if err != nil {
		return nil, errors.New("cannot be read: " + reason(err).Error())
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, errors.New("cannot be read: " + reason(err).Error())
	}
	var files []string
	for _, e := range entries { // in order of name
		if strings.HasSuffix(e.Name(), ".toml") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, errors.New("the folder holds no *.toml file")
	}
	return files, nil
}

// identity returns one name for all ways to name a file, where it can be found out.
func identity(file string) string {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return file
	}
	if abs, err := filepath.Abs(target); err == nil {
		return abs
	}
	return target
}
