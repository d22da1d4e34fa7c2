package dcgm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
)

// asked returns the command lines of the runs of dcgmi dmon.
func asked() []string { return childtest.Notes("start") }

// playDcgmi plays dcgmi. What it prints has the form of DCGM's own source, dcgmi/DeviceMonitor.cpp: columns padded
// with blanks, what is too long cut, a header each 14 rounds.
func playDcgmi(scenario string, args []string) int {
	switch args[0] {
	case "discovery":
		if args[len(args)-1] == "-c" {
			return playHierarchy(scenario)
		}
		return playDiscovery(scenario)
	case "dmon":
	default:
		fmt.Println("unknown subsystem")
		return 1
	}
	p := player{scenario: scenario, start: childtest.Note("start", strings.Join(args, " ")), delay: time.Second}
	for i, arg := range args {
		switch arg {
		case "-e":
			for id := range strings.SplitSeq(args[i+1], ",") {
				n, _ := strconv.Atoi(id)
				p.ids = append(p.ids, n)
			}
		case "-d":
			ms, _ := strconv.Atoi(args[i+1])
			p.delay = time.Duration(ms) * time.Millisecond
		case "-i":
			p.asked = args[i+1]
		}
	}
	return p.play()
}

func playDiscovery(scenario string) int {
	const rule = "+--------+----------------------------------------------------------------------+\n"
	if scenario == "down" {
		fmt.Println("Error: unable to establish a connection to the specified host: localhost")
		fmt.Println("Error: Unable to connect to host engine. Host engine connection invalid/disconnected.")
		return 235
	}
	if scenario == "vanishes" && len(childtest.Notes("start")) > 0 {
		fmt.Print("0 GPUs found.\n" + rule + "| GPU ID | Device Information                                                   |\n" + rule)
		return 0
	}
	fmt.Print("3 GPUs found.\n" + rule + "| GPU ID | Device Information                                                   |\n" + rule)
	for i := range 3 {
		if scenario == "stranger" && i == 2 {
			continue
		}
		row := func(number, text string) { fmt.Printf("| %-6s | %-68s |\n", number, text) }
		row(strconv.Itoa(i), "Name: NVIDIA H100 80GB HBM3")
		row("", fmt.Sprintf("PCI Bus ID: 00000000:%02X:00.0", 0x1a+i))
		row("", fmt.Sprintf("Device UUID: GPU-0100-%d", i))
		fmt.Print(rule)
	}
	fmt.Print("0 NvSwitches found.\n+-----------+\n| Switch ID |\n+-----------+\n+-----------+\n")
	return 0
}

// playHierarchy lists MIG instances: GPU 1 has two, the second with two compute instances. Once dmon runs, the second has
// gone in the scenario migcut, it cannot be told in the scenario migmute, and only then they are there in the scenario latemig.
func playHierarchy(scenario string) int {
	if scenario == "old" {
		fmt.Println("ERROR: Couldn't find match for argument: -c")
		return 1
	}
	started := len(childtest.Notes("start")) > 0
	if scenario == "migmute" && started {
		childtest.Note("mute", "")
		return 1
	}
	fmt.Print("+-------------------+--------------------------------------------------------------------+\n| Instance Hierarchy                                                                     |\n" +
		"+===================+====================================================================+\n")
	row := func(name, text string) { fmt.Printf("| %-17s | %-66s |\n", name, text) }
	if strings.HasPrefix(scenario, "mig") || scenario == "latemig" && started {
		row("GPU 1", "GPU GPU-0100-1 (EntityID: 1)")
		row("-> I 1/1", "GPU Instance (EntityID: 9)")
		row("   -> CI 1/1/0", "Compute Instance (EntityID: 9)")
		if scenario != "migcut" || !started {
			row("-> I 1/5", "GPU Instance (EntityID: 8)")
			row("   -> CI 1/5/0", "Compute Instance (EntityID: 10)")
			row("   -> CI 1/5/1", "Compute Instance (EntityID: 111)")
		}
	}
	fmt.Print("+-------------------+--------------------------------------------------------------------+\n")
	return 0
}

// What dmon says of a hostengine that is not ready yet, by scenario: it says nothing of the fields.
var passing = map[string]string{
	"paused":   "Error setting watches. Result: -54: The hostengine and all modules are paused",
	"severed":  "Error setting watches. Result: -21: The connection to the host engine is not valid any longer",
	"deserted": "No data returned from the hostengine.",
	"no group": "Error: The field group or entity group is empty.",
}

