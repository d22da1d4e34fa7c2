package nats

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/deadletter"
	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is the table [[inputs.nats]].
type Config struct {
	natsclient.Config

	Subjects   []string `toml:"subjects" doc:"Subjects to read; * stands for one token, > for all that follow." default:"gpu.>"`
	QueueGroup string   `toml:"queue_group" doc:"Inputs with the same group share the messages between them. Not with jetstream, where those with one consumer do."`

	JetStream     bool          `toml:"jetstream" doc:"Read from a stream, which keeps a message until every required output has its metrics." default:"false"`
	Stream        string        `toml:"stream" doc:"Name of the stream; the one that takes the first of the subjects when not set."`
	Consumer      string        `toml:"consumer" doc:"Name of the durable consumer; all hubs that name the same share the messages between them. It is made where there is none." default:"gpuline"`
	Start         string        `toml:"start" doc:"Where a consumer that is made begins: with all that the stream holds, or with what comes." default:"all" enum:"all|new"`
	AckWait       time.Duration `toml:"ack_wait" doc:"A message of a hub that has died goes to another one after so long: take at least three times the outputs' flush_interval. For a consumer that is made." default:"60s" min:"1s"`
	MaxAckPending int           `toml:"max_ack_pending" doc:"Messages that all hubs together may have in hand, of which each leaves a quarter to the others. For a consumer that is made." default:"10000" min:"1"`

	Encoding  string   `toml:"encoding" doc:"What a message holds whose headers do not tell it." default:"influx" enum:"influx|json|record"`
	Precision string   `toml:"precision" doc:"The unit of the time stamps in line protocol." default:"ns" enum:"ns|us|ms|s"`
	Counters  []string `toml:"counters" doc:"Names, as patterns, of fields that only grow, for influx; those of GPU readings are known." default:"*_total"`

	BatchBytes sdk.Size          `toml:"batch_bytes" doc:"Messages are put together into batches of about that size." default:"4MiB" min:"1KiB" max:"256MiB"`
	MaxPending sdk.Size          `toml:"max_pending" doc:"Without jetstream: what may wait in memory while the agent is busy; what comes beyond is lost, and counted." default:"64MiB" min:"1MiB"`
	MaxDecoded sdk.Size          `toml:"max_decoded" doc:"A message that unpacks to more is refused." default:"8MiB" min:"1KiB" max:"1GiB"`
	Gaps       bool              `toml:"gaps" doc:"Count what is missing of agents' batches, and what came twice." default:"true"`
	DeadLetter deadletter.Config `toml:"dead_letter" doc:"Where to put messages that cannot be read; without a path they are dropped and counted."`
}

// Validate checks what concerns more than one key.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	if len(c.Subjects) == 0 {
		faults.Add("names none", `write it as ["gpu.>"]`, "subjects")
	}
	for i, s := range c.Subjects {
		if err := checkSubject(s); err != nil {
			faults.Add(err.Error(), `write it as "gpu.>"`, "subjects", strconv.Itoa(i))
		}
	}
	if c.JetStream && c.QueueGroup != "" {
		faults.Add("is not for jetstream", "hubs with one `consumer` share its messages", "queue_group")
	}
	if !c.JetStream && c.Stream != "" {
		faults.Add("is for jetstream", "set `jetstream = true`", "stream")
	}
	if c.Stream != "" && !natsclient.ValidName(c.Stream) {
		faults.Add("is no name of a stream", `write it as "GPULINE"`, "stream")
	}
	if !natsclient.ValidName(c.Consumer) {
		faults.Add("is no name of a consumer", `write it as "hub"`, "consumer")
	}
	if strings.ContainsFunc(c.QueueGroup, natsclient.Unprintable) {
		faults.Add("has a space in it", `write it as "hub"`, "queue_group")
	}
	return append(faults, c.Config.Validate()).Err()
}

// checkSubject says what is wrong with a pattern of subjects.
func checkSubject(s string) error {
	for token := range strings.SplitSeq(s, ".") {
		if len(token) > 1 && strings.ContainsAny(token, "*>") {
			return errors.New("has a * or a > that is no token of its own")
		}
	}
	return natsclient.CheckSubject(s)
}
