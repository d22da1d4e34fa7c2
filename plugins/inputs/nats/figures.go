package nats

import "github.com/gpuline/gpuline/plugins/sdk"

// figures are the input's own.
type figures struct {
	messages, bytes, pending, redelivered, poison, held, badLines, dropped *sdk.Number
	missingBatches, missingParts, duplicates                               *sdk.Number
}

func newFigures(m *sdk.Meter) figures {
	missing := func(of string) *sdk.Number {
		return m.Counter("gpuline_nats_missing_total", "Batches of agents that never came, and messages of batches of which others came.", sdk.Tag{Key: "of", Value: of})
	}
	return figures{
		messages:       m.Counter("gpuline_nats_received_messages_total", "Messages received."),
		bytes:          m.Counter("gpuline_nats_received_bytes_total", "Bytes of data in the messages received."),
		pending:        m.Gauge("gpuline_nats_pending_messages", "", "Messages that the stream held for the consumer when the last one was received."),
		redelivered:    m.Counter("gpuline_nats_redelivered_messages_total", "Messages that a hub had in hand before and did not acknowledge."),
		poison:         m.Counter("gpuline_nats_unreadable_messages_total", "Messages that cannot be read; they are not delivered again."),
		held:           m.Counter("gpuline_nats_held_messages_total", "Times that a message was given back because a newer gpuline wrote it."),
		badLines:       m.Counter("gpuline_nats_bad_lines_total", "Lines within messages that cannot be read."),
		dropped:        m.Counter("gpuline_nats_dropped_messages_total", "Messages without jetstream that came while max_pending was waiting."),
		missingBatches: missing("batches"),
		missingParts:   missing("parts"),
		duplicates:     m.Counter("gpuline_nats_duplicate_messages_total", "Messages of agents that came twice, as messages of their own."),
	}
}
