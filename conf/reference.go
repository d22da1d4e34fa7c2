package conf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Reference writes a page, in Markdown, of every key that a file may have: those of the agent, those
// that plugins have in common, and those of each plugin of the registry with its sample. It is what
// docs/configuration.md is made of.
func Reference(registry sdk.Registry) string {
	var page strings.Builder
	page.WriteString(introduction)
	write := func(title, text string, config any) {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n", title, text)
		options, err := sdk.Options(config)
		if err != nil {
			fmt.Fprintf(&page, "\nIts keys cannot be told: %v.\n", err)
			return
		}
		page.WriteString(sdk.KeyTable(options))
	}
	write("[agent]", "The agent as a whole.", &agentKeys{})
	write("Keys of every input", "Beside its own keys each input takes these. Where one has another default, its section says so.", &inputKeys{})
	write("Keys of every processor", "Beside its own keys each processor takes these.", &pluginKeys{})
	write("Keys of every output", "Beside its own keys each output takes these. Where one has another default, its section says so.", &outputKeys{})
	for i := range registry {
		def := &registry[i]
		write(fmt.Sprintf("[[%s.%s]]", def.Role, def.Name), def.Summary, def.NewConfig())
		for _, key := range slices.Sorted(maps.Keys(def.Common)) {
			fmt.Fprintf(&page, "\nThe common key `%s` is `%s` unless set.\n", key, sdk.Notation(def.Common[key]))
		}
		if def.Sample != "" {
			fmt.Fprintf(&page, "\n```toml\n%s\n```\n", strings.TrimSpace(def.Sample))
		}
	}
	return page.String()
}

const introduction = "# Configuration\n\n" +
	"<!-- Made by `make docs` from the code. -->\n\n" +
	"gpuline reads TOML. `-c` names files and folders, and may be given several times; of a folder each\n" +
	"`*.toml` counts, in order of name. All files together are one configuration: lists of plugins are\n" +
	"joined in that order, and a key of `[agent]` may stand in several files only with one value. A nested\n" +
	"table needs its parent in the same file.\n\n" +
	"A processor at the top, `[[processors.peak]]`, serves every input and output. Below an input,\n" +
	"`[[inputs.nvidia_smi.processors.peak]]`, it serves that input; below an output, that output. The order\n" +
	"in the file is the order in which processors run.\n\n" +
	"The loader is strict: `gpuline check` names every unknown key, wrong type and bad value, with its file,\n" +
	"its line and the nearest right name. It warns of what is no fault and hardly meant, such as a rule on a field that\n" +
	"no input gives, or a password `$NAME`; the agent logs these warnings when it starts.\n\n" +
	"Durations are strings such as `\"100ms\"`, `\"10s\"` or `\"1m30s\"`. Sizes are strings such as `\"16MB\"`\n" +
	"(10⁶ bytes) or `\"16MiB\"` (2²⁰), or a number of bytes. Globs know `*` and `?`; one that begins with `!`\n" +
	"drops what it matches.\n\n" +
	"In strings, `${env:NAME}` is replaced by an environment variable, `${file:PATH}` by the content of a\n" +
	"file without its last line end (a relative path starts from the folder of the configuration file), and\n" +
	"`${cred:NAME}` by a credential of systemd (`LoadCredential=`). `$${` stands for a plain `${`.\n"
