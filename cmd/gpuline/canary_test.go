package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// A canary is a secret that nothing may ever show. It has several words and what must be quoted, so that a
// message shows it even if it takes it apart.
const (
	word   = "c4n4ry"
	canary = `left ` + word + ` "right`
)

// secrets puts the canary where secrets come from, and returns the references to it and the environment that
// they need.
func secrets(t *testing.T) (references, environment []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"${env:CANARY}", "${file:" + filepath.Join(dir, "secret") + "}", "${cred:secret}"},
		[]string{"CANARY=" + canary, "CREDENTIALS_DIRECTORY=" + dir}
}

func wantNoCanary(t *testing.T, where, text string) {
	t.Helper()
	if i := strings.Index(strings.ToLower(text), word); i >= 0 {
		t.Errorf("%s shows the secret: … %s …", where, text[max(0, i-200):min(len(text), i+100)])
	}
}

// vault is an output that does all that a careless author does with a secret.
type vault struct {
	config *vaultConfig
	env    *sdk.Env
	writes int
}

type vaultConfig struct {
	Token sdk.Secret `toml:"token" doc:"A secret."`
	Inner struct {
		Password sdk.Secret `toml:"password" doc:"Another."`
	} `toml:"inner" doc:"A table."`
}

func (v *vault) Open(_ context.Context, env *sdk.Env) error {
	v.env = env
	env.Mux.Handle("/vault", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "%v %+v %#v %s %q %x", v.config, *v.config, v.config, v.config.Token, v.config.Token, v.config.Token)
	}))
	env.Log.Debug("opened", "config", v.config, "token", v.config.Token)
	return nil
}

func (v *vault) Write(context.Context, *sdk.Batch) error {
	v.writes++
	switch v.writes {
	case 1:
		return fmt.Errorf("cannot log in with %v of %+v: %w", v.config.Token, v.config, errors.New("refused"))
	case 2:
		panic(fmt.Sprintf("%#v %v", v.config, v))
	}
	return nil
}

// withVault makes the test binary run as the program with one output more: see TestMain.
const withVault = "vault"

var vaultDefinition = sdk.DefineOutput("vault", "for tests", "",
	func(c *vaultConfig) (sdk.Output, error) { return &vault{config: c}, nil })

// TestCanaryAtWork runs the whole agent on configurations that are full of secrets, and looks at all that
// comes out of it.
func TestCanaryAtWork(t *testing.T) {
	references, environment := secrets(t)
	proof := []string{"***", "cannot log in", "plugin panicked", "ledger read="}
	f := func(format, first, second string) {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			config := configFile(t, strings.NewReplacer("$1", first, "$2", second, "$3", format).Replace(`
[agent]
http = "127.0.0.1:0"
http_auth = { user = "operator", password = '$1' }
log_level = "debug"
log_format = "$3"
interval = "50ms"
self_interval = "100ms"
[[inputs.simulate]]
gpus = 1
[[outputs.prometheus]]
[[outputs.stdout]]
format = "json"
[[outputs.vault]]
token = '$1'
inner = { password = '$2' }
flush_interval = "10ms"
`))
			start := func(args ...string) (cmd *exec.Cmd, stdout, stderr *sdktest.Buffer) {
				cmd, stdout, stderr = subprocess(t, args...), new(sdktest.Buffer), new(sdktest.Buffer)
				cmd.Env = append(append(cmd.Env, environment...), asProgram+"="+withVault)
				cmd.Stdout, cmd.Stderr = stdout, stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				return cmd, stdout, stderr
			}
			end := func(cmd *exec.Cmd, stdout, stderr *sdktest.Buffer, parts ...string) {
				t.Helper()
				if err := cmd.Wait(); err != nil {
					t.Errorf("%v: %v\n%s", cmd.Args[1:], err, stderr)
				}
				wantNoCanary(t, "standard output", stdout.String())
				wantNoCanary(t, "standard error", stderr.String())
				for _, part := range parts {
					if !strings.Contains(stderr.String(), part) {
						t.Errorf("%v: standard error lacks %q, so that the test proves little:\n%s", cmd.Args[1:], part, stderr)
					}
				}
			}
			cmd, stdout, stderr := start("check", config)
			end(cmd, stdout, stderr)
			once, onceOut, onceErr := start("once", "-c", config)
			cmd, stdout, stderr = start("run", "-c", config)
			root := regexp.MustCompile(`http://127[0-9.:]+`).FindString(stderr.Await(t, "listening"))
			stderr.Await(t, "plugin panicked")
			for _, path := range []string{"/", "/metrics", "/vault", "/healthz", "/healthz/inputs", "/readyz", "/none"} {
				wantNoCanary(t, path+" without a password", get(t, root+path, ""))
				page := get(t, root+path, canary)
				wantNoCanary(t, path, page)
				if path == "/metrics" && !strings.Contains(page, "gpu_up") {
					t.Errorf("%s: %s", path, page)
				}
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			end(cmd, stdout, stderr, proof...)
			end(once, onceOut, onceErr, proof...)
		})
	}
	f("text", references[0], references[1])
	f("json", references[2], references[0])
}

