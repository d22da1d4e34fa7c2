package nats

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/jsonlines"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func newTestDecoder(t testing.TB, c *sdk.Catalog, change func(*Config)) *decoder {
	t.Helper()
	d, err := newDecoder(config(change), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

func pack(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(data, nil)
}

// decoded returns what a message holds, as lines, and the rows dropped.
func decoded(t testing.TB, change func(*Config), h nats.Header, data []byte) ([]string, error) {
	t.Helper()
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(c)
	err := newTestDecoder(t, c, change).decode(b, &message{header: h, data: data}, 42)
	if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() || y.Absorbed != 0 || y.Filtered != 0 {
		t.Errorf("%d rows, tally %+v", b.Len(), y)
	}
	return sdktest.DumpFull(b), err
}

// The encoding is what the header says, else what the configuration says.
func TestEncodings(t *testing.T) {
	const full = "gpu,gpu_index=0 power_watts:gauge:watts=300.5,energy_joules:counter:joules=7 1700000000000000000"
	lp := []byte("gpu,gpu_index=0 power_watts=300.5,energy_joules=7 1700000000000000000\n")
	object := []byte(`{"name":"gpu","tags":{"gpu_index":"0"},"fields":{"power_watts":300.5,"energy_joules":7},"time":1700000000000000000,"class":"sample"}`)
	rec := frame(t, full)
	for _, c := range []struct {
		encoding natsclient.Encoding
		data     []byte
	}{{natsclient.Influx, lp}, {natsclient.JSON, object}, {natsclient.Record, rec}} {
		f := func(header bool, packed bool) {
			t.Helper()
			h, data := nats.Header{}, c.data
			change := func(cfg *Config) { cfg.Encoding = string(c.encoding) }
			if header {
				h.Set("Content-Type", c.encoding.ContentType())
				change = func(cfg *Config) { cfg.Encoding = "json" } // is not asked
			}
			if packed {
				h.Set("Content-Encoding", "zstd")
				data = pack(t, data)
			}
			lines, err := decoded(t, change, h, data)
			if diff := cmp.Diff([]string{full}, lines); diff != "" || err != nil {
				t.Errorf("%s header %v packed %v: %v -want +got\n%s", c.encoding, header, packed, err, diff)
			}
		}
		f(false, false)
		f(true, false)
		f(false, true)
		f(true, true)
	}
}

// A record keeps what the others lose; marks of the agent's windows do not reach those of the hub.
func TestRecordKeeps(t *testing.T) {
	text := `
		gpu,gpu_index=0 power_watts:gauge:watts=300.5,n:info:=3u,ok:gauge:=true,s:gauge:="x" 1 absorbed
		gpu,gpu_index=0,window=10s power_watts_mean:gauge:watts=300.5 2 class=result notes=alert=hot origin=gpu,gpu_index=0
		gpu,gpu_index=0,window=10s power_watts_mean:gauge:watts=301 2 class=result absorbed notes=alert=hot origin=gpu,gpu_index=0
		gpu_event,event=xid message:gauge:="m" 3 class=event
		gpu_info driver:gauge:="595" 4 class=info`
	lines, err := decoded(t, nil, headers(natsclient.Record), frame(t, text))
	want := sdktest.Lines(strings.ReplaceAll(text, " absorbed", ""))
	if diff := cmp.Diff(want, lines); diff != "" || err != nil {
		t.Errorf("%v -want +got\n%s", err, diff)
	}
}

func TestSeriesBeyondTheCap(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Series: 2})
	b := sdk.NewBatch(c)
	d := newTestDecoder(t, c, nil)
	for range 2 {
		if err := d.decode(b, &message{header: headers(natsclient.Record), data: frame(t, "a x=1 1\nb x=1 1\nc x=1 1\na x=2 2\nd x=1 1")}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if y := b.Tally(); b.Len() != 6 || y.Added != 10 || y.Dropped() != 4 || y.Drops[0].Reason != sdk.DropSeriesCap {
		t.Errorf("%d rows, tally %+v", b.Len(), y)
	}
}

// newer is a frame of a later version of the format.
func newer(t testing.TB) []byte {
	t.Helper()
	f := frame(t, "a x=1 1")
	binary.LittleEndian.PutUint16(f[4:], record.Version+1)
	sum := crc32.Update(crc32.Checksum(f[:16], crc32.MakeTable(crc32.Castagnoli)), crc32.MakeTable(crc32.Castagnoli), f[20:])
	binary.LittleEndian.PutUint32(f[16:], sum)
	return f
}

func TestMessagesThatCannotBeRead(t *testing.T) {
	rec := frame(t, "a x=1 1")
	f := func(h nats.Header, data []byte, want string) {
		t.Helper()
		lines, err := decoded(t, func(c *Config) { c.MaxDecoded = 1 << 20 }, h, data)
		if err == nil || !strings.Contains(err.Error(), want) || len(lines) > 0 {
			t.Errorf("%v, %q; want %q", err, lines, want)
		}
	}
	zip := func(e natsclient.Encoding) nats.Header {
		h := headers(e)
		h.Set("Content-Encoding", "ZSTD")
		return h
	}
	f(headers(natsclient.Record), nil, "cut short")
	f(headers(natsclient.Record), rec[:len(rec)-1], "cut short")
	f(headers(natsclient.Record), append(bytes.Clone(rec), 'x'), "bytes behind the record")
	f(headers(natsclient.Record), []byte("a x=1 1\nand something longer than a header\n"), "no frame starts here")
	flipped := bytes.Clone(rec)
	flipped[len(flipped)-1] ^= 1
	f(headers(natsclient.Record), flipped, "checksum")
	f(headers(natsclient.Record), newer(t), "newer version")
	f(headers(natsclient.Influx), []byte("not line protocol"), "line")
	f(headers(natsclient.JSON), []byte(`{"name":`), "line 1")
	f(zip(natsclient.Influx), []byte("a x=1 1\n"), "unpack")
	f(zip(natsclient.Influx), pack(t, bytes.Repeat([]byte("a x=1 1\n"), 1<<20)), "max_decoded")
	f(nil, bytes.Repeat([]byte("a x=1 1\n"), 1<<18), "max_decoded")
	h := headers(natsclient.Influx)
	h.Set("Content-Encoding", "br")
	f(h, []byte("a x=1 1\n"), `content encoding "br" is unknown`)
}

// Bombs cost what the limit allows, whatever they claim.
func TestBombs(t *testing.T) {
	bomb := pack(t, make([]byte, 512<<20))
	if len(bomb) > 1<<20 {
		t.Fatalf("a bomb of %d bytes", len(bomb))
	}
	c := sdk.NewCatalog(sdk.Limits{})
	d, b := newTestDecoder(t, c, nil), sdk.NewBatch(c)
	h := headers(natsclient.Influx)
	h.Set("Content-Encoding", "zstd")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 10 {
		if err := d.decode(b, &message{header: h, data: bomb}, 0); !errors.Is(err, errTooLarge) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 200<<20 {
		t.Errorf("ten bombs cost %d MiB", grown>>20)
	}
}

// Bad lines are left out and counted; the good ones of the same message are taken.
func TestBadLines(t *testing.T) {
	f := func(e natsclient.Encoding, data string, want []string, count int) {
		t.Helper()
		lines, err := decoded(t, nil, headers(e), []byte(data))
		var bad *lineErrors
		if diff := cmp.Diff(want, lines); diff != "" || !errors.As(err, &bad) || bad.count != count {
			t.Errorf("%s: %v\n%s", e, err, diff)
		}
	}
	f(natsclient.Influx, "a x=1 1\nb x=\nc x=3 3\nd\n", []string{"a x:gauge:=1 1", "c x:gauge:=3 3"}, 2)
	f(natsclient.JSON, `{"name":"a","fields":{"x":1},"time":1}`+"\nno\n"+`{"name":"c","fields":{"x":3}}`+"\n", []string{"a x:gauge:=1 1", "c x:gauge:=3 42"}, 1)
}

// A message that cannot be read is delivered once, to nobody again, and lies in the dead-letter file whole.
func TestPoison(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	js := s.JetStream()
	path := filepath.Join(t.TempDir(), "unreadable.jsonl")
	h := open(t, func(c *Config) {
		jetStream(s)(c)
		c.AckWait, c.DeadLetter.Path = time.Second, path
	})
	publish(t, js, headers(natsclient.Record), "\x00poison")
	publish(t, js, nil, "a x=1 1\nbad line\n")
	publish(t, js, nil, "bad alone")
	publish(t, js, nil, "# nothing in it\n")
	publish(t, js, nil, "b x=1 1\n")
	var got []string
	for len(got) < 2 {
		lines, ack := h.read()
		got = append(got, lines...)
		ack(nil)
	}
	if diff := cmp.Diff([]string{"a x:gauge:=1 1", "b x:gauge:=1 1"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	h.none(1500 * time.Millisecond) // beyond ack_wait
	natstest.Eventually(t, patience, "answers to all", func() bool {
		c, err := stream.Consumer(t.Context(), "gpuline")
		return err == nil && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().NumPending == 0
	})
	h.wantFigure("gpuline_nats_unreadable_messages_total", 2)
	h.wantFigure("gpuline_nats_bad_lines_total", 2)
	h.wantFigure("gpuline_nats_received_messages_total", 5)
	h.wantFigure("gpuline_nats_redelivered_messages_total", 0)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var data []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var entry struct {
			Subject string
			Headers map[string][]string
			Data    []byte
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Subject != "gpu.h.0" {
			t.Errorf("%v in %s", err, line)
		}
		data = append(data, string(entry.Data))
	}
	if diff := cmp.Diff([]string{"\x00poison", "a x=1 1\nbad line\n", "bad alone"}, data); diff != "" {
		t.Errorf("-want +got\n%s\n%s", diff, text)
	}
}

// What a newer agent wrote is neither lost nor put aside: a newer hub takes it.
func TestMessageOfANewerAgentWaits(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	h := open(t, jetStream(s))
	publish(t, s.JetStream(), headers(natsclient.Record), string(newer(t)))
	h.none(300 * time.Millisecond)
	h.wantFigure("gpuline_nats_held_messages_total", 1)
	h.wantFigure("gpuline_nats_unreadable_messages_total", 0)
	c, err := stream.Consumer(t.Context(), "gpuline")
	if err != nil || c.CachedInfo().NumAckPending != 1 {
		t.Errorf("%v", err)
	}
}

// FuzzDecode checks that no message does harm: the ledger stays exact, and what was decoded can be encoded.
func FuzzDecode(f *testing.F) {
	rec := frame(f, "gpu,gpu_index=0 power_watts=300.5,n=3u,s=\"x\" 1 notes=a=b\ngpu_event message=\"m\" 2 class=event")
	lp := []byte("gpu,gpu_index=0 power_watts=300.5,up=1i 1\nbad\n")
	object := []byte(`{"name":"gpu","tags":{"a":"b"},"fields":{"x":1,"y":"z","b":true},"time":1,"class":"result"}` + "\n{")
	for i, data := range [][]byte{rec, lp, object} {
		f.Add(uint8(i), data)
		f.Add(uint8(i)|4, pack(f, data))
	}
	kinds := []natsclient.Encoding{natsclient.Record, natsclient.Influx, natsclient.JSON, "other"}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		c := sdk.NewCatalog(sdk.Limits{Series: 100})
		d := newTestDecoder(t, c, func(c *Config) { c.MaxDecoded = 1 << 20 })
		h := headers(kinds[kind&3])
		if kind&4 != 0 {
			h.Set("Content-Encoding", "zstd")
		}
		b := sdk.NewBatch(c)
		b.Add(b.Series("before"), 1).Int("x", 1)
		err := d.decode(b, &message{header: h, data: data}, 42)
		if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() || y.Absorbed+y.Merged+y.Filtered != 0 {
			t.Fatalf("%d rows, tally %+v", b.Len(), y)
		}
		var bad *lineErrors
		if err != nil && !errors.As(err, &bad) && b.Len() != 1 {
			t.Fatalf("%v, and %d rows", err, b.Len()-1)
		}
		for m := range b.All() {
			if m.Absorbed() {
				t.Fatal("a row that no window here has read is absorbed")
			}
		}
		lineprotocol.NewEncoder(c, lineprotocol.EncoderOptions{}).AppendBatch(nil, b)
		new(jsonlines.Encoder).AppendBatch(nil, b)
		if _, err := record.Decode(record.Append(nil, b), sdk.NewBatch(c)); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkDecode is a message of 1,000 metrics with 13 fields, into a batch.
func BenchmarkDecode(bm *testing.B) {
	const rows = 1000
	c := sdk.NewCatalog(sdk.Limits{})
	source := sdk.NewBatch(c)
	for i := range rows {
		s := source.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i % 8)}, sdk.Tag{Key: "host", Value: "n1"},
			sdk.Tag{Key: "gpu_uuid", Value: fmt.Sprintf("GPU-%d", i%8)}, sdk.Tag{Key: "source", Value: "nvml"})
		m := source.Add(s, 1_700_000_000_000_000_000+int64(i)*1e6)
		for k := range 13 {
			if k%2 == 0 {
				m.Float(fmt.Sprintf("reading_%d_ratio", k), float64(i*k%1000)/999)
			} else {
				m.Uint(fmt.Sprintf("reading_%d_bytes", k), uint64(i*k)*4096)
			}
		}
	}
	f := func(name string, h nats.Header, data []byte) {
		bm.Run(name, func(bm *testing.B) {
			d, b := newTestDecoder(bm, c, nil), sdk.NewBatch(c)
			m := &message{header: h, data: data}
			bm.SetBytes(int64(len(data)))
			bm.ReportAllocs()
			for bm.Loop() {
				b.Reset()
				if err := d.decode(b, m, 0); err != nil || b.Len() != rows {
					bm.Fatal(err, b.Len())
				}
			}
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/rows, "ns/metric")
		})
	}
	rec := record.Append(nil, source)
	packed := headers(natsclient.Record)
	packed.Set("Content-Encoding", "zstd")
	lines, _ := lineprotocol.NewEncoder(c, lineprotocol.EncoderOptions{}).AppendBatch(nil, source)
	f("record", headers(natsclient.Record), rec)
	f("record zstd", packed, pack(bm, rec))
	f("influx", headers(natsclient.Influx), lines)
	f("json", headers(natsclient.JSON), new(jsonlines.Encoder).AppendBatch(nil, source))
	bm.Run("record alone", func(bm *testing.B) {
		b := sdk.NewBatch(c)
		bm.ReportAllocs()
		for bm.Loop() {
			b.Reset()
			if _, err := record.Decode(rec, b); err != nil {
				bm.Fatal(err)
			}
		}
		bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/rows, "ns/metric")
	})
}
