package fakedriver

import (
	"context"
	"debug/elf"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec" //nolint:depguard // runs gcc, for tests and the demo; no plugin imports this package
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Env names the scenario file to the library.
const Env = "GPULINE_FAKE_NVML"

// LibraryName is what the dynamic loader looks for.
const LibraryName = "libnvidia-ml.so.1"

// ErrNoCompiler says that there is no gcc. ErrNoHeader says that nvml.h was not found, which go-nvml brings
// along: the go command and the module's sources are needed.
var (
	ErrNoCompiler = errors.New("no gcc")
	ErrNoHeader   = errors.New("no nvml.h")
)

//go:embed driver
var sources embed.FS

// Build compiles the library into dir and returns its path, dir/libnvidia-ml.so.1. Functions that hide
// names, in full or by a glob such as nvmlGpm*, are left out of its symbols, as in an older driver.
func Build(dir string, hide ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return "", fmt.Errorf("build the fake driver: %w: %w", ErrNoCompiler, err)
	}
	include, err := IncludeDir(ctx)
	if err != nil {
		return "", fmt.Errorf("build the fake driver: %w", err)
	}
	src, err := os.MkdirTemp(dir, "src")
	if err != nil {
		return "", fmt.Errorf("build the fake driver: %w", err)
	}
	defer func() { _ = os.RemoveAll(src) }()
	if err := os.CopyFS(src, sources); err != nil {
		return "", fmt.Errorf("build the fake driver: unpack its sources: %w", err)
	}
	script, err := versionScript(filepath.Join(include, "nvml.h"), hide)
	if err != nil {
		return "", fmt.Errorf("build the fake driver: %w", err)
	}
	if err := os.WriteFile(filepath.Join(src, "symbols"), script, 0o600); err != nil {
		return "", fmt.Errorf("build the fake driver: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(src, "driver", "*.c"))
	if err != nil {
		return "", fmt.Errorf("build the fake driver: %w", err)
	}
	lib := filepath.Join(dir, LibraryName)
	// nodelete: go-nvml closes the library on Shutdown; a call that hangs in it, and what the process knows
	// of the driver's version, outlive that.
	args := []string{
		"-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations", "-fPIC", "-shared",
		"-Wl,-soname," + LibraryName, "-Wl,-z,nodelete", "-Wl,--version-script=" + filepath.Join(src, "symbols"),
		"-I" + include, "-o", lib,
	}
	args = append(append(args, files...), "-lpthread", "-lm")
	if out, err := exec.CommandContext(ctx, gcc, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the fake driver: gcc: %w\n%s", err, out)
	}
	return lib, nil
}

// IncludeDir finds nvml.h in the module of go-nvml, from the working directory or from this package's own.
func IncludeDir(ctx context.Context) (string, error) {
	_, self, _, _ := runtime.Caller(0)
	var errs []error
	for _, dir := range []string{".", filepath.Dir(self)} {
		cmd := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml/pkg/nvml")
		cmd.Dir = dir
		out, err := cmd.Output()
		include := strings.TrimSpace(string(out))
		if err == nil {
			_, err = os.Stat(filepath.Join(include, "nvml.h"))
		}
		if err == nil {
			return include, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("%w: %w", ErrNoHeader, errors.Join(errs...))
}

var declaration = regexp.MustCompile(`\bDECLDIR\s+(nvml\w+)\s*\(`)

// versionScript exports the functions of NVML but for those hidden. A glob is resolved here, since the
// linker does not say which of two globs wins.
func versionScript(header string, hide []string) ([]byte, error) {
	text, err := os.ReadFile(header)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range declaration.FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	var b strings.Builder
	b.WriteString("{ global: nvml*; local:\n")
	for _, pattern := range hide {
		found := false
		for _, name := range names {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return nil, fmt.Errorf("hide %q: %w", pattern, err)
			}
			if ok {
				found = true
				fmt.Fprintf(&b, "%s;\n", name)
			}
		}
		if !found {
			return nil, fmt.Errorf("hide %q: NVML has no such function", pattern)
		}
	}
	b.WriteString("*; };\n")
	return []byte(b.String()), nil
}

// Functions returns the names of the functions that the library at lib exports, sorted.
func Functions(lib string) ([]string, error) {
	f, err := elf.Open(lib)
	if err != nil {
		return nil, fmt.Errorf("list functions: %w", err)
	}
	defer func() { _ = f.Close() }()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, fmt.Errorf("list functions of %s: %w", lib, err)
	}
	var names []string
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) == elf.STT_FUNC && strings.HasPrefix(s.Name, "nvml") {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
