package dcgm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// discoveryTimeout bounds dcgmi discovery, which waits for the driver where that is just being loaded.
const discoveryTimeout = 30 * time.Second

var errNoneListed = errors.New("it lists no GPU")

// discover asks dcgmi who the GPUs are: dmon itself prints numbers alone.
func (d *dmon) discover(ctx context.Context) (members, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	out, err := d.ask(ctx, "-l")
	gpus := parseDiscovery(out)
	if err != nil || len(gpus) == 0 {
		said := message(out)
		if exit, ok := errors.AsType[*child.ExitError](err); ok {
			said = message(out, exit.Stderr)
		}
		if err == nil {
			err = errNoneListed
		}
		return nil, fmt.Errorf("ask dcgmi which GPUs there are: %w", ended(err, said))
	}
	return gpus, nil
}

// discoverInstances adds the MIG instances that there are. An error says that it is not known which.
func (d *dmon) discoverInstances(ctx context.Context, all members) error {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	out, err := d.ask(ctx, "-c")
	if err == nil {
		all.addInstances(out)
	}
	return err
}

// ask runs dcgmi discovery.
func (d *dmon) ask(ctx context.Context, option string) ([]byte, error) {
	args := append([]string{"discovery"}, d.config.host()...)
	return d.launcher.Run(ctx, nil, append(args, option)...)
}

// parseDiscovery reads the table of dcgmi discovery -l:
//
//	8 GPUs found.
//	+--------+----------------------------------------------------------------------+
//	| GPU ID | Device Information                                                   |
//	+--------+----------------------------------------------------------------------+
//	| 0      | Name: NVIDIA H100 80GB HBM3                                          |
//	|        | PCI Bus ID: 00000000:1A:00.0                                         |
//	|        | Device UUID: GPU-01000100-0000-0000-0000-000000000000                |
//	+--------+----------------------------------------------------------------------+
//
// Switches and processors, whose tables follow, have no such UUID.
func parseDiscovery(out []byte) members {
	gpus := make(members)
	number, id := -1, identity{}
	keep := func() {
		if number >= 0 && strings.HasPrefix(id.uuid, "GPU-") {
			id.index = strconv.Itoa(number)
			gpus[member{wholeGPU, number}] = id
		}
		number, id = -1, identity{}
	}
	for line := range bytes.Lines(out) {
		cells := strings.Split(strings.TrimSpace(string(line)), "|")
		if len(cells) < 4 {
			keep()
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(cells[1])); err == nil {
			keep()
			number = n
		}
		key, value, ok := strings.Cut(cells[2], ":")
		if !ok {
			continue
		}
		value = strings.ToValidUTF8(strings.TrimSpace(value), "�")
		switch strings.TrimSpace(key) {
		case "Name":
			id.name = value
		case "PCI Bus ID":
			id.bus = value
		case "Device UUID":
			id.uuid = value
		}
	}
	keep()
	return gpus
}
