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
	"slices"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"golang.org/x/sys/unix"

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
	for _, name := range []string{"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetSamples", "nvmlDeviceGetFieldValues"} {
		if err := api.Extensions().LookupSymbol(name); err != nil {
			return err
		}
	}
	gpu, ret := api.DeviceGetHandleByIndex(0)
	if ret != nvml.SUCCESS {
		return fmt.Errorf("open GPU 0: error %d", int(ret))
	}
	supported, err := b.keep("fields.csv", func(w io.Writer) int { return traceFields(gpu, w) })
	if err != nil {
		return err
	}
	say("%d of %d readings by number.\n", supported, fields)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	go func() {
		_, _, err := b.doBursts(ctx, "trace-bursts.json", max(1, b.bursts/8))
		worked <- err
		stop()
	}()
	rings := make([]traced, len(samplings))
	entries, err := b.keep("rings.csv", func(w io.Writer) int { return traceRings(ctx, gpu, rings, w) })
	stop()
	if err := errors.Join(err, <-worked); err != nil {
		return err
	}
	say("%d entries of rings.\n\n| ring | entries | time between two: median, least, most | stamped by | age of the newest when read: median, most |\n|---|---|---|---|---|", entries)
	for i := range rings {
		say("| %s | %s", samplings[i], rings[i].describe())
	}
	say("")
	return nil
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

// traced is what was seen of a ring.
type traced struct {
	ret    nvml.Return // of the last call
	size   int         // entries that it held at most
	stamps []uint64
	ages   []float64 // seconds, by the clock that fits
	epoch  bool
}

// traceRings reads all rings every 5 ms, and returns how many entries it saw.
func traceRings(ctx context.Context, gpu nvml.Device, rings []traced, w io.Writer) (n int) {
	_, _ = fmt.Fprintln(w, "ring,stamp_microseconds,value,read_boot_microseconds,read_epoch_microseconds")
	for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		for i := range rings {
			r := &rings[i]
			last := uint64(0)
			if len(r.stamps) > 0 {
				last = r.stamps[len(r.stamps)-1]
			}
			kind, all, ret := gpu.GetSamples(nvml.SamplingType(i), last)
			boot, epoch := now()
			if r.ret = ret; ret != nvml.SUCCESS {
				continue
			}
			// go-nvml does not cut the slice to what the driver has filled.
			all = slices.DeleteFunc(all, func(s nvml.Sample) bool { return s.TimeStamp <= last })
			r.size = max(r.size, len(all))
			for _, s := range all {
				_, _ = fmt.Fprintf(w, "%s,%d,%v,%d,%d\n", samplings[i], s.TimeStamp, number(uint32(kind), s.SampleValue), boot, epoch)
			}
			if len(all) > 0 {
				newest := int64(all[len(all)-1].TimeStamp)
				r.epoch = max(epoch-newest, newest-epoch) < max(boot-newest, newest-boot)
				age := boot - newest
				if r.epoch {
					age = epoch - newest
				}
				r.ages = append(r.ages, float64(age)/1e6)
			}
			for _, s := range all {
				r.stamps = append(r.stamps, s.TimeStamp)
			}
			n += len(all)
		}
	}
	return n
}

// describe is a row of the report.
func (r *traced) describe() string {
	if len(r.stamps) < 2 {
		return fmt.Sprintf("none: NVML says %d | | | |", r.ret)
	}
	var gaps []float64
	for i := 1; i < len(r.stamps); i++ {
		gaps = append(gaps, float64(r.stamps[i]-r.stamps[i-1])/1e3)
	}
	clock := "time since the start of the host"
	if r.epoch {
		clock = "time of day"
	}
	return fmt.Sprintf("%d, at once at most %d | %.2f, %.2f, %.2f ms | %s | %.1f, %.1f ms |", len(r.stamps), r.size,
		median(gaps), slices.Min(gaps), slices.Max(gaps), clock, 1e3*median(r.ages), 1e3*slices.Max(r.ages))
}

// now returns the time since the start of the host and of day, in microseconds.
func now() (boot, epoch int64) {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // the clock is there, and the pointer is good
	return ts.Nano() / 1e3, time.Now().UnixMicro()
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
