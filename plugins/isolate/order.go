package isolate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// order is what a child is told on its standard input, as one line of JSON.
type order struct {
	Version  int             `json:"version"`
	Plugin   string          `json:"plugin"`
	Config   json.RawMessage `json:"config"`
	Host     string          `json:"host"`
	Level    slog.Level      `json:"level"`
	Interval time.Duration   `json:"interval"`
	Timeout  time.Duration   `json:"timeout"`
	Coalesce time.Duration   `json:"coalesce"` // rows wait for others at most so long
	Beat     time.Duration   `json:"beat"`     // between signs of life
	Now      int64           `json:"now"`      // the agent's time, which may be ahead of the host's clock
	Mark     []byte          `json:"mark"`     // behind the last rows of an earlier child; empty for none
}

const maxOrder = 1 << 20

// encodeConfig writes a configuration as JSON, and makes sure that the child will read the same: a secret,
// say, would not arrive.
func encodeConfig(config any) (json.RawMessage, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("configuration for a child process: %w", err)
	}
	if len(text) > maxOrder/2 {
		return nil, fmt.Errorf("configuration for a child process: %d bytes are too many", len(text))
	}
	again, err := decodeConfig(text, config)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(config, again) {
		return nil, fmt.Errorf("configuration for a child process: a %T changes on its way through JSON", config)
	}
	return text, nil
}

// decodeConfig reads a configuration of the type of like, a pointer to a struct.
func decodeConfig(text []byte, like any) (any, error) {
	t := reflect.TypeOf(like)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("configuration for a child process: a %T is no pointer", like)
	}
	config := reflect.New(t.Elem()).Interface() // not one with defaults: maps would merge
	if err := json.Unmarshal(text, config); err != nil {
		return nil, fmt.Errorf("configuration for a child process: %w", err)
	}
	return config, nil
}

// readOrder reads the line from r.
func readOrder(r *bufio.Reader) (*order, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			break
		}
		if len(line) > maxOrder || !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("read what to do: %w (gpuline starts this command itself)", err)
		}
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return nil, fmt.Errorf("read what to do: %w (gpuline starts this command itself)", err)
	}
	if o.Version != version {
		return &o, fmt.Errorf("the agent speaks version %d of the protocol and its child version %d, because the program was replaced: restart the agent: %w",
			o.Version, version, sdk.ErrPermanent)
	}
	return &o, nil
}

// plugin makes the plugin that the order names.
func (o *order) plugin(registry sdk.Registry) (any, error) {
	def := registry.Find(sdk.RoleInput, o.Plugin)
	if def == nil {
		return nil, fmt.Errorf("this program has no input %q", o.Plugin)
	}
	config, err := decodeConfig(o.Config, def.NewConfig())
	if err != nil {
		return nil, err
	}
	return def.New(config)
}
