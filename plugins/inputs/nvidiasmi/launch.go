package nvidiasmi

import (
	"context"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// launcher runs nvidia-smi.
type launcher struct{ *child.Launcher }

func newLauncher(path string, meter *sdk.Meter) *launcher {
	return &launcher{child.NewLauncher(program, path, "see `dmesg`; a GPU or the host needs a reset",
		meter.Counter("gpuline_nvidia_smi_abandoned_total", "Processes of nvidia-smi that could not be killed and were left behind."))}
}

// run runs nvidia-smi to its end and appends what it prints to buf, as [child.Launcher.Run] does.
func (l *launcher) run(ctx context.Context, buf []byte, args ...string) ([]byte, error) {
	out, err := l.Run(ctx, buf, args...)
	return out, explain(err, out)
}
