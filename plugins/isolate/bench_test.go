package isolate

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// gather adds what 8 GPUs report in one call: a row each, of 20 fields.
func gather(b *sdk.Batch, series []*sdk.Series, fields []sdk.Field, t int64) {
	for i, s := range series {
		m := b.Add(s, t)
		for j, f := range fields {
			m.Set(f, sdk.FloatValue(float64(i*j)))
		}
	}
}

func gpus(c *sdk.Catalog) (series []*sdk.Series, fields []sdk.Field) {
	for i := range 8 {
		n := strconv.Itoa(i)
		series = append(series, c.Series("gpu",
			sdk.Tag{Key: "gpu_index", Value: n}, sdk.Tag{Key: "gpu_uuid", Value: "GPU-7a1c000" + n + "-3f2b-11ee-be56-0242ac12"},
			sdk.Tag{Key: "gpu_name", Value: "NVIDIA H100"}, sdk.Tag{Key: "source", Value: "nvml"}))
	}
	for i := range 20 {
		fields = append(fields, sdk.Field{Name: "reading_" + strconv.Itoa(i) + "_watts", Unit: "watts", Type: sdk.Float})
	}
	return series, fields
}

// BenchmarkChild takes what calls have read to the pipe: an operation is a call.
func BenchmarkChild(b *testing.B) {
	f := func(name string, coalesce time.Duration) {
		b.Run(name, func(b *testing.B) {
			catalog := sdk.NewCatalog(sdk.Limits{})
			series, fields := gpus(catalog)
			o, batch := newOutbox(io.Discard, coalesce, catalog), sdk.NewBatch(catalog)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				gather(batch, series, fields, int64(n))
				if n++; n%25 == 0 {
					o.sent = time.Time{}
				}
				o.put(batch, nil, fault{}, 0)
			}
			o.stop()
		})
	}
	f("each call", 0)
	f("25 calls", time.Hour)
}

// BenchmarkAgent takes messages of 8 rows from the pipe to the engine's batch: an operation is a message.
func BenchmarkAgent(b *testing.B) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	series, fields := gpus(catalog)
	batch := sdk.NewBatch(catalog)
	gather(batch, series, fields, 1e9)
	message := appendRows(nil, batch, nil, fault{})
	b.SetBytes(int64(len(message)))
	in, s := &Input{}, &session{}
	in.inbox.reset(catalog)
	source := bytes.NewReader(message)
	r := bufio.NewReader(source)
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(message)
		r.Reset(source)
		_, body, err := readMessage(r, in.inbox.buffer())
		if err != nil {
			b.Fatal(err)
		}
		parsed, err := parseRows(body)
		if err != nil {
			b.Fatal(err)
		}
		if err := in.inbox.put(item{from: s, message: body, rows: parsed}); err != nil {
			b.Fatal(err)
		}
		batch.Reset()
		if _, err := in.Read(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFigures takes 30 figures that have changed from a meter to another.
func BenchmarkFigures(b *testing.B) {
	meter := sdk.NewMeter()
	for i := range 30 {
		meter.Counter("gpuline_figure_"+strconv.Itoa(i)+"_total", "A figure.")
	}
	from, to := tracker{meter: meter}, newMirror(sdk.NewMeter())
	var message []byte
	b.ReportAllocs()
	for b.Loop() {
		for t := range from.sent {
			from.sent[t]--
		}
		message = from.append(message[:0])
		if err := to.apply(message[headerSize:]); err != nil {
			b.Fatal(err)
		}
	}
}
