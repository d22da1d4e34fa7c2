package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// card is the GPU that is measured, as nvidia-smi knows it.
type card struct {
	index, uuid, name, driver string
	mig                       bool
	oldPower                  bool // nvidia-smi knows no instant power
}

// find looks for nvidia-smi, and for the GPU: the one that is asked for, else the first of those that CUDA is let see.
func (b *bench) find(ctx context.Context) error {
	b.nvidiaSMI = "nvidia-smi"
	if _, err := exec.LookPath(b.nvidiaSMI); err != nil {
		b.nvidiaSMI = ""
		for _, dir := range []string{"/usr/bin", "/usr/local/nvidia/bin", "/usr/lib/wsl/lib", "/run/nvidia/driver/usr/bin", "/opt/bin"} {
			if _, err := os.Stat(dir + "/nvidia-smi"); err == nil {
				b.nvidiaSMI = dir + "/nvidia-smi"
				_ = os.Setenv("PATH", os.Getenv("PATH")+":"+dir) // for inputs.nvidia_smi
				break
			}
		}
		if b.nvidiaSMI == "" {
			return errors.New("there is no nvidia-smi on the PATH, nor where drivers put it")
		}
	}
	want := b.which
	if want == "" {
		want, _, _ = strings.Cut(os.Getenv("CUDA_VISIBLE_DEVICES"), ",")
	}
	if want == "" || strings.HasPrefix(want, "MIG-") {
		want = "0"
	}
	out, err := b.ask(ctx, want, "index,uuid,name,driver_version")
	if err != nil {
		return err
	}
	f := strings.SplitN(strings.TrimSpace(out), ", ", 4)
	if len(f) < 4 {
		return fmt.Errorf("nvidia-smi says %q of GPU %s", out, want)
	}
	b.gpu = card{index: f[0], uuid: f[1], name: f[2], driver: f[3]}
	mode, err := b.ask(ctx, want, "mig.mode.current")
	b.gpu.mig = err == nil && strings.HasPrefix(mode, "Enabled")
	_, err = b.ask(ctx, want, "power.draw.instant")
	b.gpu.oldPower = err != nil
	return nil
}

// ask asks nvidia-smi once, of one GPU.
func (b *bench) ask(ctx context.Context, gpu, what string) (string, error) {
	out, err := exec.CommandContext(ctx, b.nvidiaSMI, "-i", gpu, "--query-gpu="+what, "--format=csv,noheader").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nvidia-smi -i %s: %w: %s", gpu, err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// environment is that of a load, so that it works the GPU that is measured. CUDA has an order of its own.
func (b *bench) environment() []string {
	env := os.Environ()
	if os.Getenv("CUDA_VISIBLE_DEVICES") == "" {
		env = append(env, "CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_VISIBLE_DEVICES="+b.gpu.uuid)
	}
	return env
}
