package packaging_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// instructions returns the lines of the Containerfile, continued ones joined, without comments.
func instructions(t *testing.T) (list []string) {
	t.Helper()
	continued := ""
	for line := range strings.Lines(read(t, "Containerfile")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if before, more := strings.CutSuffix(line, "\\"); more {
			continued += before
			continue
		}
		list = append(list, strings.Join(strings.Fields(continued+line), " "))
		continued = ""
	}
	return list
}

func TestContainerfile(t *testing.T) {
	list := instructions(t)
	last := 0 // where the stage that is shipped begins
	for i, line := range list {
		if strings.HasPrefix(line, "FROM ") {
			last = i
		}
	}
	build, image := list[:last], list[last:]
	f := func(stage []string, line string) {
		t.Helper()
		if !slices.Contains(stage, line) {
			t.Errorf("no %q in\n%s", line, strings.Join(stage, "\n"))
		}
	}
	f(build, "ARG BASE=gcr.io/distroless/base-nossl-debian12:nonroot")
	f(image, "FROM $BASE")
	f(image, "COPY --from=build /out/gpuline /usr/bin/gpuline")
	f(image, "USER 65532:65532")
	f(image, `ENTRYPOINT ["/usr/bin/gpuline"]`)
	f(image, `CMD ["run", "-c", "/etc/gpuline"]`)
	for _, line := range image {
		if strings.HasPrefix(line, "RUN ") {
			t.Errorf("%q: the base has no shell", line)
		}
	}
	text := strings.Join(build, "\n")
	f(build, "ARG CGO_ENABLED=0")
	if !strings.Contains(text, "RUN CGO_ENABLED=$CGO_ENABLED ") || !strings.Contains(text, "GOARCH=$TARGETARCH") {
		t.Errorf("no build for the image's architecture, static unless told otherwise:\n%s", text)
	}
	version := regexp.MustCompile(`golang:(\d+\.\d+)-`).FindStringSubmatch(text)
	if version == nil || !strings.Contains(read(t, "../../go.mod"), "\ngo "+version[1]+".") {
		t.Errorf("the compiler is %q, and go.mod names another", version)
	}
	if ignored := read(t, "../../.dockerignore"); !strings.Contains(ignored, ".git\n") || !strings.Contains(ignored, "bin\n") {
		t.Errorf("the build would be sent %q", ignored)
	}
}

func TestContainerConfiguration(t *testing.T) {
	t.Setenv("GPULINE_HOST", "node-1")
	plan, err := conf.Load(all.Plugins(), []string{"container.toml"})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Agent.Hostname != "node-1" || plan.Agent.HTTP != ":9445" {
		t.Errorf("host %q, listens on %q", plan.Agent.Hostname, plan.Agent.HTTP)
	}
}
