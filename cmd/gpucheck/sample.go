package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// sample is what one row says of the GPU.
type sample struct {
	at     int64 // Unix nanoseconds
	source string
	fields map[string]float64
}

// readLines reads the samples of the GPU from line protocol.
func (b *bench) readLines(file string) ([]sample, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseLines(text, b.gpu.uuid)
}

// decode reads what gpuline wrote.
func decode(text []byte) (*sdk.Batch, error) {
	// A process that was told to end may leave half a line.
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[:i+1]
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(catalog)
	if err := lineprotocol.NewDecoder(catalog, lineprotocol.DecoderOptions{}).Decode(b, text, 0); err != nil {
		return nil, fmt.Errorf("read what gpuline wrote: %w", err)
	}
	return b, nil
}

func parseLines(text []byte, uuid string) ([]sample, error) {
	b, err := decode(text)
	if err != nil {
		return nil, err
	}
	var all []sample
	for m := range b.All() {
		if m.Name() != "gpu" || m.Tag("gpu_uuid") != uuid || m.Tag("mig_gi") != "" {
			continue
		}
		s := sample{at: m.Time(), source: m.Tag("source"), fields: map[string]float64{}}
		for slot := range m.Len() {
			if f := m.Field(slot); f.Type.Numeric() {
				s.fields[f.Name] = m.NumberAt(slot)
			}
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b sample) int { return int(min(max(a.at-b.at, -1), 1)) })
	return all, nil
}

// of returns the samples of a source that have a field, and their values.
func of(all []sample, source, field string) (some []sample) {
	for _, s := range all {
		if _, ok := s.fields[field]; ok && (source == "" || s.source == source) {
			some = append(some, s)
		}
	}
	return some
}

func values(all []sample, field string) []float64 {
	var v []float64
	for _, s := range all {
		v = append(v, s.fields[field])
	}
	return v
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}
