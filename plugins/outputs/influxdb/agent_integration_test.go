//go:build integration

package influxdb

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/outputs/internal/servertest"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// trace returns n lines as an agent reads them: two sites, numbers of all types, and a string.
func trace(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "gpu,gpu_index=%d,host=n%d,site=s%d power_watts=%d.25,memory_used_bytes=%di,up=1i,ok=%t,state=\"P%d\" %d\n",
			i%8, i%2, i%2, 100+i%500, i*4096, i%3 == 0, i%4, start+int64(i)*1_000_000)
	}
	return b.String()
}

// ship runs gpuline on a trace and a configuration of its output, and returns its last line.
func ship(t *testing.T, gpuline, text, output string) string {
	t.Helper()
	dir := t.TempDir()
	lines, config := filepath.Join(dir, "trace.lp"), filepath.Join(dir, "gpuline.toml")
	toml := fmt.Sprintf("[agent]\nhttp = \"\"\n[[inputs.replay]]\nfiles = [%q]\n%s", lines, output)
	for path, text := range map[string]string{lines: text, config: toml} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), gpuline, "run", "-c", config)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	all := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	return all[len(all)-1]
}

func decoded(t *testing.T, text string) *sdk.Batch {
	t.Helper()
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(c)
	if err := lineprotocol.NewDecoder(c, lineprotocol.DecoderOptions{}).Decode(b, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// The program as it is shipped, from a file of lines to a database for each site, and back through queries.
func TestAgentWritesToInfluxDB(t *testing.T) {
	db, gpuline := startInflux(t, ""), servertest.Binary(t)
	const n = 5000
	text := trace(n)
	whole := decoded(t, text)
	f := func(output string) {
		t.Helper()
		for _, site := range []string{"s0", "s1"} {
			db.query("", "DROP DATABASE gpu_"+site)
			db.query("", "CREATE DATABASE gpu_"+site)
		}
		ledger := ship(t, gpuline, text, fmt.Sprintf(output, db.url))
		if want := fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%d dropped=0 queued=0 balance=ok", n, n); ledger != want {
			t.Errorf("%s\nwant %s", ledger, want)
		}
		for _, site := range []string{"s0", "s1"} {
			want := sdk.NewBatch(whole.Catalog())
			for m := range whole.All() {
				if m.Tag("site") == site {
					want.Copy(m)
				}
			}
			if diff := cmp.Diff(valuesOf(want), db.values("gpu_"+site)); diff != "" {
				t.Errorf("%s: -read +stored\n%.3000s", site, diff)
			}
		}
	}
	f("[[outputs.influxdb]]\nurls = [\"http://127.0.0.1:1\", %q]\ndatabase = \"gpu_{site}\"\n")
	f("[[outputs.influxdb]]\nurl = %q\norg = \"-\"\nbucket = \"gpu_{site}\"\ncontent_encoding = \"identity\"\n")
}

// startVictoria runs VictoriaMetrics, and returns its URL. Debian has it; CI installs it.
func startVictoria(t *testing.T) string {
	t.Helper()
	path, err := servertest.Find(t, "victoria-metrics")
	if err != nil {
		t.Skipf("%v: apt-get install victoria-metrics", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0") // it does not tell which port it got
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	servertest.Launch(t, regexp.MustCompile(`starting http server at`), path, "-httpListenAddr="+address,
		"-storageDataPath="+t.TempDir(), "-retentionPeriod=100y", "-search.latencyOffset=0s")
	servertest.Poll(t, servertest.Patience, "answer of "+address, func() bool {
		r, err := get(t, "http://"+address+"/health", "", "")
		return err == nil && r.Body.Close() == nil && r.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// VictoriaMetrics takes the same lines, and has each number, at its millisecond.
func TestAgentWritesToVictoriaMetrics(t *testing.T) {
	url, gpuline := startVictoria(t), servertest.Binary(t)
	const n = 2000
	text := trace(n)
	f := func(db, output string) {
		t.Helper()
		ledger := ship(t, gpuline, text, fmt.Sprintf(output, url))
		if want := fmt.Sprintf("delivered=%d dropped=0 queued=0 balance=ok", n); !strings.HasSuffix(ledger, want) {
			t.Errorf("%s\nwant %s", ledger, want)
		}
		var want []string
		for m := range decoded(t, text).All() {
			for _, name := range []string{"power_watts", "memory_used_bytes", "up"} {
				v, _ := m.Number(name)
				want = append(want, fmt.Sprintf("gpu_%s %s %s %v %d", name, m.Tag("gpu_index"), m.Tag("site"), v, m.Time()/1e6))
			}
		}
		slices.Sort(want)
		var got []string
		servertest.Poll(t, servertest.Patience, "the numbers", func() bool { // it shows them after a moment
			got = exported(t, url, db)
			return len(got) >= len(want)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-read +stored\n%.3000s", diff)
		}
	}
	f("v1", "[[outputs.influxdb]]\nurl = %q\ndatabase = \"v1\"\n[outputs.influxdb.filter]\nfields = [\"!state\"]\n")
	f("", "[[outputs.influxdb]]\nurl = %q\norg = \"-\"\nbucket = \"v2\"\nuint = \"u\"\n[outputs.influxdb.filter]\nfields = [\"!state\"]\n")
}

// exported returns the numbers that VictoriaMetrics has of a database, which it keeps as a label; v2 has none.
func exported(t *testing.T, url, db string) []string {
	t.Helper()
	r, err := get(t, url+`/api/v1/export?match[]=%7B__name__%3D~%22gpu_(power_watts|memory_used_bytes|up)%22,db%3D%22`+db+`%22%7D&start=1600000000`, "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var all []string
	scan := bufio.NewScanner(r.Body)
	scan.Buffer(nil, 1<<24)
	for scan.Scan() {
		var s struct {
			Metric     map[string]string
			Values     []float64
			Timestamps []int64
		}
		if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
			t.Fatalf("%v in %s", err, scan.Bytes())
		}
		for i := range s.Values {
			all = append(all, fmt.Sprintf("%s %s %s %v %d", s.Metric["__name__"], s.Metric["gpu_index"], s.Metric["site"], s.Values[i], s.Timestamps[i]))
		}
	}
	slices.Sort(all)
	return all
}