type player struct {
	scenario string
	asked    string // by -i
	start    int
	ids      []int
	delay    time.Duration
}

func (p *player) play() int {
	switch p.scenario {
	case "old":
		if slices.Contains(p.ids, 1420) {
			fmt.Println("Error: Unknown field ID 1420")
			return 243
		}
	case "noprofiling":
		if slices.Contains(p.ids, 1001) {
			fmt.Println("Error setting watches. Result: -36: Profiling is not supported for this group of GPUs or GPU")
			return 220
		}
	}
	if text, ok := passing[p.scenario]; ok && p.start < 3 {
		fmt.Println(text)
		return 202
	}
	entities := []string{"GPU 0", "GPU 1", "GPU 2"}
	if p.asked != "" {
		if p.scenario == "mignone" {
			fmt.Println("Error: invalid entity type: 'i:8'")
			return 247
		}
		entities = nil
		for id := range strings.SplitSeq(p.asked, ",") {
			kind, number, cut := strings.Cut(id, ":")
			switch {
			case !cut:
				entities = append(entities, "GPU "+id)
			case kind == "i":
				fmt.Printf("Specified entity ID is valid but unknown: %s. ParsedResult: ParsedGpu(%[1]s)\n", id)
				entities = append(entities, "GPU-I "+number)
			case kind == "ci":
				entities = append(entities, "GPU-CI "+number)
			}
		}
	}
	p.header()
	for round := 0; ; round++ {
		if round > 0 && round%14 == 0 {
			p.header()
		}
		switch p.scenario {
		case "stalls":
			if round == 2 && p.start == 1 {
				time.Sleep(time.Minute)
			}
		case "ends":
			if round == 3 && p.start == 1 {
				fmt.Println("Error getting values information. Return -21: Host engine connection invalid/disconnected")
				return 235
			}
		case "vanishes":
			if round == 3 {
				fmt.Println("No data returned from the hostengine.")
				return 200
			}
		case "noisy":
			fmt.Println("Driver message, GPU or not")
			fmt.Println("GPU x  1  2")
			fmt.Println("GPU 0     1.0   2.0")
			fmt.Println("GPU-I 0   0.5")
			fmt.Println("Switch 0  40")
		}
		for gpu, name := range entities {
			if p.scenario == "loses" && gpu == 1 && round >= 2 && round < 8 {
				continue
			}
			p.row(gpu, name, round)
		}
		time.Sleep(p.delay)
	}
}

func (p *player) header() {
	if p.scenario == "v2" { // DCGM 2 prints to the right, and a blank line before each header
		fmt.Printf("\n# %18s%s\n%20s\n", "Entity", strings.Repeat(fmt.Sprintf("%22s", "SHORT"), len(p.ids)), "Id")
		return
	}
	fmt.Printf("%-10s", "#Entity")
	for range p.ids {
		fmt.Printf("%-14s", "SHORT")
	}
	fmt.Printf("\n%-10s", "ID")
	for range p.ids {
		fmt.Printf("%-14s", "")
	}
	fmt.Println()
}

func (p *player) row(gpu int, name string, round int) {
	if p.scenario == "v2" {
		fmt.Printf("%20s", name)
		for _, id := range p.ids {
			fmt.Printf("%22s", p.value(gpu, id, round))
		}
		fmt.Println()
		return
	}
	fmt.Printf("%-10s", name)
	for _, id := range p.ids {
		fmt.Printf("%-14s", p.value(gpu, id, round))
	}
	fmt.Println()
}

func (p *player) value(gpu, id, round int) string {
	if p.scenario == "mute" && gpu == 1 && round >= 2 {
		return "N/A"
	}
	switch {
	case id == 230:
		if gpu == 0 && round >= 2 {
			return "79"
		}
		return "N/A"
	case id >= 1001 && round == 0 && p.start == 1:
		return "N/A"
	case id == 156 && p.scenario == "cut":
		return "12345678..."
	case id == 157:
		return "N/A"
	case id == 155:
		return fmt.Sprintf("%d.640", 300+gpu)
	case id >= 1001 && id <= 1008:
		return "0.250"
	case id == 203:
		return "87"
	case id == 112:
		return "4"
	case id == 190:
		return "0"
	case slices.Contains([]int{310, 311, 395, 1523}, id):
		return "0"
	}
	return "42"
}
