package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// ends is what a file needs so that nothing is missing.
const ends = "\n[[inputs.meter]]\n[[outputs.page]]\n"

func TestEachFaultIsOneClearLine(t *testing.T) {
	t.Setenv("GPULINE_TEST_SECRET", "hunter22")
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse(fakes(), "a.toml", []byte(text))
		var got []string
		if err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		for i := range want {
			want[i] = "a.toml:" + want[i]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
		if err != nil && strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s\nthe secret is in %v", text, err)
		}
	}
	in := func(keys string, want ...string) { // below [[inputs.meter]], from line 2 on
		t.Helper()
		f("[[inputs.meter]]\n"+keys+"\n[[outputs.page]]\n", want...)
	}
	out := func(keys string, want ...string) { // below [[outputs.store]], from line 2 on
		t.Helper()
		f("[[outputs.store]]\n"+keys+"\n[[inputs.meter]]\n", want...)
	}
	proc := func(keys string, want ...string) { // below [[processors.peak]], from line 2 on
		t.Helper()
		f("[[processors.peak]]\n"+keys+ends, want...)
	}

	// Syntax.
	f("[[inputs.meter]\n", "1: is not valid TOML: expected end of table array name delimiter ']', but got '\\n' instead: a heading that begins with [[ ends with ]]")
	f("a = 1\na = 2\n", "2: is not valid TOML: Key 'a' has already been defined: give it once")
	f("\n\n[[inputs.meter]]\ninterval = 10s\n[[outputs.page]]", "4: is not valid TOML: expected a top-level item to end with a newline, comment, or EOF, but got 's' instead: a string, a duration or a size stands in quotes")
	f("[agent]\nhostname = edge", "2: is not valid TOML: expected value but found \"edge\" instead: a string, a duration or a size stands in quotes")
	f("[agent]\nhostname = \"x\n", "2: is not valid TOML: strings cannot contain newlines: a string ends on its line, with the quote that it begins with")
	f("x = \"\"\"\n\n", "2: is not valid TOML: unexpected EOF; expected '\"\"\"'")

	// The root.
	f("agnt = 1"+ends, "1: unknown key `agnt`: did you mean `agent`?")
	f("[agents]\ninterval = \"1s\""+ends, "1: unknown key `agents`: did you mean `agent`?")
	f("[Agent]"+ends, "1: unknown key `Agent`: did you mean `agent`?")
	f("interval = \"1s\""+ends, "1: unknown key `interval`: it belongs under [agent]")
	f("zzz.y = 1"+ends, "1: unknown key `zzz`: at the top stand [agent], [[inputs.NAME]], [[processors.NAME]] and [[outputs.NAME]]")
	f("[[input.meter]]"+ends, "1: unknown key `input`: did you mean `inputs`?")
	f("agent = 1"+ends, "1: `agent` is not a table: write it as [agent]")
	f("[[agent]]"+ends, "1: `agent` is not a table: write it as [agent]")
	f("inputs = 1\n[[outputs.page]]", "1: `inputs` names no plugin: write [[inputs.NAME]]")
	f("[[inputs]]\n[[outputs.page]]", "1: `inputs` names no plugin: write [[inputs.NAME]]")
	f("", " there is no input: add one, such as [[inputs.meter]]", " there is no output: add one, such as [[outputs.store]]")
	f("[[inputs.meter]]", " there is no output: add one, such as [[outputs.store]]")
	f("[[outputs.page]]", " there is no input: add one, such as [[inputs.meter]]")

	// [agent].
	agent := func(keys string, want ...string) {
		t.Helper()
		f("[agent]\n"+keys+ends, want...)
	}
	agent("intervall = \"1s\"", "2: unknown key `intervall` in [agent]: did you mean `interval`?")
	agent("intervall = \"1s\"\nhttp = \"here\"\ntags = { \"\" = \"x\" }", "2: unknown key `intervall` in [agent]: did you mean `interval`?",
		"3: `http` in [agent]: is not an address: write it as \"127.0.0.1:9445\", or \":9445\" for all addresses", "4: `tags` in [agent]: has a tag without a name")
	agent("interval = 1", "2: `interval` in [agent]: is not a duration: write it as \"1s\"")
	agent("interval = \"1\"", "2: `interval` in [agent]: is not a duration: write it as \"1s\"")
	agent("interval = \"10us\"", "2: `interval` in [agent]: must be at least 1ms")
	agent("interval = \"0s\"", "2: `interval` in [agent]: must be at least 1ms")
	agent("shutdown_grace = \"-1s\"", "2: `shutdown_grace` in [agent]: must not be negative")
	agent("log_level = \"warning\"", "2: `log_level` in [agent]: must be one of \"debug\", \"info\", \"warn\", \"error\": did you mean `warn`?")
	agent("http = \"9445\"", "2: `http` in [agent]: is not an address: write it as \"127.0.0.1:9445\", or \":9445\" for all addresses")
	agent("http = \"localhost:http\"", "2: `http` in [agent]: is not an address: write it as \"127.0.0.1:9445\", or \":9445\" for all addresses")
	agent("http_tls = { cert = \"c.pem\" }", "2: `http_tls` in [agent]: has one of `cert` and `key`: give both")
	agent("http_auth = { user = \"u\" }", "2: `http_auth` in [agent]: has one of `user` and `password`: give both")
	agent("log_format = \"xml\"", "2: `log_format` in [agent]: must be one of \"text\", \"json\"")
	agent("hostname = \"${env:GPULINE_TEST_NONE}\"", "2: `hostname` in [agent]: environment variable GPULINE_TEST_NONE is not set")
	agent("[agent.tags]\nsite = 7\nrack = true", "3: `tags.site` in [agent]: must be a string, not an integer: write it in quotes",
		"4: `tags.rack` in [agent]: must be a string, not a boolean: write it in quotes")
	agent("tags = { \"\" = \"x\" }", "2: `tags` in [agent]: has a tag without a name")
	agent("[[agent.tags]]", "2: `tags` in [agent]: must be a table, not a list of tables: write its heading in single brackets, [ … ]")
	agent("interval = 5\nhttp = 6\n\nzzz = 7", "2: `interval` in [agent]: is not a duration: write it as \"5s\"",
		"3: `http` in [agent]: must be a string, not an integer: write it in quotes", "5: unknown key `zzz` in [agent]: `gpuline plugins docs` lists the keys")

	// Names of plugins.
	f("[[inputs.metre]]"+ends, "1: unknown input `metre`: did you mean `meter`? there are meter, listener")
	f("[[inputs.nvml]]\nx = 1"+ends, "1: unknown input `nvml`: there are meter, listener")
	f("[[inputs.peak]]"+ends, "1: unknown input `peak`: it is a processor; there are meter, listener")
	f("[[outputs.meter]]"+ends, "1: unknown output `meter`: it is an input; there are store, page")
	f("[[processors.peek]]"+ends, "1: unknown processor `peek`: did you mean `peak`? there are peak, average, threshold")
	f("[[inputs.meter]]\n[[inputs.meter.processors.x]]\n[[outputs.page]]", "2: unknown processor `x`: there are peak, average, threshold")
	f("[[outputs.pag]]\n[[outputs.pag.processors.peak]]\nperiod = 1\n[[inputs.meter]]",
		"1: unknown output `pag`: did you mean `page`? there are store, page",
		"3: `period` in [[outputs.pag.processors.peak]]: is not a duration: write it as \"1s\"")

	// Headings.
	f("[inputs.meter]\ngpus = 0\n[[outputs.page]]", "1: [inputs.meter] is one of several: write it in double brackets, [[inputs.meter]]",
		"2: `gpus` in [[inputs.meter]]: must be at least 1")
	f("[inputs]\nmeter = 1\n[[outputs.page]]", "2: `inputs.meter` is not a plugin's table: write it as [[inputs.meter]]")
	f("[inputs]\n[[outputs.page]]", " there is no input: add one, such as [[inputs.meter]]")
	f("inputs.meter = [{}]\n[[outputs.page]]", "1: `inputs.meter` is not a plugin's table: write it as [[inputs.meter]]")
	in("[inputs.meter.processors.peak]", "2: [inputs.meter.processors.peak] is one of several: write it in double brackets, [[inputs.meter.processors.peak]]")
	in("processors.peak.period = \"1s\"", "2: `inputs.meter.processors.peak.period` has no [[inputs.meter.processors.peak]] above it: a nested table needs its parent in the same file")
	in("processors = 1", "2: `inputs.meter.processors` names no plugin: write [[inputs.meter.processors.NAME]]")
	f("[[outputs.page]]\n[[inputs.meter.processors.peak]]\nperiod = 1", "2: `inputs.meter.processors.peak` has no [[inputs.meter]] above it: a nested table needs its parent in the same file",
		"3: `period` in [[inputs.meter.processors.peak]]: is not a duration: write it as \"1s\"")
	f("[[inputs.meter.processors.peak]]\n[[inputs.meter]]\n[[outputs.page]]", "2: is not valid TOML: Key 'inputs.meter' was already created and cannot be used as an array: a table in double brackets stands above the tables nested in it")
	f("[inputs.meter.filter]\nfields = []\n[[outputs.page]]", "1: `inputs.meter.filter` has no [[inputs.meter]] above it: a nested table needs its parent in the same file")
	proc("[[processors.peak.processors.peak]]", "2: unknown key `processors` in [[processors.peak]]: [[processors.NAME]] stands at the top, or below an input or an output")
	in("[[inputs.meter.outputs.page]]", "2: unknown key `outputs` in [[inputs.meter]]: [[outputs.NAME]] stands at the top")

	// Keys of plugins.
	in("intervall = \"1s\"", "2: unknown key `intervall` in [[inputs.meter]]: did you mean `interval`?")
	in("Interval = \"1s\"", "2: unknown key `Interval` in [[inputs.meter]]: did you mean `interval`?")
	in("device = []", "2: unknown key `device` in [[inputs.meter]]: did you mean `devices`?")
	in("batch_size = 1", "2: unknown key `batch_size` in [[inputs.meter]]: `gpuline plugins docs` lists the keys")
	in("naming = \"dcgm\"", "2: unknown key `naming` in [[inputs.meter]]: `gpuline plugins docs` lists the keys")
	in("interval = 10", "2: `interval` in [[inputs.meter]]: is not a duration: write it as \"10s\"")
	in("interval = \"100us\"", "2: `interval` in [[inputs.meter]]: must be at least 1ms")
	in("timeout = \"0s\"", "2: `timeout` in [[inputs.meter]]: must be at least 1ms")
	in("timeout = 3", "2: `timeout` in [[inputs.meter]]: is not a duration: write it as \"3s\"")
	in("gpus = \"4\"", "2: `gpus` in [[inputs.meter]]: must be an integer, not a string: write it without quotes")
	in("gpus = 65", "2: `gpus` in [[inputs.meter]]: must be at most 64")
	in("gpus = 13", "1: [[inputs.meter]]: no more can be said", "2: `gpus` in [[inputs.meter]]: brings bad luck: take 12")
	in("gpus = 14", "2: `gpus` in [[inputs.meter]]: is refused")
	in("mode = \"strem\"", "2: `mode` in [[inputs.meter]]: must be one of \"stream\", \"query\", \"xml\": did you mean `stream`?")
	in("devices = \"0\"", "2: `devices` in [[inputs.meter]]: must be a list of strings, not a string: write it in brackets, [ … ]")
	in("devices = [\n\"0\",\n1 ]", "4: `devices` in [[inputs.meter]]: must be a string, not an integer: write it in quotes")
	in("alias = 7", "2: `alias` in [[inputs.meter]]: must be a string, not an integer: write it in quotes")
	in("log_level = \"Info\"", "2: `log_level` in [[inputs.meter]]: must be one of \"debug\", \"info\", \"warn\", \"error\": did you mean `info`?")
	in("tags = [\"a\"]", "2: `tags` in [[inputs.meter]]: must be a table, not a list: write it in braces, { KEY = VALUE }")
	in("filter = { metric = [] }", "2: unknown key `filter.metric` in [[inputs.meter]]: did you mean `metrics`?")
	in("[inputs.meter.filter]\nfields = [\n\"!\"]\n[inputs.meter.filter.tags]\na = \"b\"",
		"4: `filter.fields` in [[inputs.meter]]: is an empty glob: write \"*\" for everything",
		"6: `filter.tags.a` in [[inputs.meter]]: must be a list of strings, not a string: write it in brackets, [ … ]")
	in("filter.fields = [\n\"a\",\n\"!\"]", "4: `filter.fields` in [[inputs.meter]]: is an empty glob: write \"*\" for everything")
	proc("period = \"10 s\"", "2: `period` in [[processors.peak]]: is not a duration: write it as \"10s\"")
	proc("period = \"soon\"", "2: `period` in [[processors.peak]]: is not a duration: write it as \"10s\", \"1m30s\" or \"100ms\"")
	proc("interval = \"1s\"", "2: unknown key `interval` in [[processors.peak]]: inputs have one; an output has its flush_interval, a window its period")
	proc("above = { a = \"x\" }", "2: `above.a` in [[processors.peak]]: must be a number, not a string")
	proc("[[processors.peak.rules]]\nname = \"a\"\n[[processors.peak.rules]]\nfor = 1\n",
		"4: `rules.name` in [[processors.peak]]: is required", "5: `rules.for` in [[processors.peak]]: is not a duration: write it as \"1s\"")
	proc("rules = [ {name = \"a\"},\n {nam = \"b\"} ]", "3: unknown key `rules.nam` in [[processors.peak]]: did you mean `name`?")
	proc("[processors.peak.rules]\nname = \"a\"", "2: `rules` in [[processors.peak]]: must be a list of tables, not a table: write its heading in double brackets, [[ … ]]")
	out("format = \"json\"", "1: `url` in [[outputs.store]]: is required")
	out("url = \"\"", "2: `url` in [[outputs.store]]: is required and must not be empty")
	out("url = \"ftp://x\"", "1: [[outputs.store]]: url \"ftp://x\": unknown scheme")
	out("url = \"x\"\nqueue = { max_bytes = \"1 hog\", when_full = \"drop\", dsk = \"/x\" }",
		"3: `queue.max_bytes` in [[outputs.store]]: is not a size: write it as \"512MB\" or \"32MiB\"",
		"3: `queue.when_full` in [[outputs.store]]: must be one of \"drop_oldest\", \"drop_newest\", \"block\"",
		"3: unknown key `queue.dsk` in [[outputs.store]]: did you mean `disk`?")
	out("url = \"x\"\nqueue.disk = \"queue\"", "3: `queue.disk` in [[outputs.store]]: is not an absolute path: write it as \"/var/lib/gpuline/NAME\"")
	out("url = \"x\"\ntimeout = \"2562047h\"", "3: `timeout` in [[outputs.store]]: must be at most 8760h")
	out("url = \"x\"\nqueue.max_age = \"1s\"", "3: `queue.max_age` in [[outputs.store]]: is no longer than the flush_interval of 1s: a batch that waits to fill expires: make it longer, or flush_interval shorter")
	out("url = \"x\"\nflush_interval = \"0s\"\nqueue.max_age = \"1ms\"")
	out("url = \"x\"\nqueue = \"16MB\"", "3: `queue` in [[outputs.store]]: must be a table, not a string: write it in braces, { KEY = VALUE }")
	out("url = \"x\"\nbatch_size = 0", "3: `batch_size` in [[outputs.store]]: must be at least 1")
	out("url = \"x\"\nrequired = \"yes\"", "3: `required` in [[outputs.store]]: must be true or false, not a string")
	out("url = \"x\"\nsamples = \"true\"", "3: `samples` in [[outputs.store]]: must be true or false, not a string: write it without quotes")
	out("url = \"x\"\nflush_interval = 1.5", "3: `flush_interval` in [[outputs.store]]: is not a duration: write it as \"1.5s\"")
	out("url = \"x\"\n[outputs.store.header]\n\"a b\" = 1", "4: `header.\"a b\"` in [[outputs.store]]: must be a string, not an integer: write it in quotes")

	// A refused key hides nothing about the others, and what is said about them does not come of its absence.
	in("gpus = 13\ndevices = 5", "1: [[inputs.meter]]: no more can be said", "2: `gpus` in [[inputs.meter]]: brings bad luck: take 12",
		"3: `devices` in [[inputs.meter]]: must be a list of strings, not an integer: write it in brackets, [ … ]")
	in("gpus = 13\nmod = \"xml\"\nintervall = \"1s\"", "1: [[inputs.meter]]: no more can be said", "2: `gpus` in [[inputs.meter]]: brings bad luck: take 12",
		"3: unknown key `mod` in [[inputs.meter]]: did you mean `mode`?", "4: unknown key `intervall` in [[inputs.meter]]: did you mean `interval`?")
	in("mode = 5\ntoken = \"x\"", "2: `mode` in [[inputs.meter]]: must be a string, not an integer: write it in quotes")
	in("token = 5\nmode = \"xml\"", "2: `token` in [[inputs.meter]]: must be a string, not an integer: write it in quotes")
	out("url = \"x\"\nflush_interval = 1.5\nqueue.max_age = \"1s\"", "3: `flush_interval` in [[outputs.store]]: is not a duration: write it as \"1.5s\"")
	out("url = \"x\"\nbatch_size = 0\nqueue.max_age = \"1s\"", "3: `batch_size` in [[outputs.store]]: must be at least 1",
		"4: `queue.max_age` in [[outputs.store]]: is no longer than the flush_interval of 1s: a batch that waits to fill expires: make it longer, or flush_interval shorter")

	// Instances.
	in("alias = \"a\"\n[[inputs.meter]]\nalias = \"a\"", "4: `alias` in [[inputs.meter]]: \"a\" is taken by the input at a.toml:1")
	in("gpus = 0\n[[inputs.meter]]\n[[inputs.meter]]\ngpus = 0", "2: `gpus` in [[inputs.meter]]: must be at least 1",
		"5: `gpus` in [[inputs.meter]]: must be at least 1")

	// References.
	in("token = \"${env:GPULINE_TEST_NONE}\"", "2: `token` in [[inputs.meter]]: environment variable GPULINE_TEST_NONE is not set")
	in("token = \"${cred:none}\"", "2: `token` in [[inputs.meter]]: credential none is not in $CREDENTIALS_DIRECTORY: write LoadCredential=none:PATH into the unit")
	in("token = \"${cred:../none}\"", "2: `token` in [[inputs.meter]]: credential ../none is not a plain name")
	in("token = \"${file:/nonexistent}\"", "2: `token` in [[inputs.meter]]: file /nonexistent cannot be read: no such file or directory")
	in("token = \"${file:/dev/zero}\"", "2: `token` in [[inputs.meter]]: file /dev/zero cannot be read: it is a device: name a file")
	in("token = \"${env:GPULINE_TEST_SECRET\"", "2: `token` in [[inputs.meter]]: has ${ without }: write $${ for a plain ${")
	in("token = \"${GPULINE_TEST_SECRET}\"", "2: `token` in [[inputs.meter]]: has an unknown reference: write ${env:NAME}, ${file:PATH} or ${cred:NAME}, or $${ for a plain ${")
	in("token = \"${env:}\"", "2: `token` in [[inputs.meter]]: has an unknown reference: write ${env:NAME}, ${file:PATH} or ${cred:NAME}, or $${ for a plain ${")
	in("devices = [\"0\",\n\"${env:GPULINE_TEST_NONE}\"]", "3: `devices` in [[inputs.meter]]: environment variable GPULINE_TEST_NONE is not set")
	in("mode = \"${env:GPULINE_TEST_SECRET}\"", "2: `mode` in [[inputs.meter]]: must be one of \"stream\", \"query\", \"xml\"")
	in("interval = \"${env:GPULINE_TEST_SECRET}\"", "2: `interval` in [[inputs.meter]]: is not a duration: write it as \"10s\", \"1m30s\" or \"100ms\"")
	in("mode = \"xml\"\ntoken = \"${env:GPULINE_TEST_SECRET}\"", "1: [[inputs.meter]]: token *** of no use")
	out("url = \"ftp://${env:GPULINE_TEST_SECRET}\"", "1: [[outputs.store]]: url \"ftp://***\": unknown scheme")
	out("url = \"${env:GPULINE_TEST_NONE}\"\nqueue.max_age = \"${env:GPULINE_TEST_NONE}\"", "2: `url` in [[outputs.store]]: environment variable GPULINE_TEST_NONE is not set",
		"3: `queue.max_age` in [[outputs.store]]: environment variable GPULINE_TEST_NONE is not set")
	in("gpus = 13\ntoken = \"${env:GPULINE_TEST_NONE}\"", "1: [[inputs.meter]]: no more can be said", "2: `gpus` in [[inputs.meter]]: brings bad luck: take 12",
		"3: `token` in [[inputs.meter]]: environment variable GPULINE_TEST_NONE is not set")
	if err := os.Unsetenv("CREDENTIALS_DIRECTORY"); err != nil {
		t.Fatal(err)
	}
	in("token = \"${cred:none}\"", "2: `token` in [[inputs.meter]]: credential none cannot be read: $CREDENTIALS_DIRECTORY is not set, as systemd does for LoadCredential=: in a shell set it to the folder of a file none")
}

