//go:build integration

package influxdb

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/internal/servertest"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// influx is a real InfluxDB 1.8 that runs for the length of a test.
type influx struct {
	t              testing.TB
	url            string
	socket         string
	user, password string // of queries
}

var influxListens = regexp.MustCompile(`msg="Listening on HTTP" .*addr=(127\S+)`)

// startInflux runs InfluxDB. section is added to [http] of its configuration.
func startInflux(t testing.TB, section string) *influx {
	t.Helper()
	dir := t.TempDir()
	i := &influx{t: t, socket: filepath.Join(dir, "influx.sock")}
	config := filepath.Join(dir, "influxdb.conf")
	text := fmt.Sprintf(`
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "%[1]s/meta"
[data]
dir = "%[1]s/data"
wal-dir = "%[1]s/wal"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:0"
log-enabled = false
flux-enabled = true
unix-socket-enabled = true
bind-socket = "%[2]s"
%[3]s`, dir, i.socket, section)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	i.url = "http://" + servertest.Launch(t, influxListens, servertest.Tool(t, "influxd"), "run", "-config", config)
	servertest.Poll(t, servertest.Patience, "answer of "+i.url, func() bool {
		r, err := get(t, i.url+"/ping", "", "")
		return err == nil && r.Body.Close() == nil && r.StatusCode == http.StatusNoContent
	})
	return i
}

func get(t testing.TB, address, user, password string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	// Without kept connections, which would be found when the test ends.
	return (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
}

// series is one of an answer.
type series struct {
	Name    string
	Tags    map[string]string
	Columns []string
	Values  [][]any // numbers as json.Number
}

// query runs a statement, and fails the test where InfluxDB finds fault.
func (i *influx) query(database, statement string) []series {
	i.t.Helper()
	method := url.Values{"db": {database}, "epoch": {"ns"}, "q": {statement}}
	request, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, i.url+"/query?"+method.Encode(), nil)
	if err != nil {
		i.t.Fatal(err)
	}
	if i.user != "" {
		request.SetBasicAuth(i.user, i.password)
	}
	r, err := (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		i.t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Error   string
		Results []struct {
			Error  string
			Series []series
		}
	}
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&answer); err != nil || answer.Error != "" || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		i.t.Fatalf("%s: %s, %v, %+v", statement, r.Status, err, answer)
	}
	return answer.Results[0].Series
}

// values returns each value that a database holds as a line "name,tag=value field=type:value time", sorted.
func (i *influx) values(database string) []string {
	i.t.Helper()
	types := make(map[string]string) // by name and field
	for _, s := range i.query(database, "SHOW FIELD KEYS") {
		for _, row := range s.Values {
			types[s.Name+" "+row[0].(string)] = row[1].(string)
		}
	}
	var all []string
	for _, s := range i.query(database, "SELECT * FROM /.*/ GROUP BY *") {
		head := s.Name
		for _, key := range sortedKeys(s.Tags) {
			if s.Tags[key] != "" {
				head += "," + key + "=" + s.Tags[key]
			}
		}
		for _, row := range s.Values {
			for c := 1; c < len(row); c++ {
				if row[c] != nil {
					typ := types[s.Name+" "+s.Columns[c]]
					all = append(all, fmt.Sprintf("%s %s=%s:%s %s", head, s.Columns[c], typ, normal(typ, row[c]), row[0]))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// normal writes a value that was read so that equal ones are written alike.
func normal(typ string, v any) string {
	if n, ok := v.(json.Number); ok && typ == "float" {
		f, err := n.Float64()
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(f)
	}
	return fmt.Sprint(v)
}

// valuesOf returns what a database should hold of b. Names and tags are as they are: the sanitiser has tests of
// its own.
func valuesOf(b *sdk.Batch) []string {
	var all []string
	for m := range b.All() {
		tags := make(map[string]string)
		for _, from := range [][]sdk.Tag{m.Annotations().Tags(), m.Series().Tags()} {
			for _, t := range from {
				tags[t.Key] = t.Value
			}
		}
		head := m.Name()
		for _, key := range sortedKeys(tags) {
			head += "," + key + "=" + tags[key]
		}
		for slot := range m.Len() {
			v, typ, value := m.Value(slot), "", any(nil)
			switch v.Type() {
			case sdk.Float:
				typ, value = "float", v.Float()
			case sdk.Int:
				typ, value = "integer", v.Int()
			case sdk.Uint:
				typ, value = "integer", v.Uint()
			case sdk.Bool:
				typ, value = "boolean", v.Bool()
			case sdk.String:
				typ, value = "string", strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(v.Text())
			}
			all = append(all, fmt.Sprintf("%s %s=%s:%s %d", head, m.Field(slot).Name, typ, fmt.Sprint(value), m.Time()))
		}
	}
	slices.Sort(all)
	return all
}
