// Package sharedlib finds shared libraries of other people, such as a driver's, without loading them.
package sharedlib

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Find returns where a library is, without loading it: path itself where it is given, else the first of
// LD_LIBRARY_PATH, the loader's cache and the places where drivers and containers put it. what names the
// library for people, and install is what an operator can do where it is not there; the rest of the remedy is
// the key `library`.
func Find(name, path, what, install string) (found string, err error) {
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("look for %s: %w: set `library` to where %s is, or leave it out", what, err, name)
		}
		return path, nil
	}
	for _, place := range places(name) {
		if _, err := os.Stat(place); err == nil {
			return place, nil
		}
	}
	return "", fmt.Errorf("look for %s: it is not there: %s, or set `library`", name, install)
}

// ToLoad returns what to load: the plain name where the loader knows the place itself.
func ToLoad(name, path string) string {
	if path != "" {
		return path
	}
	if cached(loaderCache, name) != "" {
		return name
	}
	for _, place := range places(name) {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return name
}

const loaderCache = "/etc/ld.so.cache"

func places(name string) []string {
	var all []string
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		all = append(all, filepath.Join(dir, name))
	}
	if place := cached(loaderCache, name); place != "" {
		all = append(all, place)
	}
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	for _, dir := range []string{
		"/usr/lib/" + triplet, "/usr/lib64", "/usr/lib", "/usr/lib/" + triplet + "/nvidia/current",
		"/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/run/opengl-driver/lib", "/usr/lib/wsl/lib",
	} {
		all = append(all, filepath.Join(dir, name))
	}
	return all
}

// cached returns a library's path in the loader's cache, whose texts end in a zero byte each.
func cached(cache, name string) string {
	text, err := os.ReadFile(cache)
	if err != nil {
		return ""
	}
	for {
		before, after, found := bytes.Cut(text, []byte("/"+name+"\x00"))
		if !found {
			return ""
		}
		dir := string(before[bytes.LastIndexByte(before, 0)+1:])
		if strings.HasPrefix(dir, "/") {
			return dir + "/" + name
		}
		text = after
	}
}
