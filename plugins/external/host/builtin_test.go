package host_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/external/externaltest"
	"github.com/gpuline/gpuline/plugins/inputs/dcgm"
	"github.com/gpuline/gpuline/plugins/inputs/listener"
	inputnats "github.com/gpuline/gpuline/plugins/inputs/nats"
	"github.com/gpuline/gpuline/plugins/inputs/nvidiasmi"
	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	scrape "github.com/gpuline/gpuline/plugins/inputs/prometheus"
	"github.com/gpuline/gpuline/plugins/inputs/replay"
	"github.com/gpuline/gpuline/plugins/inputs/simulate"
	"github.com/gpuline/gpuline/plugins/inputs/tegrastats"
	"github.com/gpuline/gpuline/plugins/outputs/influxdb"
	outputnats "github.com/gpuline/gpuline/plugins/outputs/nats"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/kubernetes"
	"github.com/gpuline/gpuline/plugins/processors/kubernetes/kubelettest"
	"github.com/gpuline/gpuline/plugins/processors/naming"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/processors/threshold"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// builtins are all but those that need the agent's own page or its standard output.
func builtins() []sdk.Definition {
	return []sdk.Definition{
		nvml.Definition(), nvidiasmi.Definition(), dcgm.Definition(), tegrastats.Definition(),
		scrape.Definition(), listener.Definition(), inputnats.Definition(), replay.Definition(), simulate.Definition(),
		average.Definition(), kubernetes.Definition(), peak.Definition(), naming.Definition(), threshold.Definition(),
		influxdb.Definition(), outputnats.Definition(),
	}
}

// TestBuiltinsConform holds that a built-in plugin passes as a program of its own what it passes in the agent.
func TestBuiltinsConform(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred programs, each slow to start under the race detector: make test has it")
	}
	t.Run("simulate", func(t *testing.T) { builtinGatherer(t, "simulate", nil, nil) })
	t.Run("prometheus", func(t *testing.T) {
		far := page(t, "# TYPE a_total counter\na_total{b=\"c\"} 1\n# TYPE d gauge\nd 2.5\n")
		builtinGatherer(t, "prometheus", table{"urls": []any{far}}, nil)
	})
	t.Run("dcgm", func(t *testing.T) {
		far := page(t, `DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-0",device="nvidia0",modelName="NVIDIA H100",Hostname="node-7"} 301.5`+"\n")
		builtinGatherer(t, "dcgm", table{"mode": "exporter", "url": far}, nil)
	})
	t.Run("nvidia_smi", func(t *testing.T) {
		path := script(t, smi)
		builtinGatherer(t, "nvidia_smi", table{"mode": "query", "bin_path": path, "info_interval": "0s"}, nil)
		builtinReader(t, "nvidia_smi", table{"mode": "stream", "bin_path": path, "info_interval": "0s"}, nil)
	})
	t.Run("tegrastats", func(t *testing.T) {
		builtinReader(t, "tegrastats", table{"bin_path": script(t, tegra), "root": t.TempDir()}, nil)
	})
	t.Run("replay", func(t *testing.T) {
		recording := filepath.Join(t.TempDir(), "x.lp")
		if err := os.WriteFile(recording, []byte("gpu,gpu_index=0 power_watts=300.5 1000\ngpu,gpu_index=0 power_watts=301 2000\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		builtinReader(t, "replay", table{"files": []any{recording}}, nil)
	})
	t.Run("listener", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "ext") // a socket's path must be short
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket := filepath.Join(dir, "d")
		repeat(t, func(n int) {
			if c, err := net.Dial("unixgram", socket); err == nil {
				_, _ = fmt.Fprintf(c, "gpu,gpu_index=0 power_watts=%d.5\n", n)
				_ = c.Close()
			}
		})
		builtinReader(t, "listener", table{"http": "", "unix_datagram": socket}, nil)
	})
	t.Run("nats", func(t *testing.T) {
		s := natstest.Run(t, nil)
		nc := s.Client()
		repeat(t, func(n int) { _ = nc.Publish("in.x", fmt.Appendf(nil, "gpu,gpu_index=0 power_watts=%d.5\n", n)) })
		builtinReader(t, "nats", table{"urls": []any{s.URL()}, "subjects": []any{"in.>"}}, nil)
		builtinOutput(t, "nats", table{"urls": []any{s.URL()}, "subject": "out.{gpu_index}"})
		stream, err := s.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"in.>", "kept.>"}})
		if err != nil {
			t.Fatal(err)
		}
		acknowledged := jetstream.ConsumerConfig{
			Durable: "gpuline", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: 1000, FilterSubjects: []string{"in.>"},
		}
		if _, err := stream.CreateConsumer(t.Context(), acknowledged); err != nil { // by the input, it would leave goroutines of the server's
			t.Fatal(err)
		}
		builtinReader(t, "nats", table{"urls": []any{s.URL()}, "subjects": []any{"in.>"}, "jetstream": true}, nil)
		builtinOutput(t, "nats", table{"urls": []any{s.URL()}, "subject": "kept.{gpu_index}", "jetstream": true})
	})
	t.Run("average", func(t *testing.T) {
		builtinProcessor(t, "average", table{"period": "1s", "stats": []any{"mean", "stddev", "p95"}})
	})
	t.Run("peak", func(t *testing.T) { builtinProcessor(t, "peak", table{"period": "1s"}) })
	t.Run("kubernetes", func(t *testing.T) {
		socket := kubelettest.Socket(t)
		kubelettest.Serve(t, socket, kubelettest.Given{Namespace: "n", Pod: "p", Container: "c", Resource: "nvidia.com/gpu", Devices: []string{"GPU-1"}})
		builtinProcessor(t, "kubernetes", table{"socket": socket}, sdktest.ReadsResults)
	})
	t.Run("naming", func(t *testing.T) {
		builtinProcessor(t, "naming", table{"vocabulary": "telegraf"}, sdktest.ReadsResults)
	})
	t.Run("threshold", func(t *testing.T) {
		rule := table{"name": "hot", "metric": "gpu", "when": "power_watts > 305", "tags": table{"alert": "hot"}}
		builtinProcessor(t, "threshold", table{"rules": []any{rule}}, sdktest.ReadsResults)
	})
	t.Run("influxdb", func(t *testing.T) { builtinOutput(t, "influxdb", table{"url": page(t, ""), "database": "gpu"}) })
}

