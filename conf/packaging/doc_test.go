// Package packaging_test holds what is shipped around the binary, units, packages and manifests, against
// the program and against each other. What needs the tools of a distribution has the tag integration.
package packaging_test

import (
	"os"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
