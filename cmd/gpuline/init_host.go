package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/gpuline/gpuline/plugins/processors/kubernetes"
)

//go:embed init.toml
var hostText string

// Where init.toml names what reads GPUs, and what tells whose they are.
const (
	placeOfSources = "# SOURCES\n"
	placeOfPods    = "# PODS\n"
)

// onNode reports whether this host is a node of Kubernetes.
var onNode = func() bool {
	_, err := os.Stat(kubernetes.DefaultSocket)
	return err == nil
}

// forHost writes a configuration for a host on which these sources were looked for: the best one that is
// there is active, others are commented out. Where there is none, the file simulates GPUs and says so.
func forHost(findings []finding) (text, remark string) {
	var there, missing []finding
	for _, f := range findings {
		if f.Err == nil {
			there = append(there, f)
		} else {
			missing = append(missing, f)
		}
	}
	text = strings.Replace(hostText, placeOfSources, inputsOf(there, missing), 1)
	text = strings.Replace(text, placeOfPods, podsOf(onNode()), 1)
	if len(there) > 0 {
		return text, fmt.Sprintf("found %s, which [[inputs.%s]] reads GPUs through", there[0].Found, there[0].Input)
	}
	return text, "no GPU was found, so the configuration simulates some until you change it:\n" + list(missing)
}

// podsOf writes the processor that asks the kubelet, where there is one.
func podsOf(onNode bool) string {
	if !onNode {
		return ""
	}
	return `
# A kubelet is there. It tells, to root alone, which pod has been given a GPU: readings bear it from here on.
[[processors.kubernetes]]
`
}

// list writes a line about each source that is not there.
func list(missing []finding) string {
	var lines []string
	for _, f := range missing {
		lines = append(lines, fmt.Sprintf("  inputs.%s: %v", f.Input, f.Err))
	}
	return strings.Join(lines, "\n")
}

// simulated stands where no source is.
const simulated = `
# NO GPU WAS FOUND where this file was written, so the readings below are SIMULATED: they bear
# source=simulated and come from no card. On a host with GPUs remove [[inputs.simulate]], and take the
# comment signs from an input below it.
[[inputs.simulate]]
gpus = 4
interval = "100ms"
`

// inputsOf writes the inputs: the first that is there as one at work, the others as comments.
func inputsOf(there, missing []finding) string {
	var b strings.Builder
	for i, f := range there {
		if i == 0 {
			fmt.Fprintf(&b, "\n# %s is there.\n[[inputs.%s]]\n%s", f.Found, f.Input, f.Sampling)
			continue
		}
		fmt.Fprintf(&b, "\n# %s is there, too; one input suffices.\n# [[inputs.%s]]\n%s", f.Found, f.Input, comment(f.Sampling))
	}
	if len(there) == 0 {
		b.WriteString(simulated)
	}
	for _, f := range missing {
		fmt.Fprintf(&b, "\n# Not there when this file was written:\n%s# [[inputs.%s]]\n%s", comment(f.Err.Error()), f.Input, comment(f.Sampling))
	}
	return b.String()
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
