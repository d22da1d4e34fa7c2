package dcgm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/scrape"
	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Foresee returns what DCGM may tell; of a page, its counters file says more.
func (c *Config) Foresee(sdk.Outlook) (all sdk.Outlook, idle []sdk.Fault) {
	var unset Config
	sdk.Defaults(&unset)
	switch {
	case c.Mode != modeExporter && c.URL != unset.URL:
		idle = append(idle, sdk.Fault{Path: []string{"url"}, Problem: "is not read in the mode " + c.Mode, Remedy: `set mode = "exporter"`})
	case c.Mode == modeExporter && c.Address != unset.Address:
		idle = append(idle, sdk.Fault{Path: []string{"address"}, Problem: "is not used in the mode exporter", Remedy: "the page is `url`"})
	}
	all = vocabulary.From(vocabulary.SourceDCGM)
	all.Whole = c.Counters == ""
	return all, idle
}

// Validate checks what single values cannot tell.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	for i, id := range c.Devices {
		if _, err := selector.New([]string{id}); err != nil {
			faults.Add(err.Error(), selector.Remedy, "devices", strconv.Itoa(i))
		}
	}
	for i, name := range c.Fields {
		if _, problem, remedy := findField(name); problem != "" {
			faults.Add(problem, remedy, "fields", strconv.Itoa(i))
		}
	}
	if c.ProfilingInterval != 0 && c.ProfilingInterval < leastProfiling {
		faults.Add(fmt.Sprintf("%v is too short: DCGM needs %v between two samples", c.ProfilingInterval, leastProfiling), `write "100ms" or more, or "0s" for never`, "profiling_interval")
	}
	if _, err := parseAddress(c.Address); err != nil {
		faults.Add(err.Error(), `write it as "localhost:5555", "unix:///run/nvidia/dcgm.sock" or "embedded"`, "address")
	} else if c.Mode == modeDmon && c.Address == embedded {
		faults.Add("dcgmi talks to a hostengine that runs", `write it as "localhost:5555"`, "address")
	}
	if c.Mode == modeExporter {
		c.validateExporter(&faults)
	} else if c.Given() {
		faults.Add("`bearer_token`, `user` and `password` are for the page of dcgm-exporter", `remove them, or set mode = "exporter"`, "mode")
	}
	return append(faults, c.Access.Check()).Err()
}

func (c *Config) validateExporter(faults *sdk.FaultList) {
	if err := scrape.CheckURL(c.URL); err != nil {
		faults.Add(err.Error(), `write it as "http://127.0.0.1:9400/metrics"`, "url")
	}
	for i, name := range c.Labels {
		if name == "" || slices.Contains(ownTags, name) {
			faults.Add(fmt.Sprintf("%q cannot be a tag", name), "gpuline gives that tag itself", "labels", strconv.Itoa(i))
		}
	}
	if len(c.Fields) > 0 {
		faults.Add("which fields dcgm-exporter shows, its counters file says", "remove `fields`, or use `filter`", "fields")
	}
}

// ownTags are what a label of the page cannot become.
var ownTags = []string{
	vocabulary.TagHost, vocabulary.TagUUID, vocabulary.TagIndex, vocabulary.TagName, vocabulary.TagPCI, vocabulary.TagGI, vocabulary.TagCI,
	vocabulary.TagSource, vocabulary.TagWindow, vocabulary.TagPart,
}

// leastProfiling is the shortest interval at which DCGM takes profiling fields.
const leastProfiling = 100 * time.Millisecond

const embedded = "embedded"

// address is where a hostengine listens.
type address struct {
	embedded bool
	socket   string // of a Unix socket
	host     string // "node-7:5555", "[::1]:5555"
}

func parseAddress(text string) (address, error) {
	switch {
	case text == embedded:
		return address{embedded: true}, nil
	case text == "":
		return address{}, errors.New("is empty")
	case strings.HasPrefix(text, "unix://"):
		socket := strings.TrimPrefix(text, "unix://")
		if !strings.HasPrefix(socket, "/") {
			return address{}, errors.New("is not a socket: unix:// and its whole path")
		}
		return address{socket: socket}, nil
	case strings.Contains(text, "://"), strings.ContainsAny(text, " /"):
		return address{}, errors.New("is neither a host nor a Unix socket")
	}
	if strings.HasPrefix(text, "-") {
		return address{}, errors.New("is no host")
	}
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		if _, err := strconv.ParseUint(text[i+1:], 10, 16); err != nil || i == 0 {
			return address{}, errors.New("has a port that is none")
		}
	}
	return address{host: text}, nil
}

// target returns the address as dcgmi's --host and DCGM's library take it.
func (a address) target() string {
	if a.socket != "" {
		return "unix://" + a.socket
	}
	return a.host
}
