package conf

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// agentKeys is the table [agent].
type agentKeys struct {
	Hostname      string            `toml:"hostname" doc:"The tag host of every metric; the operating system's host name when empty." default:""`
	Interval      time.Duration     `toml:"interval" doc:"Time between two reads of an input that has no interval of its own." default:"1s" min:"1ms"`
	ShutdownGrace time.Duration     `toml:"shutdown_grace" doc:"Time that outputs get to deliver what is queued when the agent ends." default:"10s"`
	HTTP          string            `toml:"http" doc:"Address of the agent's server: /healthz, /healthz/inputs, /readyz, and /metrics where there is an outputs.prometheus; \"\" turns it off." default:"127.0.0.1:9445"`
	SelfInterval  time.Duration     `toml:"self_interval" doc:"Time between the agent's own metrics, gpuline_*, in the stream; \"0s\" for none." default:"0s"`
	LogLevel      string            `toml:"log_level" doc:"Least level of the messages on standard error." default:"info" enum:"debug|info|warn|error"`
	LogFormat     string            `toml:"log_format" doc:"Form of those messages: lines of key=value, or a JSON object a line." default:"text" enum:"text|json"`
	HTTPTLS       tlsKeys           `toml:"http_tls" doc:"Certificate of the agent's server; without one it speaks plain HTTP."`
	HTTPAuth      authKeys          `toml:"http_auth" doc:"User of the agent's server; without one everybody may read. /healthz, /healthz/inputs and /readyz are open to all."`
	Tags          map[string]string `toml:"tags" doc:"Tags for every metric that lacks them."`
}

type tlsKeys struct {
	Cert string `toml:"cert" doc:"File of the certificate chain, in PEM. It is read anew when it changes."`
	Key  string `toml:"key" doc:"File of the private key, in PEM."`
}

type authKeys struct {
	User     string     `toml:"user" doc:"Name that a client must give."`
	Password sdk.Secret `toml:"password" doc:"Password that a client must give."`
}

func (a *agentKeys) Validate() error {
	var faults sdk.FaultList
	if (a.HTTPTLS.Cert == "") != (a.HTTPTLS.Key == "") {
		faults.Add("has one of `cert` and `key`", "give both", "http_tls")
	}
	if (a.HTTPAuth.User == "") != a.HTTPAuth.Password.Empty() {
		faults.Add("has one of `user` and `password`", "give both", "http_auth")
	}
	if a.HTTP != "" {
		_, port, err := net.SplitHostPort(a.HTTP)
		if n, convErr := strconv.Atoi(port); err != nil || convErr != nil || n < 0 || n > 65535 {
			faults.Add("is not an address", `write it as "127.0.0.1:9445", or ":9445" for all addresses`, "http")
		}
	}
	return append(faults, checkTags(a.Tags)).Err()
}

// pluginKeys are the keys of every plugin.
type pluginKeys struct {
	Alias    string     `toml:"alias" doc:"Tells instances of one plugin apart in messages and figures."`
	LogLevel string     `toml:"log_level" doc:"Least level of this plugin's messages; the agent's when not set." enum:"debug|info|warn|error"`
	Filter   filterKeys `toml:"filter" doc:"What passes; on a processor, what it sees."`
}

// commonKeys are a pointer to pluginKeys, or to keys that embed them.
type commonKeys interface{ filter() pipeline.Filter }

func (k *pluginKeys) filter() pipeline.Filter { return pipeline.Filter(k.Filter) }

type filterKeys struct {
	Metrics []string            `toml:"metrics" doc:"Globs of metrics' names."`
	Fields  []string            `toml:"fields" doc:"Globs of fields' names."`
	Tags    map[string][]string `toml:"tags" doc:"For each tag, globs of its values."`
}

// inputKeys are the keys of every input.
type inputKeys struct {
	pluginKeys
	Interval time.Duration     `toml:"interval" doc:"Time between two reads; the agent's when not set." min:"1ms"`
	Jitter   time.Duration     `toml:"jitter" doc:"The first read is delayed by a random time of up to this, and so are all that follow: for a source that many agents read." default:"0s"`
	Timeout  time.Duration     `toml:"timeout" doc:"A read that lasts longer is given up and reported." default:"5s" min:"1ms" max:"8760h"`
	Tags     map[string]string `toml:"tags" doc:"Tags for each of its metrics that lacks them."`
}

func (k *inputKeys) Validate() error { return errors.Join(k.pluginKeys.Validate(), checkTags(k.Tags)) }