func TestFilesAndFoldersWithFaults(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	f := func(files map[string]string, paths []string, want ...string) {
		t.Helper()
		if err := os.RemoveAll("d"); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("d/empty", 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join("d", name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(fakes(), paths)
		var got []string
		if err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	type files = map[string]string
	one := []string{"d"}
	if err := os.MkdirAll("links", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"links/a.toml", "links/b.toml"} {
		if err := os.Symlink("/nonexistent", link); err != nil {
			t.Fatal(err)
		}
	}
	f(nil, []string{"links"}, "links/a.toml: cannot be read: no such file or directory", "links/b.toml: cannot be read: no such file or directory")
	f(nil, nil, "no configuration file is given")
	f(nil, []string{"d/none.toml"}, "d/none.toml: there is no such file or folder")
	f(nil, []string{"d/empty"}, "d/empty: the folder holds no *.toml file")
	f(files{"big.toml": strings.Repeat("#", 2<<20)}, one, "d/big.toml: cannot be read: it is longer than 1048576 bytes")
	f(files{"a.toml": "x", "b.toml": "y = 1"}, one, "d/a.toml:1: is not valid TOML: unexpected EOF; expected key separator '=': write KEY = VALUE", "d/b.toml:1: unknown key `y`: at the top stand [agent], [[inputs.NAME]], [[processors.NAME]] and [[outputs.NAME]]")
	f(files{"a.toml": "", "b.toml": "[[inputs.meter]]"}, one, "d/a.toml, d/b.toml: there is no output: add one, such as [[outputs.store]]")
	f(files{"a.toml": "[[inputs.meter]]", "b.toml": "[[inputs.meter.processors.peak]]\n[[outputs.page]]"}, one,
		"d/b.toml:1: `inputs.meter.processors.peak` has no [[inputs.meter]] above it: a nested table needs its parent in the same file")
	f(files{"a.toml": "[agent]\ninterval = \"1s\"\n[agent.tags]\na = \"1\"\nb = \"1\"" + ends, "b.toml": "[agent]\ninterval = \"2s\"\n[agent.tags]\na = \"1\"\nb = \"2\""}, one,
		"d/b.toml:2: `interval` in [agent]: has another value at d/a.toml:2", "d/b.toml:5: `tags.b` in [agent]: has another value at d/a.toml:5")
	f(files{"a.toml": "[[inputs.meter]]\nalias = \"x\"", "b.toml": "[[inputs.meter]]\nalias = \"x\"\n[[outputs.page]]"}, one,
		"d/b.toml:2: `alias` in [[inputs.meter]]: \"x\" is taken by the input at d/a.toml:1")
	f(files{"a.toml": "[[inputs.meter]]", "b.toml": "[[outputs.page]]"}, []string{"d/a.toml", "d", "./d/b.toml"})
}

func TestHostileFilesAreFaulty(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse(fakes(), "a.toml", []byte(text)); err == nil || err.Error() != "a.toml:"+want {
			t.Errorf("%.20q…: %v, want %s", text, err, want)
		}
	}
	f("\nx = "+strings.Repeat("[", 1e6), "2: nests more than 64 deep")
	f("x = "+strings.Repeat("[", 1e5)+strings.Repeat("]", 1e5), "1: nests more than 64 deep")
	f("x = "+strings.Repeat("{a=", 1e5), "1: nests more than 64 deep")
	f("x = {\n"+strings.Repeat("a.", 1e5)+"b = 1}", "2: nests more than 64 deep")
	f("["+strings.Repeat("a.", 1e5)+"b]", "1: nests more than 64 deep")
	f("x\x00", "1: is not valid TOML: files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8")
	f("abc = \"\xff\"", "1: is not valid TOML: invalid UTF-8 byte: 0xff: save the file as UTF-8")
	f("abc = '\x1b[2J'", "1: is not valid TOML: TOML files cannot contain control characters: '0x1b'")
	f("abc = \"\\u12\"", "1: is not valid TOML: expected four hexadecimal digits after '\\u', but got \"\\\\u12\\\"\" instead: write \\\\ for a plain \\, or take single quotes")
}

func TestFaultsOfPluginsThemselves(t *testing.T) {
	f := func(change func(*sdk.Definition), want string) {
		t.Helper()
		r := fakes()
		change(&r[0])
		_, err := Parse(r, "a.toml", []byte(ends))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	f(func(d *sdk.Definition) { d.Common = map[string]any{"timeot": "1s"} },
		"a.toml:2: [[inputs.meter]]: the plugin is faulty: default of a common key: `timeot`: unknown key: did you mean `timeout`?")
	f(func(d *sdk.Definition) {
		d.NewConfig = func() any {
			return &struct {
				A int `toml:"a" default:"x"`
			}{}
		}
	}, "a.toml:2: [[inputs.meter]]: the plugin is faulty: struct {")
}

// FuzzParse: whatever a file says, there is a plan or faults, each with its line: of a file that stands two lines
// further down the same faults, two lines further down.
func FuzzParse(f *testing.F) {
	f.Add("[agent]\ninterval = \"1s\"\n[[inputs.meter]]\ngpus = 3\n[[inputs.meter.processors.peak]]\nabove = {a = 1}\n[[outputs.page]]")
	f.Add("[inputs.meter]\n[[inputs.meter.processors.peak]]\n[processors.peak.x]\n[[outputs.store]]\nurl = '$${x}${env:Y}'")
	f.Add("inputs.meter = [{processors = {peak = [{}]}}]\nprocessors = [[]]\noutputs = {store = {}}")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "${file") {
			return // which may be anything on this machine
		}
		plan, err := Parse(fakes(), "a.toml", []byte(text))
		if (len(plan.Inputs) == 0) == (err == nil) {
			t.Fatalf("plan %v and error %v", plan, err)
		}
		if err == nil {
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(line, "a.toml:") || strings.ContainsAny(line, "\r\t") {
				t.Fatalf("fault %q", line)
			}
		}
		if strings.HasPrefix(text, "\ufeff") {
			return // which may stand at the start alone
		}
		_, below := Parse(fakes(), "a.toml", []byte("\n\n"+text))
		if diff := cmp.Diff(faultPlace.ReplaceAllStringFunc(err.Error(), twoBelow), fmt.Sprint(below)); diff != "" {
			t.Fatalf("%q two lines further down: -want +got\n%s", text, diff)
		}
	})
}

var faultPlace = regexp.MustCompile(`a\.toml:[0-9]+`)

// twoBelow moves a place two lines down.
func twoBelow(at string) string {
	line, _ := strconv.Atoi(strings.TrimPrefix(at, "a.toml:")) // there are digits alone
	return fmt.Sprintf("a.toml:%d", line+2)
}
