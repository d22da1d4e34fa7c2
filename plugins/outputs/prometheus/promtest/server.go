//go:build integration

package promtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/internal/servertest"
)

// Config says what a Prometheus scrapes, each second unless Interval says otherwise.
type Config struct {
	Targets  []Target
	Rules    []string // files of recording and alerting rules
	Interval time.Duration
}

// Target is a job with one address.
type Target struct {
	Job      string // "gpuline" unless set
	Address  string // such as "127.0.0.1:9445"
	Path     string // "/metrics" unless set
	Protocol string // such as "OpenMetricsText1.0.0"; all that Prometheus knows unless set
}

// Server is a Prometheus that runs for the length of a test.
type Server struct {
	URL string // such as "http://127.0.0.1:40124"

	t testing.TB
}

// Sample is one series of an answer.
type Sample struct {
	Labels map[string]string
	Value  float64
}

var prometheusListens = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// Start runs a Prometheus with storage of its own, and returns once it answers. It ends with the test.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(c.yaml(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	address := servertest.Launch(t, prometheusListens, servertest.Tool(t, "prometheus"), "--config.file="+path,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	s := &Server{URL: "http://" + address, t: t}
	servertest.Poll(t, servertest.Patience, "ready", func() bool {
		r, err := s.ask("/-/ready")
		return err == nil && r.Body.Close() == nil && r.StatusCode == http.StatusOK
	})
	return s
}

func (c *Config) yaml(t testing.TB) string {
	interval := c.Interval
	if interval == 0 {
		interval = time.Second
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global: {scrape_interval: %[1]dms, scrape_timeout: %[1]dms, evaluation_interval: %[1]dms}\n", interval.Milliseconds())
	b.WriteString("rule_files:\n")
	for _, file := range c.Rules {
		whole, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "- %q\n", whole)
	}
	b.WriteString("scrape_configs:\n")
	for _, g := range c.Targets {
		set := func(s *string, v string) {
			if *s == "" {
				*s = v
			}
		}
		set(&g.Job, "gpuline")
		set(&g.Path, "/metrics")
		fmt.Fprintf(&b, "- job_name: %q\n  metrics_path: %q\n  static_configs: [{targets: [%q]}]\n", g.Job, g.Path, g.Address)
		if g.Protocol != "" {
			fmt.Fprintf(&b, "  scrape_protocols: [%s]\n", g.Protocol)
		}
	}
	return b.String()
}

// Query evaluates an expression now. It fails the test where Prometheus cannot; no data is no failure.
func (s *Server) Query(expr string) []Sample {
	s.t.Helper()
	var data struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	}
	s.Get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	type point [2]any // a time and a number as text
	var samples []Sample
	add := func(labels map[string]string, p point) {
		text, _ := p[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			s.t.Fatalf("%s: %v", expr, err)
		}
		samples = append(samples, Sample{labels, v})
	}
	switch data.Type {
	case "scalar":
		var p point
		s.decode(data.Result, &p)
		add(nil, p)
	case "vector":
		var series []struct {
			Metric map[string]string
			Value  point
		}
		s.decode(data.Result, &series)
		for _, one := range series {
			add(one.Metric, one.Value)
		}
	default:
		s.t.Fatalf("%s gives a %s", expr, data.Type)
	}
	return samples
}

// Await evaluates an expression until it has data, and fails the test after the given time.
func (s *Server) Await(expr string, within time.Duration) []Sample {
	s.t.Helper()
	var samples []Sample
	servertest.Poll(s.t, within, "data of "+expr, func() bool {
		samples = s.Query(expr)
		return len(samples) > 0
	})
	return samples
}

// Get reads the data of a page of the HTTP API, such as "/api/v1/rules".
func (s *Server) Get(path string, data any) {
	s.t.Helper()
	r, err := s.ask(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		s.t.Fatalf("%s: %s, %v", path, r.Status, err)
	}
	if answer.Status != "success" {
		s.t.Fatalf("%s: %s", path, answer.Error)
	}
	s.decode(answer.Data, data)
}

func (s *Server) decode(text []byte, v any) {
	s.t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
}

var client = &http.Client{Timeout: 10 * time.Second}

func (s *Server) ask(path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}
