package host

import (
	"context"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is what all external plugins have in common: which program, and what it may.
type Config struct {
	Path         string            `toml:"path" doc:"The plugin's program, an absolute path. It and the folders above belong to root or to the agent's user, and nobody else can write there." required:"true"`
	SHA256       string            `toml:"sha256" doc:"Checksum of the program, as gpuline plugins sha256 prints it; any other program is refused. Without it, none is checked."`
	Plugin       string            `toml:"plugin" doc:"Which plugin of the program; needed where it has several of the kind."`
	Args         []string          `toml:"args" doc:"Arguments for the program."`
	Env          map[string]string `toml:"env" doc:"Environment variables for the program, which gets no others but PATH."`
	InheritEnv   []string          `toml:"inherit_env" doc:"Names of the agent's environment variables that the program gets too."`
	MaxMemory    sdk.Size          `toml:"max_memory" doc:"A plugin that occupies more, with the processes that it has started, is restarted; 0 for no bound." default:"512MiB"`
	StartTimeout time.Duration     `toml:"start_timeout" doc:"A process that has not started by then is killed, and tried again." default:"10s" min:"10ms"`
	StopTimeout  time.Duration     `toml:"stop_timeout" doc:"Time that the plugin gets to close before its process is killed." default:"3s"`
	HangTimeout  time.Duration     `toml:"hang_timeout" doc:"A process that gives no sign of life for so long is killed and restarted." default:"10s" min:"100ms"`
	MTLS         bool              `toml:"mtls" doc:"Encrypt and authenticate the connection, a socket in a folder of the agent's, all the same. Not every language's plugins can." default:"false"`
	Config       sdk.OpenTable     `toml:"config" doc:"The plugin's own keys: see its documentation, or PROGRAM docs."`

	role     sdk.Role
	programs *programs
}

// InputConfig is the table [[inputs.external]].
type InputConfig struct{ Config }

// ProcessorConfig is the table [[processors.external]].
type ProcessorConfig struct {
	Config
	Deadline time.Duration `toml:"deadline" doc:"A batch that the plugin has not given back by then counts as a fault; until the plugin has answered, those that follow do not wait." default:"1s" min:"1ms"`
	OnFault  string        `toml:"on_fault" doc:"What happens to batches while the plugin does not work: they pass it by, or are dropped as plugin_fault." default:"pass" enum:"pass|drop"`
}

// OutputConfig is the table [[outputs.external]].
type OutputConfig struct {
	Config
	DeadLetter string `toml:"dead_letter" doc:"File that takes the batches over which the plugin has crashed twice, as frames of the format record, up to 64 MiB; without one they are dropped as rejected."`
}

// Validate checks the keys, and the plugin's own where the program can be asked.
func (c *Config) Validate() error { return c.ValidateRest(nil) }

// ValidateRest does it without the keys that were refused. A program is not asked where they say which one it is,
// whether it may run, or what it sees: with other values it might be another.
func (c *Config) ValidateRest(refused []string) error {
	var faults sdk.FaultList
	if !filepath.IsAbs(c.Path) {
		faults.Add("is not an absolute path", `write it as "/usr/local/lib/gpuline/plugins/NAME"`, "path")
	}
	if c.SHA256 != "" {
		if sum, err := hex.DecodeString(c.SHA256); err != nil || len(sum) != 32 {
			faults.Add("is not a SHA-256 checksum", "write the 64 digits that `gpuline plugins sha256 "+c.Path+"` prints", "sha256")
		}
	}
	for name := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			faults.Add("has a name that no environment variable can have", "", "env")
		}
	}
	matters := func(key string) bool { return !slices.Contains(bystanders, key) }
	if len(faults) > 0 || c.programs == nil || slices.ContainsFunc(refused, matters) {
		return faults.Err()
	}
	found := c.programs.inspect(context.Background(), c)
	for _, fault := range found.faults {
		faults = append(faults, fault)
	}
	return faults.Err()
}

// bystanders are the keys that make no difference to what a program says about its configuration.
var bystanders = []string{"max_memory", "start_timeout", "stop_timeout", "hang_timeout", "deadline", "on_fault", "dead_letter"}

// Probe reports what keeps the program from running: an agent starts all the same, and goes on trying
// unless the fault is permanent.
func (c *Config) Probe() error {
	if err := c.programs.inspect(context.Background(), c).err; err != nil {
		return sdk.Fault{Path: []string{"path"}, Problem: strings.TrimPrefix(err.Error(), sdk.ErrPermanent.Error()+": ")}
	}
	return nil
}

// program returns what to start.
func (c *Config) program() *program { return &program{config: c, kill: killPatience} }