// outputKeys are the keys of every output.
type outputKeys struct {
	pluginKeys
	Queue         queueKeys     `toml:"queue" doc:"Bounds what waits for the output."`
	BatchSize     int           `toml:"batch_size" doc:"Metrics in a batch, at most." default:"1000" min:"1"`
	FlushInterval time.Duration `toml:"flush_interval" doc:"A batch waits up to this long to fill, until an instant of each such interval that the names of host and output decide: a fleet whose windows end together delivers one host after another. \"0s\" sends each at once." default:"1s"`
	Timeout       time.Duration `toml:"timeout" doc:"A write that lasts longer is given up and tried again." default:"5s" min:"1ms" max:"8760h"`
	Samples       bool          `toml:"samples" doc:"Take samples that a window has read, too." default:"false"`
	Required      bool          `toml:"required" doc:"An input that needs confirmation waits for this output." default:"true"`
	Naming        string        `toml:"naming" doc:"Names, units and labels of another agent instead of ours, for dashboards that ask for them: dcgm-exporter's, or Telegraf's nvidia_smi. It works behind the output's processors and before its filter, which is so written in those names." enum:"dcgm|telegraf"`
}

// The bounds of queues that name none.
const (
	memoryBytes = 16_000_000
	diskBytes   = 512_000_000
)

type queueKeys struct {
	Disk     string            `toml:"disk" doc:"Folder that the queue is kept in, to outlast the agent; it is made where it is not there, and no other output may have it. Without it the queue is in memory."`
	MaxBytes sdk.Size          `toml:"max_bytes" doc:"What the queue may hold; 16MB in memory and 512MB on disk when not set. The files on disk may take 64MiB more." min:"64KiB"`
	MaxAge   time.Duration     `toml:"max_age" doc:"What has waited for longer is dropped; \"0s\" for no bound. Longer than flush_interval." default:"0s"`
	WhenFull pipeline.WhenFull `toml:"when_full" doc:"What a full queue drops; or block: inputs that can wait do, and others lose what they read." default:"drop_oldest" enum:"drop_oldest|drop_newest|block"`
}

func (k *outputKeys) Validate() error {
	faults := sdk.FaultList{k.pluginKeys.Validate()}
	if k.Queue.Disk != "" && !filepath.IsAbs(k.Queue.Disk) {
		faults.Add("is not an absolute path", `write it as "/var/lib/gpuline/NAME"`, "queue", "disk")
	}
	if age := k.Queue.MaxAge; 0 < age && age <= k.FlushInterval {
		faults.Add(fmt.Sprintf("is no longer than the flush_interval of %v: a batch that waits to fill expires", k.FlushInterval),
			"make it longer, or flush_interval shorter", "queue", "max_age")
	}
	return faults.Err()
}

func (k *queueKeys) plan() pipeline.Queue {
	bytes := int64(k.MaxBytes)
	switch {
	case bytes > 0:
	case k.Disk != "":
		bytes = diskBytes
	default:
		bytes = memoryBytes
	}
	return pipeline.Queue{Disk: k.Disk, MaxBytes: bytes, MaxAge: k.MaxAge, WhenFull: k.WhenFull}
}

func (k *pluginKeys) Validate() error {
	faults := emptyGlobs(k.Filter.Metrics, "filter", "metrics")
	faults = append(faults, emptyGlobs(k.Filter.Fields, "filter", "fields")...)
	for _, tag := range slices.Sorted(maps.Keys(k.Filter.Tags)) {
		faults = append(faults, emptyGlobs(k.Filter.Tags[tag], "filter", "tags", tag)...)
	}
	return faults.Err()
}

// emptyGlobs finds globs that match nothing.
func emptyGlobs(globs []string, path ...string) (faults sdk.FaultList) {
	for i, glob := range globs {
		if strings.TrimPrefix(glob, "!") == "" {
			faults.Add("is an empty glob", `write "*" for everything`, append(slices.Clone(path), strconv.Itoa(i))...)
		}
	}
	return faults
}

// checkTags finds tags that no metric can bear.
func checkTags(tags map[string]string) error {
	if _, ok := tags[""]; ok {
		return sdk.Fault{Path: []string{"tags"}, Problem: "has a tag without a name"}
	}
	return nil
}

// sortedTags returns a table of tags as a list.
func sortedTags(tags map[string]string) []sdk.Tag {
	var list []sdk.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, sdk.Tag{Key: key, Value: tags[key]})
	}
	return list
}
