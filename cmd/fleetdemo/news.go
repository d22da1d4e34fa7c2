package main

import (
	"context"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// news is an input of the hub that says what the demo does, so that it stands below the table.
type news chan string

// definition makes it known as inputs.news.
func (n news) definition() sdk.Definition {
	type config struct{}
	return sdk.DefineInput("news", "Says what the demo does.", "", func(*config) (any, error) { return n, nil })
}

// Read waits for the next message.
func (n news) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	select {
	case text := <-n:
		m := b.Add(b.Series(vocabulary.Event, sdk.Tag{Key: vocabulary.TagEvent, Value: "demo"}), time.Now().UnixNano())
		m.SetClass(sdk.ClassEvent)
		m.Text("message", text)
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// say leaves a message, or none where nobody has read the last ones.
func (n news) say(text string) {
	select {
	case n <- text:
	default:
	}
}
