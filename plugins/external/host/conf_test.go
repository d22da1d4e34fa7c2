package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/outputs/stdout"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestConfiguration: what is wrong with an external plugin's table is told with file, line and remedy, also
// below config, of which only the program knows.
func TestConfiguration(t *testing.T) {
	registry := append(sdk.Registry{stdout.Definition()}, host.Definitions()...)
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\necho no plugin >&2\nexit 9\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := func(name string, load func(sdk.Registry, []string) error, text string, want ...string) {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			text = strings.NewReplacer("SELF", self(t), "OTHER", other).Replace(text) + "\n[[outputs.stdout]]\n"
			if err := os.WriteFile("agent.toml", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var got []string
			if err := load(registry, []string{"agent.toml"}); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			for i := range want {
				want[i] = strings.NewReplacer("SELF", self(t), "OTHER", other).Replace(want[i])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	load := func(r sdk.Registry, paths []string) error { _, err := conf.Load(r, paths); return err }
	check := func(r sdk.Registry, paths []string) error { _, err := conf.Check(r, paths); return err }
	for _, way := range []func(sdk.Registry, []string) error{load, check} {
		f("right", way, `
[[inputs.external]]
path = "SELF"
plugin = "ticks"
[inputs.external.config]
rows = 5
misdeed = { do = "error" }`)
		f("misspelt", way, `
[[inputs.external]]
path = "SELF"
plugin = "ticks"
max_memroy = "1GB"

[inputs.external.config]
rowz = 5
rows = "many"
[inputs.external.config.misdeed]
do = "panik"`,
			"agent.toml:5: unknown key `max_memroy` in [[inputs.external]]: did you mean `max_memory`?",
			"agent.toml:8: unknown key `config.rowz` in [[inputs.external]]: did you mean `rows`?",
			"agent.toml:9: `config.rows` in [[inputs.external]]: must be an integer, not a string",
			"agent.toml:11: `config.misdeed.do` in [[inputs.external]]: must be one of \"exit\", \"panic\", \"hang\", \"alloc\", \"spawn\", \"error\": did you mean `panic`?",
		)
		f("program not asked without its pin", way, `
[[inputs.external]]
path = "SELF"
sha256 = 12
config = { rowz = 5 }`, "agent.toml:4: `sha256` in [[inputs.external]]: must be a string, not an integer: write it in quotes")
		f("program asked for the rest", way, `
[[inputs.external]]
path = "SELF"
plugin = "ticks"
max_memory = true
config = { rowz = 5 }`,
			"agent.toml:5: `max_memory` in [[inputs.external]]: is not a size: write it as \"512MB\" or \"32MiB\"",
			"agent.toml:6: unknown key `config.rowz` in [[inputs.external]]: did you mean `rows`?")
		f("which", way, `
[[inputs.external]]
path = "SELF"`, "agent.toml:2: `plugin` in [[inputs.external]]: the program has several: name one of ticks, feed, ready, nvml, nvidia_smi, dcgm, tegrastats, prometheus, listener, nats, replay, simulate")
		f("wrong", way, `
[[processors.external]]
path = "SELF"
plugin = "duoble"
[[inputs.external]]
path = "plugin"
sha256 = "12"`,
			"agent.toml:4: `plugin` in [[processors.external]]: the program has no processor \"duoble\": did you mean `double`?",
			"agent.toml:6: `path` in [[inputs.external]]: is not an absolute path: write it as \"/usr/local/lib/gpuline/plugins/NAME\"",
			"agent.toml:7: `sha256` in [[inputs.external]]: is not a SHA-256 checksum: write the 64 digits that `gpuline plugins sha256 plugin` prints",
		)
	}
	missing := `
[[inputs.external]]
path = "/no/such/plugin"
[[inputs.external]]
path = "OTHER"
[[inputs.external]]
path = "SELF"
plugin = "ticks"
sha256 = "306c6ca7407560340797866e077e053627ad409277d1b9da58106fce4cf717cb"`
	sum, err := host.SHA256(self(t))
	if err != nil {
		t.Fatal(err)
	}
	f("an agent starts all the same", load, missing)
	t.Run("and check says why", func(t *testing.T) {
		t.Chdir(t.TempDir())
		text := strings.NewReplacer("SELF", self(t), "OTHER", other).Replace(missing) + "\n[[outputs.stdout]]\n"
		if err := os.WriteFile("agent.toml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := check(registry, []string{"agent.toml"})
		for _, want := range []string{
			"agent.toml:3: `path` in [[inputs.external]]: there is no program at /no/such/plugin",
			"agent.toml:5: `path` in [[inputs.external]]: the plugin has not said where it listens: the plugin's process",
			"exit status 9; its last words: no plugin",
			"agent.toml:7: `path` in [[inputs.external]]: the checksum of " + self(t) + " is " + sum,
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in\n%v", want, err)
			}
		}
	})
}
