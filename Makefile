# make run    the agent on this host's GPUs, or on simulated ones where there are none
# make test   all tests that need nothing but Go
# make check  what CI runs
GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := $(GO) build -trimpath -buildvcs=false -tags grpcnotrace -ldflags '$(LDFLAGS)'
LINT    := bin/golangci-lint
NFPM    := bin/nfpm
PROM    := bin/prometheus bin/promtool
INFLUXD := bin/influxd
FUZZTIME ?= 10s

# cgo needs a C compiler; without one everything is built without cgo.
export CGO_ENABLED ?= $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo 1 || echo 0)
export CGO_CFLAGS = -O2 -g -Wno-deprecated-declarations
RACE := $(if $(filter 1,$(CGO_ENABLED)),-race,)

.PHONY: run build test check integration faults soak lint vet race builds packages bench fuzz docs tools clean demo-driver fleet-demo gpu-check

run: build
	@if nvidia-smi -L >/dev/null 2>&1; then bin/gpuline run; \
	else echo "no GPU found (nvidia-smi -L failed): simulated GPUs, from conf/demo.toml"; \
	bin/gpuline run -c conf/demo.toml; fi

# The agent on a fake driver, which behaves as a real one does, through the very library calls. Needs gcc.
# With RINGS=bin/gpu-check/rings.csv its GPU does what a real one did while gpu-check looked.
demo-driver: build
	$(GO) run ./plugins/inputs/nvml/fakedriver/demo bin/demo-driver $(RINGS)
	GPULINE_FAKE_NVML=bin/demo-driver/scenario bin/gpuline run -c bin/demo-driver/agent.toml

# A fleet in one process: a JetStream cluster, agents with simulated GPUs, a hub that shows what arrives.
# A server is stopped now and then.
fleet-demo:
	$(GO) build -o bin/fleetdemo ./cmd/fleetdemo
	bin/fleetdemo

# What only a GPU can tell: readings against nvidia-smi, bursts shown, own cost, what an inference loop
# feels. Needs nvidia-smi, gcc, and python3 with torch; takes nine minutes. bin/gpucheck -h has more.
gpu-check: build
	$(GO) build -o bin/gpucheck ./cmd/gpucheck
	bin/gpucheck -gpuline bin/gpuline -load cmd/gpucheck/load.py -out bin/gpu-check

build:
	@$(if $(filter 0,$(CGO_ENABLED)),echo "no C compiler found: building without cgo",:)
	$(BUILD) -o bin/gpuline ./cmd/gpuline

test:
	@$(if $(filter 0,$(CGO_ENABLED)),echo "no C compiler found: testing without cgo",:)
	$(GO) test ./...

check: lint vet race builds

# Against the servers that the agent works with, on the loopback interface. The first time it builds them.
# Only the tests of that tag: make test has the others. One package at a time: some measure.
integration: $(PROM) $(INFLUXD)
	@files=$$(grep -rl --include='*_test.go' '^//go:build.*integration' .); \
	tests=$$(sed -n 's/^func \(Test[A-Za-z0-9_]*\)(.*/\1/p' $$files | paste -sd '|'); \
	PATH='$(CURDIR)/bin':"$$PATH" $(GO) test -p 1 -tags integration -run "^($$tests)$$" $$(dirname $$files | sort -u)

# The long forms of the tests that break things, many times each: processes killed, stopped and starved, full
# disks, damaged files, networks that hang and reset. make test tries each a few times.
faults:
	$(GO) test -p 1 -tags faults -timeout 30m ./pipeline/... ./plugins/external/... ./plugins/faults

# An agent at work for an hour, while what it reads changes and all around it fails. In the last third it takes no more
# memory, threads, files and goroutines than in the second, and its ledger is exact. bin/_artifacts has its heap
# at the end of each third. Needs gcc. SOAK=15m shows a leak.
SOAK ?= 1h
soak:
	@mkdir -p bin
	$(GO) test -tags soak -run '^TestSoak$$' -timeout 0 -artifacts -outputdir bin -v ./plugins/faults -soak $(SOAK)

lint: $(LINT)
	$(LINT) run ./...

vet:
	$(GO) vet ./...
	$(GO) vet -tags faults,soak $$(dirname $$(grep -rlE --include='*_test.go' '^//go:build.*(faults|soak)' .) | sort -u)

# The tests hold the generated documentation against the code, too: see docs/docs_test.go. What is left out for
# its length is in make test.
race:
	$(GO) test -short $(RACE) ./...

# linux/amd64 and linux/arm64, each with and without cgo. CROSS=require makes a missing cross compiler
# an error.
# Where something looks a method up by name (text/template does), the linker keeps the methods of all that is
# there, used or not: a fifth more. The size tells.
builds:
	CGO_ENABLED=0 GOARCH=amd64 $(BUILD) -o bin/gpuline-linux-amd64-static ./cmd/gpuline
	CGO_ENABLED=0 GOARCH=arm64 $(BUILD) -o bin/gpuline-linux-arm64-static ./cmd/gpuline
	@for target in amd64:x86_64 arm64:aarch64; do \
		arch=$${target%:*}; cc=$${target#*:}-linux-gnu-gcc; \
		if command -v $$cc >/dev/null; then \
			echo "cgo build for linux/$$arch with $$cc"; \
			CC=$$cc CGO_ENABLED=1 GOARCH=$$arch $(BUILD) -o bin/gpuline-linux-$$arch ./cmd/gpuline || exit 1; \
		elif [ "$(CROSS)" = require ]; then echo "$$cc is missing" >&2; exit 1; \
		else echo "skipped: cgo build for linux/$$arch, $$cc is missing"; fi; \
	done
	@for file in bin/gpuline-linux-*-static; do \
		size=$$(wc -c <$$file); if [ $$size -gt 20000000 ]; then echo "$$file has $$size bytes; 20 MB is the limit" >&2; exit 1; fi; \
	done

# bin/gpuline_VERSION_{amd64,arm64}.{deb,rpm}; FLAVOR=cgo packs the builds with cgo.
FLAVOR ?= static
packages: builds $(NFPM)
	conf/packaging/build.sh '$(VERSION)' $(FLAVOR)

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./... | grep -E '^(Benchmark|pkg:)'

fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

# docs/configuration.md, docs/metrics.md and the samples in the plugins' READMEs come from the code.
docs:
	$(GO) test ./docs -update

tools: $(LINT)

$(LINT):
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

$(NFPM):
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0

# Of the ways in which Prometheus finds targets, files are enough.
$(PROM):
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install -tags remove_all_sd github.com/prometheus/prometheus/cmd/$(@F)@v0.316.0

# 1.8 has the write APIs of InfluxDB 1 and 2, and is Go alone.
$(INFLUXD):
	GOBIN=$(CURDIR)/bin CGO_ENABLED=0 $(GO) install github.com/influxdata/influxdb/cmd/influxd@v1.8.10

clean:
	rm -rf bin
