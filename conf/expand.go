package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// expander replaces references in strings: ${env:NAME} by an environment variable, ${file:PATH} by the
// content of a file, ${cred:NAME} by a systemd credential. $${ stands for a plain ${. It remembers what
// it put in, so that no message shows it.
type expander struct {
	dir    string // what a relative PATH starts from: where the configuration file is
	hidden []string
	odd    []sdk.Fault // what it warns of, since somebody asked
	probe  bool        // whether files that are named should be there
}

// A value longer than this is no password, and a file of that kind is a mistake.
const maxReferenced = 64 << 10

// Values shorter than this would hide ordinary words in messages.
const minHidden = 4

// table returns a copy of a table with references replaced. The top-level keys in which one cannot be
// are left out and have a fault each.
func (x *expander) table(table map[string]any) (map[string]any, []sdk.Fault) {
	var faults []sdk.Fault
	expanded := make(map[string]any, len(table))
	for key, value := range table {
		value, inKey := x.value([]string{key}, value)
		if faults = append(faults, inKey...); len(inKey) == 0 {
			expanded[key] = value
		}
	}
	return expanded, faults
}

func (x *expander) value(path []string, value any) (any, []sdk.Fault) {
	var faults []sdk.Fault
	below := func(key string, value any) any {
		value, inKey := x.value(append(slices.Clip(path), key), value)
		faults = append(faults, inKey...)
		return value
	}
	switch value := value.(type) {
	case string:
		text, err := x.text(value)
		if err != nil {
			return nil, []sdk.Fault{{Path: path, Problem: err.Error()}}
		}
		x.odd = append(x.odd, odd(path, value, text)...)
		if x.probe && absent(text) {
			x.odd = append(x.odd, sdk.Fault{Path: path, Problem: "names a file that is not there"})
		}
		return text, nil
	case []any:
		list := make([]any, len(value))
		for i, elem := range value {
			list[i] = below(strconv.Itoa(i), elem)
		}
		return list, faults
	case map[string]any:
		table := make(map[string]any, len(value))
		for key, elem := range value {
			table[key] = below(key, elem)
		}
		return table, faults
	case []map[string]any:
		tables := make([]map[string]any, len(value))
		for i, elem := range value {
			tables[i], _ = below(strconv.Itoa(i), elem).(map[string]any)
		}
		return tables, faults
	}
	return value, nil
}

func (x *expander) text(text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if strings.HasSuffix(before, "$") { // $${ : the first $ is written already
			b.WriteByte('{')
			text = rest
			continue
		}
		reference, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("has ${ without }: write $${ for a plain ${")
		}
		value, err := x.resolve(reference)
		if err != nil {
			return "", err
		}
		if len(value) >= minHidden {
			x.hidden = append(x.hidden, value)
		}
		b.WriteString(value)
		text = after
	}
}

func (x *expander) resolve(reference string) (string, error) {
	kind, name, _ := strings.Cut(reference, ":")
	switch {
	case kind == "env" && name != "":
		value, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		return value, nil
	case kind == "file" && name != "":
		if !filepath.IsAbs(name) {
			name = filepath.Join(x.dir, name)
		}
		value, err := readLimited(name, maxReferenced)
		if err != nil {
			return "", fmt.Errorf("file %s cannot be read: %w", name, err)
		}
		return trimLine(value), nil
	case kind == "cred" && name != "":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("credential %s cannot be read: $CREDENTIALS_DIRECTORY is not set, as systemd does for LoadCredential=: "+
				"in a shell set it to the folder of a file %s", name, name)
		}
		if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
			return "", fmt.Errorf("credential %s is not a plain name", name)
		}
		value, err := readLimited(filepath.Join(dir, name), maxReferenced)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("credential %s is not in $CREDENTIALS_DIRECTORY: write LoadCredential=%s:PATH into the unit", name, name)
		}
		if err != nil {
			return "", fmt.Errorf("credential %s cannot be read: %w", name, err)
		}
		return trimLine(value), nil
	}
	return "", errors.New("has an unknown reference: write ${env:NAME}, ${file:PATH} or ${cred:NAME}, or $${ for a plain ${")
}

// trimLine cuts one line end off.
func trimLine(text string) string { return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r") }

// hide replaces values that references brought in, and what a message quotes out of them: the fault of an
// expression shows the word that does not fit.
func (x *expander) hide(message string) string {
	for _, value := range x.hidden {
		message = strings.ReplaceAll(message, value, hidden)
		quoted := strconv.Quote(value)
		message = strings.ReplaceAll(message, quoted[1:len(quoted)-1], hidden)
	}
	if len(x.hidden) == 0 {
		return message
	}
	return quotation.ReplaceAllStringFunc(message, func(quoted string) string {
		words := quoted[1 : len(quoted)-1]
		isPart := func(value string) bool { return strings.Contains(value, words) }
		if len(words) >= minHidden && slices.ContainsFunc(x.hidden, isPart) {
			return quoted[:1] + hidden + quoted[len(quoted)-1:]
		}
		return quoted
	})
}

const hidden = "***"

var quotation = regexp.MustCompile("`[^`]*`|\"[^\"]*\"")