func builtinGatherer(t *testing.T, plugin string, own, common table) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer {
			return instance(t, process, sdk.RoleInput, plugin, own, common).(sdk.Gatherer)
		})
	})
}

func builtinReader(t *testing.T, plugin string, own, common table) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
			return instance(t, process, sdk.RoleInput, plugin, own, common).(sdk.Reader)
		})
	})
}

func builtinProcessor(t *testing.T, plugin string, own table, traits ...sdktest.Trait) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor {
			return instance(t, process, sdk.RoleProcessor, plugin, own, nil).(sdk.Processor)
		}, externaltest.Stream, traits...)
	})
}

func builtinOutput(t *testing.T, plugin string, own table) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
			return instance(t, process, sdk.RoleOutput, plugin, own, nil).(sdk.Output)
		})
	})
}

// page serves text, and takes whatever is posted.
func page(t *testing.T, text string) (url string) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(far.Close)
	return far.URL
}

// repeat calls f again and again until the test ends.
func repeat(t *testing.T, f func(n int)) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				f(n)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
}

// script writes a program for the shell.
func script(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

// smi answers to queries as nvidia-smi of one GPU does, and to nothing else.
const smi = `names= stays=
for arg; do
	case $arg in
	--query-gpu=*) names=${arg#*=} ;;
	-lms) stays=1 ;;
	esac
done
[ -n "$names" ] || exit 1
echo "$names" | sed 's/,/, /g'
row=$(echo "$names" | awk -F, '{
	for (i = 1; i <= NF; i++) {
		v = "[N/A]"
		if ($i == "index") v = 0
		if ($i == "uuid") v = "GPU-5eed0000-0000-4000-8000-000000000001"
		if ($i == "name") v = "NVIDIA T1000X"
		if ($i == "pci.bus_id") v = "00000000:10:00.0"
		if ($i == "power.draw") v = 301.5
		if ($i == "utilization.gpu") v = 97
		printf "%s%s", (i > 1 ? ", " : ""), v
	}
}')
echo "$row"
while [ -n "$stays" ] && sleep 0.02; do echo "$row"; done
`

// tegra prints what tegrastats prints on an Orin.
const tegra = `while sleep 0.02; do
	echo 'RAM 6000/62841MB (lfb 3x4MB) SWAP 0/31421MB (cached 0MB) CPU [5%@729,off,9%@729] EMC_FREQ 2%@2133 GR3D_FREQ 40%@[305,611] cpu@47.687C gpu@43.218C VDD_GPU_SOC 2001mW/2801mW'
done
`
