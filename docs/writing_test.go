package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWritingAPlugin does what docs/writing-a-plugin.md says, command by command, and compares what is
// printed. go test ./docs -update writes it.
func TestWritingAPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and tests a project, without the race detector: make test has it")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	checkout, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "bin", "gpuline"), "../cmd/gpuline")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(command string) string {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GPULINE="+checkout, "GOFLAGS=", "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Errorf("%s: %v", command, err)
		}
		return string(out)
	}
	const page = "writing-a-plugin.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- run -->\n```console\n", "```\n"
	var got strings.Builder
	rest, blocks := string(text), 0
	for {
		before, after, found := strings.Cut(rest, begin)
		got.WriteString(before)
		if !found {
			break
		}
		block, behind, _ := strings.Cut(after, "\n"+end)
		got.WriteString(begin)
		for _, command := range commands(block + "\n") {
			got.WriteString("$ " + strings.ReplaceAll(command, "\n", "\n> ") + "\n")
			got.WriteString(run(command))
		}
		got.WriteString(end)
		rest, blocks = behind, blocks+1
	}
	if blocks < 5 {
		t.Fatalf("%d blocks to run: is the page still read right?", blocks)
	}
	// An empty line of a command is written as a mark alone.
	made := strings.ReplaceAll(got.String(), "\n> \n", "\n>\n")
	if *update {
		hold(t, page, made)
		return
	}
	if diff := cmp.Diff(steady(string(text)), steady(made)); diff != "" {
		t.Errorf("%s is out of date, run make docs (-page +run):\n%s", page, diff)
	}
}

// commands returns the commands of a block: what stands behind "$ ", with the lines that go on behind "> ".
func commands(block string) []string {
	var list []string
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "$ "):
			list = append(list, line[2:])
		case line == ">":
			list[len(list)-1] += "\n"
		case strings.HasPrefix(line, "> "):
			list[len(list)-1] += "\n" + line[2:]
		}
	}
	return list
}

// steady replaces what differs from run to run.
func steady(text string) string {
	for pattern, with := range map[string]string{
		`\t\d+\.\d+s\n`:         "\tTIME\n",
		`(?m)^[0-9a-f…]{7,}  `:  "SUM  ",
		`\t\(cached\)\n`:        "\tTIME\n",
		`/\S*/TestWriting\S*?/`: "/DIR/",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	return text
}
