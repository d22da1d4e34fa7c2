//go:build soak

package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is what an agent takes at a moment.
type usage struct {
	at         time.Duration // since the start
	processes  map[string]occupied
	goroutines int
	page       map[string]float64 // gpuline_*, as the agent shows them
	lines      int                // of the page
}

// occupied is what a process takes.
type occupied struct {
	anonymous, pss, threads, files int // memory in KiB
}

// family returns the processes of an agent by name: itself, "child", and its plugins.
func family(agent int) map[string]int {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	found := map[string]int{"agent": agent}
	for _, path := range all {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[1] != strconv.Itoa(agent) || fields[0] == "Z" {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		words := strings.Split(string(line), "\x00")
		name := filepath.Base(words[0])
		if len(words) > 1 && words[1] == "child" {
			name = "child"
		}
		found[name], _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	}
	return found
}

// occupies looks at one process; it reports false where that has ended.
func occupies(pid int) (o occupied, ok bool) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	memory, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return o, false
	}
	for line := range strings.Lines(string(memory)) {
		words := strings.Fields(line)
		switch words[0] {
		case "Anonymous:":
			o.anonymous, _ = strconv.Atoi(words[1])
		case "Pss:":
			o.pss, _ = strconv.Atoi(words[1])
		}
	}
	threads, _ := os.ReadDir(dir + "task")
	files, _ := os.ReadDir(dir + "fd")
	o.threads, o.files = len(threads), len(files)
	return o, o.pss > 0
}

// cpu returns the processor time of the agent and of all processes that it has had, in seconds.
func (u *usage) cpu() float64 {
	sum := u.page["gpuline_cpu_seconds_total"] + u.page[figure("child_cpu_seconds_total", "inputs.nvml")]
	for _, plugin := range []string{"inputs.external", "processors.external", "outputs.external"} {
		sum += u.page[figure("plugin_cpu_seconds_total", plugin)]
	}
	return sum
}

// client gives up when the agent, which is stopped now and then, says nothing for too long.
var client = http.Client{Timeout: patience}

// figures reads the agent's page: its own figures, and how many lines there are.
func figures(url string) (own map[string]float64, lines int, err error) {
	answer, err := client.Get(url)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	own = make(map[string]float64)
	text := bufio.NewScanner(answer.Body)
	for text.Scan() {
		lines++
		line := text.Text()
		if end := strings.LastIndexByte(line, ' '); strings.HasPrefix(line, "gpuline_") {
			own[line[:end]], _ = strconv.ParseFloat(line[end+1:], 64)
		}
	}
	return own, lines, text.Err()
}

// goroutines returns how many goroutines the agent has.
func goroutines(url string) (n int, err error) {
	answer, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = fmt.Fscanf(answer.Body, "goroutine profile: total %d\n", &n)
	return n, err
}

// median returns the median of one number of those usages that have it: noise moves it least.
func median(all []usage, of func(*usage) (float64, bool)) float64 {
	var values []float64
	for i := range all {
		if v, ok := of(&all[i]); ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
