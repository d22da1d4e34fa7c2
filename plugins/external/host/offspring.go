package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// burden is what the kernel tells of a process.
type burden struct {
	group    int
	cpu      float64 // s
	resident float64 // bytes
}

// weigh reads what a process costs. It is not ok where it has just ended, or there is no /proc.
func weigh(pid int) (p burden, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	_, rest, found := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 22 {
		return p, false
	}
	number := func(i int) float64 {
		n, _ := strconv.ParseFloat(fields[i], 64)
		return n
	}
	const ticks = 100 // USER_HZ, on every architecture that Go knows
	return burden{int(number(2)), (number(11) + number(12)) / ticks, number(21) * float64(os.Getpagesize())}, true
}

// mostOffspring bounds how many processes are looked at.
const mostOffspring = 256

// offspring returns the processes that descend from the leader of a group and are in it: a walk over those alone, since
// to look through all of /proc would cost milliseconds on a busy host. What has been handed to another parent is
// not found.
func offspring(leader int) (pids []int, resident float64) {
	for next, more := leader, 0; ; more++ {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", next)) // none where it has ended
		for _, task := range tasks {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", next, task.Name()))
			for word := range strings.FieldsSeq(string(text)) {
				pid, err := strconv.Atoi(word)
				if p, ok := weigh(pid); err == nil && ok && p.group == leader && len(pids) < mostOffspring {
					pids, resident = append(pids, pid), resident+p.resident
				}
			}
		}
		if more == len(pids) {
			return pids, resident
		}
		next = pids[more]
	}
}

// proportion returns what a process occupies where memory that it shares counts by halves, thirds and so on. That is
// dear to ask for: the kernel goes through all its pages.
func proportion(pid int) (size float64, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	_, rest, found := strings.Cut(string(text), "\nPss:")
	fields := strings.Fields(rest)
	if err != nil || !found || len(fields) == 0 {
		return 0, false
	}
	size, err = strconv.ParseFloat(fields[0], 64)
	return size * 1024, err == nil
}
