//go:build cgo

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	input "github.com/gpuline/gpuline/plugins/inputs/nvml"
)

// samplings are the driver's ring buffers, by nvmlSamplingType_t.
var samplings = []string{"power", "gpu", "memory", "encoder", "decoder", "sm_clock", "memory_clock", "module_power", "jpeg", "ofa"}

// fields is how many numbers GetFieldValues is asked for: more than there are.
const fields = 400

// trace records what the driver itself gives, with its own time stamps, while the GPU works in bursts:
// rings.csv has each entry of each ring with the times at which it was first read, fields.csv has each
// reading by number.
func (b *bench) trace(ctx context.Context, say func(string, ...any)) error {
	library, err := input.Look("")
	if err != nil {
		return err
	}
	api := nvml.New(nvml.WithLibraryPath(library))
	if ret := api.Init(); ret != nvml.SUCCESS {
		return fmt.Errorf("initialise NVML: error %d", int(ret))
	}
	defer func() { _ = api.Shutdown() }()
	for _, name := range []string{"nvmlDeviceGetHandleByUUID", "nvmlDeviceGetSamples", "nvmlDeviceGetFieldValues"} {
		if err := api.Extensions().LookupSymbol(name); err != nil {
			return err
		}
	}
	gpu, ret := api.DeviceGetHandleByUUID(b.gpu.uuid)
	if ret != nvml.SUCCESS {
		return fmt.Errorf("open GPU %s: error %d", b.gpu.uuid, int(ret))
	}
	supported, err := b.keep("fields.csv", func(w io.Writer) int { return traceFields(gpu, w) })
	if err != nil {
		return err
	}
	say("%d of %d readings by number.\n", supported, fields)
	b.probe(ctx, api, gpu, say)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	go func() {
		_, _, err := b.doBursts(ctx, "trace-bursts.json", max(1, b.bursts/8))
		if err != nil {
			b.wait(ctx, b.length) // an idle GPU's rings are worth something, too
		}
		worked <- err
		stop()
	}()
	rings := make([]traced, len(samplings))
	entries, err := b.keep("rings.csv", func(w io.Writer) int { return traceRings(ctx, gpu, rings, w) })
	stop()
	say("%d entries of rings.\n\n| ring | entries | time between two: median, least, most | stamped by | age of the newest when read: least, median, most | NVML says |\n|---|---|---|---|---|---|", entries)
	for i := range rings {
		say("| %s | %s", samplings[i], rings[i].describe())
	}
	say("")
	return errors.Join(err, <-worked)
}

// keep writes a file, and returns what write returned.
func (b *bench) keep(name string, write func(io.Writer) int) (n int, err error) {
	f, err := os.Create(filepath.Join(b.out, name))
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(f)
	n = write(w)
	return n, errors.Join(w.Flush(), f.Close())
}

// traceFields asks for each reading alone, and returns how many the GPU has.
func traceFields(gpu nvml.Device, w io.Writer) (n int) {
	_, _ = fmt.Fprintln(w, "field,scope,return,type,value,age_microseconds,call_nanoseconds")
	for id := range uint32(fields) {
		scopes := []uint32{0}
		switch id {
		case 185, 186, 190:
			scopes = []uint32{0, 1, 2}
		case 138, 139, 140, 141:
			scopes = []uint32{0, math.MaxUint32}
		}
		for _, scope := range scopes {
			v := []nvml.FieldValue{{FieldId: id, ScopeId: scope}}
			began := time.Now()
			ret := gpu.GetFieldValues(v)
			took := time.Since(began)
			if ret == nvml.SUCCESS {
				ret = nvml.Return(v[0].NvmlReturn)
			}
			if ret == nvml.SUCCESS {
				n++
			}
			_, _ = fmt.Fprintf(w, "%d,%d,%d,%d,%v,%d,%d\n", id, scope, ret, v[0].ValueType, number(v[0].ValueType, v[0].Value),
				began.UnixMicro()-v[0].Timestamp, took.Nanoseconds())
		}
	}
	return n
}

// number decodes a value of NVML.
func number(kind uint32, raw [8]byte) any {
	bits := binary.NativeEndian.Uint64(raw[:])
	switch nvml.ValueType(kind) {
	case nvml.VALUE_TYPE_DOUBLE:
		return math.Float64frombits(bits)
	case nvml.VALUE_TYPE_UNSIGNED_INT:
		return uint32(bits)
	case nvml.VALUE_TYPE_SIGNED_INT:
		return int32(bits)
	case nvml.VALUE_TYPE_UNSIGNED_SHORT:
		return uint16(bits)
	}
	return bits
}
