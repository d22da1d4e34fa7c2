package main

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed init.tmpl
var hostText string

var hostTemplate = template.Must(template.New("init.tmpl").Funcs(template.FuncMap{"comment": comment}).Parse(hostText))

// forHost writes a configuration for a host on which these sources were looked for: the best one that is
// there is active, others are commented out. Where there is none, the file simulates GPUs and says so.
func forHost(findings []finding) (text, remark string, err error) {
	var there, missing []finding
	for _, f := range findings {
		if f.Err == nil {
			there = append(there, f)
		} else {
			missing = append(missing, f)
		}
	}
	var b strings.Builder
	if err := hostTemplate.Execute(&b, map[string][]finding{"There": there, "Missing": missing}); err != nil {
		return "", "", fmt.Errorf("write the configuration: %w", err)
	}
	if len(there) > 0 {
		return b.String(), fmt.Sprintf("found %s, which [[inputs.%s]] reads GPUs through", there[0].Found, there[0].Input), nil
	}
	var looked []string
	for _, f := range missing {
		looked = append(looked, fmt.Sprintf("inputs.%s: %v", f.Input, f.Err))
	}
	return b.String(), "no GPU was found, so the configuration simulates some until you change it (" + strings.Join(looked, "; ") + ")", nil
}

// comment makes comment lines of those that are none.
func comment(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "#") {
			lines[i] = "# " + line
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
