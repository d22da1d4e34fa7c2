package vocabulary

import "github.com/gpuline/gpuline/plugins/sdk"

// event says what happened. It bears the tags TagEvent, TagCode and TagSeverity besides those of the
// device; see [Events].
var event = []Reading{
	{
		Field: text("message"), Metric: Event, Help: "What happened, for people.",
	},
	{
		Field: sdk.Field{Name: "value", Type: sdk.Float, Kind: sdk.Info}, Metric: Event,
		Help: "The number that the event is about, such as a rule's reading, where there is one.",
	},
	{
		Field: code("active", ""), Metric: Event, Bounded: true, Max: 1,
		Help: "Of a rule: 1 where it becomes active, 0 where it is over.",
	},
}
