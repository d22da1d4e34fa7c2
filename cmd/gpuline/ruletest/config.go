// Package ruletest tries rules out: it sends samples from a table, or a recorded trace, through the
// processors of configuration files, and compares how the rules stand at given times with what is
// expected. It works in the time of the samples; nothing is waited for.
package ruletest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Config is a file of tests.
type Config struct {
	Rules []string `toml:"rules" required:"true" doc:"Configuration files with the rules and the windows that they read, relative to this file; of each the processors at its top are taken."`
	Tests []Test   `toml:"tests" doc:"The tests, a table each."`
}

// Test is the table of a test.
type Test struct {
	Name     string        `toml:"name" required:"true" doc:"What the test shows."`
	Interval time.Duration `toml:"interval" default:"10s" min:"1ms" max:"8760h" doc:"Time between two samples."`
	Start    string        `toml:"start" doc:"Time of the first sample, from which at counts, as in 2026-01-01T00:00:00Z; of a trace, unless set, the earliest in it."`
	Trace    string        `toml:"trace" doc:"Recorded line protocol, plain or gzip, relative to this file."`
	Samples  []Samples     `toml:"samples" doc:"Series of samples, instead of a trace."`
	Expect   []Expectation `toml:"expect" doc:"How rules stand."`
}

// Samples is a series, a row at each interval from the start.
type Samples struct {
	Metric string            `toml:"metric" default:"gpu" doc:"Measurement."`
	Tags   map[string]string `toml:"tags" doc:"Tags of the series."`
	Fields map[string]string `toml:"fields" required:"true" doc:"Values of each field, as in 70 81x12 74."`
}

// Expectation says how a rule stands at a time.
type Expectation struct {
	At        time.Duration     `toml:"at" required:"true" max:"87600h" doc:"When, from the start."`
	Until     time.Duration     `toml:"until" max:"87600h" doc:"From at to here, both included."`
	Rule      string            `toml:"rule" required:"true" doc:"Name of the rule; * is each rule."`
	Active    bool              `toml:"active" required:"true" doc:"Whether it is active."`
	Evaluated bool              `toml:"evaluated" default:"true" doc:"Whether there has been anything to evaluate it by."`
	Tags      map[string]string `toml:"tags" doc:"Tags of those that are meant; all of them must stand so."`
}

const anyRule = "*"

// Validate finds that nothing is to be tested.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	if len(c.Rules) == 0 {
		faults.Add("names no file", `write rules = ["alerts.toml"]`, "rules")
	}
	if len(c.Tests) == 0 {
		faults.Add("there is no test", "add a table [[tests]]", "tests")
	}
	return faults.Err()
}

// Check finds what a schema cannot: values that cannot be read, files that are not there, names of no
// rule. Paths in c are relative to dir; rules are the names that there are. Its faults' paths start at
// the top of c.
func (c *Config) Check(dir string, rules []string) error {
	var faults sdk.FaultList
	names := make(map[string]bool)
	for i := range c.Tests {
		t := &c.Tests[i]
		report := func(problem, remedy string, key ...string) {
			faults.Add(problem, remedy, append([]string{"tests", strconv.Itoa(i)}, key...)...)
		}
		if names[t.Name] {
			report("another test has the name "+strconv.Quote(t.Name), "rename one", "name")
		}
		names[t.Name] = true
		t.checkData(dir, report)
		t.checkExpectations(rules, report)
	}
	return faults.Err()
}

type reporter func(problem, remedy string, key ...string)

func (t *Test) checkData(dir string, report reporter) {
	if start, err := t.begin(); err != nil {
		report("is not a time", "write it as "+strconv.Quote(defaultStart), "start")
	} else if y := start.Year(); y < 1970 || y > 2200 {
		report("must be between the years 1970 and 2200", "", "start")
	}
	switch {
	case t.Trace != "" && len(t.Samples) > 0:
		report("there are samples, too", "make two tests of it", "trace")
	case t.Trace == "" && len(t.Samples) == 0:
		report("there are no samples and no trace", "add a table [[tests.samples]]", "name")
	case t.Trace != "":
		switch info, err := os.Stat(path(dir, t.Trace)); {
		case err != nil:
			report("cannot be read: "+plainly(err), "", "trace")
		case !info.Mode().IsRegular():
			report("is not a file", "record what is to be read: a test reads the same each time", "trace")
		}
	}
	for i := range t.Samples {
		t.checkSamples(&t.Samples[i], func(problem, remedy string, key ...string) {
			report(problem, remedy, append([]string{"samples", strconv.Itoa(i)}, key...)...)
		})
	}
}

func (t *Test) checkSamples(s *Samples, report reporter) {
	if !isText(s.Metric) {
		report("must not be empty, nor have line breaks", "", "metric")
	}
	for _, key := range sorted(s.Tags) {
		if !isText(key) || !isText(s.Tags[key]) {
			report("a tag needs a key and a value, without line breaks", "", "tags", key)
		}
	}
	if len(s.Fields) == 0 {
		report("there is no field", "", "fields")
	}
	for _, name := range sorted(s.Fields) {
		all, err := values(s.Fields[name])
		f, _ := vocabulary.Coerce(s.Metric, name)
		switch {
		case err != nil:
			report(err.Error(), notation, "fields", name)
		case !isText(name):
			report("a field needs a name, without line breaks", "", "fields", name)
		case f.Type == sdk.String:
			report("is a text, and samples are numbers", "record a trace", "fields", name)
		case t.Interval > 0 && time.Duration(len(all)) > longest/t.Interval:
			report("lasts longer than ten years", "take a shorter interval", "fields", name)
		}
	}
}

// isText reports whether line protocol can hold a text as a name or a tag.
func isText(s string) bool { return s != "" && !strings.ContainsFunc(s, unicode.IsControl) }

// longest bounds how long a test lasts, in the time of its samples.
const longest = 10 * 365 * day

func (t *Test) checkExpectations(rules []string, report reporter) {
	if len(t.Expect) == 0 {
		report("nothing is expected", "add a table [[tests.expect]]", "name")
	}
	for i := range t.Expect {
		e := &t.Expect[i]
		at := func(key string) []string { return []string{"expect", strconv.Itoa(i), key} }
		if e.Rule != anyRule && !slices.Contains(rules, e.Rule) {
			remedy := ""
			if near := sdk.Nearest(e.Rule, rules); near != "" {
				remedy = "did you mean " + strconv.Quote(near) + "?"
			}
			report(fmt.Sprintf("there is no rule %q", e.Rule), remedy, at("rule")...)
		}
		if e.Until != 0 && e.Until < e.At {
			report("is before at", "", at("until")...)
		}
		if e.Active && !e.Evaluated {
			report("a rule that is active has been evaluated", "leave one of them out", at("evaluated")...)
		}
	}
}

// end returns the last instant that is meant.
func (e *Expectation) end() time.Duration { return max(e.At, e.Until) }

func path(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// Files returns the paths of the files with rules.
func (c *Config) Files(dir string) []string {
	files := make([]string, len(c.Rules))
	for i, file := range c.Rules {
		files[i] = path(dir, file)
	}
	return files
}

// plainly says what is wrong with a file, without its path.
func plainly(err error) string {
	var inner interface{ Unwrap() error }
	if errors.As(err, &inner) && inner.Unwrap() != nil {
		return inner.Unwrap().Error()
	}
	return err.Error()
}
