package influxdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// No secret appears in a log, an error or the dead-letter file, even where the server says it.
func TestCanary(t *testing.T) {
	const canary = "c4n4ry with spaces"
	f := func(change func(c *Config)) {
		t.Helper()
		server := newFar(t)
		server.answer = func(n int, r request) reply {
			// Careless servers quote what they were sent.
			quote := fmt.Sprintf("%s %v %s", r.uri, r.header, canary)
			status := []int{200, 400, 401, 403, 404, 413, 429, 500, 503, 302}[n%10]
			return reply{status: status, body: fmt.Sprintf(`{"error":%q}`, quote), header: map[string][]string{"Location": {"http://x/?t=" + canary + "&" + quote}}}
		}
		path := filepath.Join(t.TempDir(), "dead.lp")
		r := open(t, func(c *Config) {
			c.DeadLetter.Path = path
			change(c)
		}, server)
		said := fmt.Sprintf("%v %+v %#v %v", r.config, r.config, r.config, &r.config)
		said += fmt.Sprintf("%v %+v %#v", r.InfluxDB, r.InfluxDB, r.InfluxDB)
		for i := range 40 {
			if err := r.write(r.batch(fmt.Sprintf("m x=1 %d", i))); err != nil {
				said += err.Error() + "\n"
			}
		}
		server.answer = nil
		dead, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for where, text := range map[string]string{"errors": said, "log": r.log.String(), "dead letters": string(dead)} {
			for _, secret := range []string{"c4n4ry", "dTpjNG40cnk"} { // the second: u:c4n4ry in base64
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("%s show the secret: … %s", where, text[max(0, i-200):min(len(text), i+50)])
				}
			}
		}
		if !strings.Contains(said, "***") || !strings.Contains(string(dead), "***") {
			t.Errorf("nothing quotes the secret, so that the test proves little:\n%s", said)
		}
	}
	f(func(c *Config) { c.API, c.Token = v3, sdk.NewSecret(canary) })
	f(func(c *Config) { c.Token = sdk.NewSecret(canary) })
	f(func(c *Config) { c.User, c.Password = "u", sdk.NewSecret(canary) })
}