// TestCanaryInFaults puts a secret into each key of each plugin, where most do not fit, and looks at what
// the loader says of it.
func TestCanaryInFaults(t *testing.T) {
	references, environment := secrets(t)
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	faults := 0
	try := func(heading, key, value string) {
		t.Helper()
		text := fmt.Sprintf("%s\n%s = %s\n", heading, key, value)
		if heading != "[agent]" {
			text += "[agent]\nhttp = \"\"\n"
		}
		_, err := conf.Parse(all.Plugins(), "agent.toml", []byte(text))
		if err != nil {
			faults++
			wantNoCanary(t, fmt.Sprintf("a fault of %q", text), err.Error())
		}
	}
	var each func(heading, prefix string, options []sdk.Option)
	each = func(heading, prefix string, options []sdk.Option) {
		for _, o := range options {
			key := prefix + o.Key
			for _, reference := range references {
				try(heading, key, "'"+reference+"'")
				try(heading, key, "'x > "+reference+" and'")
				try(heading, key, "['"+reference+"']")
				try(heading, key, "{ x = '"+reference+"' }")
				try(heading, key, "[{ name = '"+reference+"', when = 'x > "+reference+"', tags = { a = '"+reference+"' } }]")
			}
			each(heading, key+".", o.Options)
		}
	}
	common := []sdk.Option{
		{Key: "alias"},
		{Key: "log_level"},
		{Key: "filter"},
		{Key: "interval"},
		{Key: "timeout"},
		{Key: "tags"},
		{Key: "queue"},
		{Key: "queue.disk"},
		{Key: "queue.max_bytes"},
		{Key: "queue.when_full"},
		{Key: "batch_size"},
		{Key: "naming"},
		{Key: "no_such_key"},
	}
	for _, def := range all.Plugins() {
		options, err := sdk.Options(def.NewConfig())
		if err != nil {
			t.Fatal(err)
		}
		each("[["+def.Role.String()+"."+def.Name+"]]", "", append(options, common...))
	}
	each("[agent]", "", []sdk.Option{
		{Key: "hostname"},
		{Key: "interval"},
		{Key: "http"},
		{Key: "http_tls"},
		{Key: "http_auth"},
		{Key: "http_auth.password"},
		{Key: "log_level"},
		{Key: "log_format"},
		{Key: "self_interval"},
		{Key: "shutdown_grace"},
		{Key: "no_such_key"},
	})
	if faults < 100 {
		t.Errorf("%d faults, so that the test proves little", faults)
	}
}

func get(t *testing.T, url, password string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		request.SetBasicAuth("operator", password)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(response.Header) + string(page)
}
