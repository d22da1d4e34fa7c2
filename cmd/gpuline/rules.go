package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/cmd/gpuline/ruletest"
	"github.com/gpuline/gpuline/conf"
)

func newRules(p *program) *cobra.Command {
	return group("rules", "Try rules out, offline",
		command("test FILE...", "Try rules out on samples or a recorded trace, as the files say: see docs/rules.md", 1, unlimited,
			func(args []string) error { return testRules(p, args) }))
}

// testRules runs the tests of all files, a line each on stdout. Nothing that the rules' files read from or
// write to is opened.
func testRules(p *program, files []string) error {
	var err error
	for _, file := range files {
		if !p.testFile(context.Background(), file) { // there is nothing to put in order before a signal's end
			err = errReported
		}
	}
	return err
}

// testFile runs the tests of a file and reports whether all is as expected.
func (p *program) testFile(ctx context.Context, name string) bool {
	fault := func(err error) bool {
		_, _ = fmt.Fprintln(p.stderr, err)
		return false
	}
	file, err := conf.ReadFile(name)
	if err != nil {
		return fault(err)
	}
	var tests ruletest.Config
	if err := file.Configure(&tests); err != nil {
		return fault(err)
	}
	dir := filepath.Dir(name)
	processors, err := conf.Processors(p.registry, tests.Files(dir))
	if err != nil {
		return fault(err)
	}
	chain := ruletest.Chain{Registry: p.registry, Processors: processors}
	rules, err := chain.Rules()
	if err != nil {
		return fault(err)
	}
	if err := file.Locate(tests.Check(dir, rules)); err != nil {
		return fault(err)
	}
	passed := true
	for i := range tests.Tests {
		t := &tests.Tests[i]
		at := []string{"tests", strconv.Itoa(i)}
		failures, err := chain.Run(ctx, t, dir)
		switch {
		case err != nil:
			_, _ = fmt.Fprintf(p.stdout, "FAIL  %s: %v [%s]\n", t.Name, err, file.Where(at...))
		case len(failures) == 0:
			_, _ = fmt.Fprintf(p.stdout, "ok    %s\n", t.Name)
			continue
		}
		passed = false
		for _, f := range failures {
			where := file.Where(append(at, "expect", strconv.Itoa(f.Index))...)
			_, _ = fmt.Fprintf(p.stdout, "FAIL  %s: %s [%s]\n", t.Name, f.Text, where)
		}
	}
	return passed
}
