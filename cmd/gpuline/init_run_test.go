package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
)

const someCounters = `# Clocks
DCGM_FI_DEV_SM_CLOCK,  gauge, SM clock frequency (in MHz).
DCGM_FI_DEV_GPU_TEMP,    gauge, GPU temperature (in C).
DCGM_FI_DEV_POWER_USAGE,              gauge, Power draw (in W).
DCGM_FI_DEV_PCIE_REPLAY_COUNTER, counter, Total number of PCIe retries.
DCGM_FI_DEV_GPU_UTIL,      gauge, GPU utilization (in %).
DCGM_FI_DEV_FB_USED, gauge, Framebuffer memory used (in MiB).
DCGM_FI_DEV_POWER_MGMT_LIMIT, gauge, Power limit (in W).
DCGM_FI_DEV_XID_ERRORS,            gauge,   Value of the last XID error encountered.
DCGM_FI_DRIVER_VERSION,        label, Driver Version
`

// A document of nvidia-smi, cut down to what the counters name and some that they do not.
const someCard = `<?xml version="1.0" ?>
<nvidia_smi_log>
	<driver_version>580.65.06</driver_version>
	<attached_gpus>1</attached_gpus>
	<gpu id="00000000:1A:00.0">
		<product_name>NVIDIA H100 80GB HBM3</product_name>
		<uuid>GPU-01000100-0000-0000-0000-000000000000</uuid>
		<minor_number>0</minor_number>
		<pci><replay_counter>7</replay_counter></pci>
		<fan_speed>40 %</fan_speed>
		<fb_memory_usage><total>81559 MiB</total><reserved>551 MiB</reserved><used>1024 MiB</used><free>79984 MiB</free></fb_memory_usage>
		<utilization><gpu_util>97 %</gpu_util><memory_util>12 %</memory_util></utilization>
		<temperature><gpu_temp>61 C</gpu_temp></temperature>
		<gpu_power_readings>
			<instant_power_draw>612.25 W</instant_power_draw>
			<requested_power_limit>650.00 W</requested_power_limit>
		</gpu_power_readings>
		<clocks><sm_clock>1980 MHz</sm_clock></clocks>
	</gpu>
</nvidia_smi_log>
`

// TestCountersFileToPage goes the whole way: a counters file, init, the agent, the page.
func TestCountersFileToPage(t *testing.T) {
	page := served(t, someCounters, someCard)
	want := []string{
		"DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
		"DCGM_FI_DEV_POWER_MGMT_LIMIT", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_SM_CLOCK",
	}
	if names := typed(page); !slices.Equal(names, want) {
		t.Errorf("the page has\n%q, want\n%q\n%s", names, want, page)
	}
	for _, want := range []string{
		`(?m)^DCGM_FI_DEV_SM_CLOCK\{.*gpu="0".*\} 1980$`,
		`(?m)^DCGM_FI_DEV_FB_USED\{.*UUID="GPU-01000100-0000-0000-0000-000000000000".*\} 1024$`,
		`(?m)^DCGM_FI_DEV_POWER_USAGE\{.*modelName="NVIDIA H100 80GB HBM3".*\} 612\.25$`,
		`(?m)^DCGM_FI_DEV_GPU_UTIL\{DCGM_FI_DRIVER_VERSION="580\.65\.06".*\} 97$`,
	} {
		if !regexp.MustCompile(want).MatchString(page) {
			t.Errorf("no %s on\n%s", want, page)
		}
	}
}

// TestCapturedCountersToPage compares the page with that of dcgm-exporter for the same kind of card.
func TestCapturedCountersToPage(t *testing.T) {
	folder := os.Getenv("GPULINE_CAPTURES")
	if folder == "" {
		t.Skip("GPULINE_CAPTURES is not set: the page is not compared with that of dcgm-exporter")
	}
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(folder, filepath.Join(path...)))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ours := typed(served(t, read("dcgm", "default-counters.csv"), read("xml", "qx-h100.xml")))
	theirs := typed(read("dcgm", "exporter-h100-dcp.txt"))
	for _, name := range ours {
		if !slices.Contains(theirs, name) {
			t.Errorf("%s is not on dcgm-exporter's page", name)
		}
	}
	if len(ours) < 12 {
		t.Errorf("%q", ours)
	}
}

// served returns the page that an agent serves of a card, on a configuration made from a counters file.
func served(t *testing.T, counters, card string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("nvidia-smi", "#!/bin/sh\nexec cat "+write("card.xml", card, 0o600)+"\n", 0o700)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	config := filepath.Join(dir, "agent.toml")
	args := []string{"init", "--from-dcgm-counters", write("counters.csv", counters, 0o600), "-o", config}
	var said bytes.Buffer
	if status := execute(args, program{stdout: &said, stderr: &said, registry: all.Plugins()}); status != 0 {
		t.Fatal(said.String())
	}
	plan, err := conf.Load(all.Plugins(), []string{config})
	if err != nil {
		t.Fatal(err)
	}
	return pageOf(t, plan, "\nDCGM_FI_DEV_SM_CLOCK{")
}

// typed returns the names of a page of metrics in order, but for the agent's own.
func typed(page string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE ([A-Za-z0-9_]+)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "gpuline_") {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

// pageOf runs an agent until its page of metrics has a part, and returns the page.
func pageOf(t *testing.T, plan *pipeline.Plan, part string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	plan.Agent.HTTP = "127.0.0.1:0"
	r, w := io.Pipe()
	agent, err := pipeline.New(*plan, slog.New(slog.NewTextHandler(w, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx)
		_ = w.Close()
	}()
	found := make(chan string, 1)
	go func() {
		defer close(found)
		log := make([]byte, 1<<16)
		for {
			n, err := r.Read(log)
			if url := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`).Find(log[:n]); url != nil && cap(found) > len(found) {
				found <- string(url)
			}
			if err != nil {
				return
			}
		}
	}()
	url := <-found
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for range found {
		}
	}()
	last := ""
	for again := time.NewTicker(10 * time.Millisecond); ; <-again.C {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("%v; the last page:\n%s", err, last)
		}
		page, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if last = string(page); strings.Contains(last, part) {
			return last
		}
	}
}
