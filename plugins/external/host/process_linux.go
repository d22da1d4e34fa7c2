package host

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// setGroup gives the process a group of its own. When the agent is killed, the kernel sends it SIGTERM: that
// ends programs that know nothing of their lifeline. Those that do ignore it, and see to it that the
// processes which they have started end with them, as a SIGKILL would not. A group that has been stopped as a
// whole is woken by the kernel when it loses its parent; one whose threads are being stopped at that very instant
// ends when somebody wakes it.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
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
