package host

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// setGroup gives the process a group of its own. It dies with the thread that starts it, which waits for
// it: when the agent is killed, even a plugin that is stopped or deaf ends.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(pid int) error { return unix.Kill(-pid, unix.SIGKILL) }

// killRest waits until the process has ended, and kills what it has left behind in its group. The process
// has not been waited for yet, so its number is not another's.
func killRest(pid int) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	_ = killGroup(pid)
}
