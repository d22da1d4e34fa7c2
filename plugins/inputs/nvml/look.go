package nvml

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const libraryName = "libnvidia-ml.so.1"

// Look returns where the driver's library is, without loading it: path itself where it is given, else the
// first of LD_LIBRARY_PATH, the loader's cache and the places where drivers and containers put it.
func Look(path string) (found string, err error) {
	if !withCgo {
		return "", errNoCgo
	}
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("look for the driver's library: %w: set `library` to where %s is, or leave it out", err, libraryName)
		}
		return path, nil
	}
	for _, place := range places() {
		if _, err := os.Stat(place); err == nil {
			return place, nil
		}
	}
	return "", fmt.Errorf("look for %s: it is not there: install the NVIDIA driver, or set `library`", libraryName)
}

// libraryPath is what to load: the plain name where the loader knows the place itself.
func libraryPath(path string) string {
	if path != "" {
		return path
	}
	if cached("/etc/ld.so.cache") != "" {
		return libraryName
	}
	for _, place := range places() {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return libraryName
}

func places() []string {
	var all []string
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		all = append(all, filepath.Join(dir, libraryName))
	}
	if place := cached("/etc/ld.so.cache"); place != "" {
		all = append(all, place)
	}
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	for _, dir := range []string{
		"/usr/lib/" + triplet, "/usr/lib64", "/usr/lib", "/usr/lib/" + triplet + "/nvidia/current",
		"/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/run/opengl-driver/lib", "/usr/lib/wsl/lib",
	} {
		all = append(all, filepath.Join(dir, libraryName))
	}
	return all
}

// cached returns the library's path in the loader's cache, whose texts end in a zero byte each.
func cached(cache string) string {
	text, err := os.ReadFile(cache)
	if err != nil {
		return ""
	}
	for {
		before, after, found := bytes.Cut(text, []byte("/"+libraryName+"\x00"))
		if !found {
			return ""
		}
		dir := string(before[bytes.LastIndexByte(before, 0)+1:])
		if strings.HasPrefix(dir, "/") {
			return dir + "/" + libraryName
		}
		text = after
	}
}

var errNoCgo = errors.New("this binary was built without cgo, which NVML needs: take the build with cgo, or inputs.nvidia_smi")
