package conf

import (
	"errors"
	"io/fs"
	"os"
	"regexp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// habits are ways to refer to something that other programs know, and that stay here the text that they are.
var habits = []struct {
	looks           *regexp.Regexp
	problem, remedy string
}{
	{
		regexp.MustCompile(`^\$[A-Za-z_]\w+$|://.*\$[A-Z_][A-Z0-9_]+`),
		"looks like a variable of a shell, and stays as it is", "write ${env:NAME} for an environment variable",
	},
	{
		regexp.MustCompile(`^@\{.*\}$|^SECRET\[.*\]$`),
		"looks like a reference to a store of secrets, and stays as it is", "write ${env:NAME}, ${file:PATH} or ${cred:NAME}",
	},
	{
		regexp.MustCompile(`\{\{.*\}\}`),
		"looks like a template, and stays as it is", "write ${env:NAME} for an environment variable, or have the template filled in first",
	},
}

// absent reports whether a text names a certificate, a key or the like that is not on this host.
func absent(text string) bool {
	if !credentials.MatchString(text) {
		return false
	}
	_, err := os.Stat(text)
	return errors.Is(err, fs.ErrNotExist)
}

var credentials = regexp.MustCompile(`^/.*\.(pem|crt|cer|key|creds|nk|jwt)$`)

// odd warns of a string that was hardly meant: in the place of a reference, or with one that came to nothing.
func odd(path []string, written, expanded string) []sdk.Fault {
	if written != "" && expanded == "" {
		return []sdk.Fault{{Path: path, Problem: "is empty: what it refers to is there, and holds nothing"}}
	}
	for _, h := range habits {
		if h.looks.MatchString(written) {
			return []sdk.Fault{{Path: path, Problem: h.problem, Remedy: h.remedy}}
		}
	}
	return nil
}
