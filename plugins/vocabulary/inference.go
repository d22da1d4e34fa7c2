package vocabulary

import "github.com/gpuline/gpuline/plugins/sdk"

// inference says what a server of models does. It bears TagModel and TagVersion besides what tells servers
// apart. Means and quantiles are those of the requests that ended since the read before.
var inference = []Reading{
	{Field: counter("requests", ""), Metric: Inference, Help: "Requests that were answered."},
	{Field: counter("errors", ""), Metric: Inference, Help: "Requests that failed."},
	{Field: quantity("pending"), Metric: Inference, Help: "Requests that wait to be worked on."},
	{Field: quantity("running"), Metric: Inference, Help: "Requests that are being worked on."},
	{Field: quantity("batch_size"), Metric: Inference, Help: "Inferences in an execution, on average."},
	{Field: gauge("kv_cache_ratio", "ratio"), Metric: Inference, Help: "Share of the KV cache that is in use."},
	{Field: gauge("latency_seconds", "seconds"), Metric: Inference, Help: "Mean time from a request to its whole answer."},
	{Field: gauge("latency_p50_seconds", "seconds"), Metric: Inference, Help: "Median of that time."},
	{Field: gauge("latency_p95_seconds", "seconds"), Metric: Inference, Help: "95th percentile of that time."},
	{Field: gauge("latency_p99_seconds", "seconds"), Metric: Inference, Help: "99th percentile of that time."},
	{Field: gauge("queue_seconds", "seconds"), Metric: Inference, Help: "Mean time that a request waits."},
	{Field: gauge("queue_p50_seconds", "seconds"), Metric: Inference, Help: "Median of that time."},
	{Field: gauge("queue_p95_seconds", "seconds"), Metric: Inference, Help: "95th percentile of that time."},
	{Field: gauge("queue_p99_seconds", "seconds"), Metric: Inference, Help: "99th percentile of that time."},
	{Field: gauge("compute_seconds", "seconds"), Metric: Inference, Help: "Mean time that the model works on a request."},
	{Field: gauge("compute_input_seconds", "seconds"), Metric: Inference, Help: "Mean time that goes into a request's inputs."},
	{Field: gauge("compute_output_seconds", "seconds"), Metric: Inference, Help: "Mean time that goes into a request's outputs."},
	{Field: gauge("first_token_seconds", "seconds"), Metric: Inference, Help: "Mean time from a request to its first token."},
	{Field: gauge("first_token_p50_seconds", "seconds"), Metric: Inference, Help: "Median of that time."},
	{Field: gauge("first_token_p95_seconds", "seconds"), Metric: Inference, Help: "95th percentile of that time."},
	{Field: gauge("first_token_p99_seconds", "seconds"), Metric: Inference, Help: "99th percentile of that time."},
	{Field: gauge("next_token_seconds", "seconds"), Metric: Inference, Help: "Mean time from a token to the next one."},
	{Field: gauge("next_token_p50_seconds", "seconds"), Metric: Inference, Help: "Median of that time."},
	{Field: gauge("next_token_p95_seconds", "seconds"), Metric: Inference, Help: "95th percentile of that time."},
	{Field: gauge("next_token_p99_seconds", "seconds"), Metric: Inference, Help: "99th percentile of that time."},
	{Field: counter("prompt_tokens", ""), Metric: Inference, Help: "Tokens that were read."},
	{Field: counter("generated_tokens", ""), Metric: Inference, Help: "Tokens that were written."},
	{Field: counter("preemptions", ""), Metric: Inference, Help: "Requests that were put aside for want of room in the KV cache."},
}

// quantity is a number of things that may be an average.
func quantity(name string) sdk.Field { return sdk.Field{Name: name, Type: sdk.Float} }
