package nats

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is the table [[outputs.nats]].
type Config struct {
	natsclient.Config

	Subject         string   `toml:"subject" doc:"Subject of a message. {tag} stands for the metric's tag of that name, or _ where it has none; {measurement} for its name." default:"gpu.{host}.{gpu_index}"`
	JetStream       bool     `toml:"jetstream" doc:"Deliver to a stream, which confirms each message. Without it a message is delivered once the server has it, whether anybody listens or not." default:"false"`
	Encoding        string   `toml:"encoding" doc:"What a message holds: line protocol, JSON lines, or a record, which keeps classes, kinds and units on the way to a hub." default:"influx" enum:"influx|json|record"`
	ContentEncoding string   `toml:"content_encoding" doc:"How the data are sent: as they are, or compressed." default:"identity" enum:"identity|zstd"`
	MaxMessage      sdk.Size `toml:"max_message" doc:"Greatest size of a message with its headers; 0B is what the server takes (max_payload)." default:"0B"`
	Stream          Stream   `toml:"stream" doc:"The stream that takes the subjects, to be made where there is none."`
}

// Stream is the table stream.
type Stream struct {
	Create          bool          `toml:"create" doc:"Make the stream where there is none of that name. One that is there stays as it is." default:"false"`
	Name            string        `toml:"name" doc:"Name of the stream." default:"GPULINE"`
	Subjects        []string      `toml:"subjects" doc:"Subjects that it takes; those of subject, with * for each tag, when not set."`
	Replicas        int           `toml:"replicas" doc:"Servers that hold each message." default:"1" min:"1" max:"5"`
	MaxAge          time.Duration `toml:"max_age" doc:"A message leaves the stream after so long; 0s for never." default:"0s"`
	MaxBytes        sdk.Size      `toml:"max_bytes" doc:"Size of the stream; 0B for no bound but the server's." default:"0B"`
	Discard         string        `toml:"discard" doc:"A full stream refuses what is new, which then waits in the agents' queues, or drops what is old." default:"new" enum:"new|old"`
	Storage         string        `toml:"storage" doc:"Where the servers hold it." default:"file" enum:"file|memory"`
	DuplicateWindow time.Duration `toml:"duplicate_window" doc:"A message that is sent again within so long is recognised, and not stored twice." default:"2m" min:"100ms"`
}

// Validate checks what concerns more than one key.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	t, err := parseTemplate(c.Subject)
	if err != nil {
		faults.Add(err.Error(), `write it as "gpu.{host}.{gpu_index}"`, "subject")
	}
	if c.MaxMessage > 0 && c.MaxMessage < leastMessage {
		faults.Add(fmt.Sprintf("is less than %d bytes", leastMessage), "a metric with its headers must fit", "max_message")
	}
	if c.Stream.Create && !c.JetStream {
		faults.Add("is for streams", "set `jetstream = true`", "stream")
	}
	if !natsclient.ValidName(c.Stream.Name) {
		faults.Add("is no name of a stream", `write it as "GPULINE"`, "stream", "name")
	}
	for i, s := range c.Stream.Subjects {
		if err := checkSubject(s); err != nil {
			faults.Add(err.Error(), `write it as "gpu.>"`, "stream", "subjects", strconv.Itoa(i))
		}
	}
	if c.Stream.MaxAge > 0 && c.Stream.MaxAge < c.Stream.DuplicateWindow {
		faults.Add("is less than `duplicate_window`", "make the window shorter", "stream", "max_age")
	}
	if err == nil && c.Stream.Create && len(c.Stream.Subjects) > 0 && !covers(c.Stream.Subjects, t.pattern()) {
		faults.Add(fmt.Sprintf("do not take %s", t.pattern()), "add it", "stream", "subjects")
	}
	return append(faults, c.Config.Validate()).Err()
}

// leastMessage has room for the headers and a small metric.
const leastMessage = 1 << 10

// settings returns the stream to make.
func (c *Config) settings(pattern string) jetstream.StreamConfig {
	s := jetstream.StreamConfig{
		Name:        c.Stream.Name,
		Description: "GPU metrics of gpuline agents",
		Subjects:    c.Stream.Subjects,
		Replicas:    c.Stream.Replicas,
		MaxAge:      c.Stream.MaxAge,
		MaxBytes:    int64(c.Stream.MaxBytes),
		Duplicates:  c.Stream.DuplicateWindow,
		Discard:     jetstream.DiscardNew,
		Storage:     jetstream.FileStorage,
		AllowDirect: true,
	}
	if len(s.Subjects) == 0 {
		s.Subjects = []string{pattern}
	}
	if s.MaxBytes == 0 {
		s.MaxBytes = -1
	}
	if c.Stream.Discard == "old" {
		s.Discard = jetstream.DiscardOld
	}
	if c.Stream.Storage == "memory" {
		s.Storage = jetstream.MemoryStorage
	}
	return s
}
