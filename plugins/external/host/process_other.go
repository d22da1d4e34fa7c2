//go:build !linux

package host

import (
	"os"
	"os/exec"
)

func setGroup(*exec.Cmd) {}

func killGroup(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

func killRest(int) {}
