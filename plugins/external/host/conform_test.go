package host_test

import (
	"maps"
	"os"
	"testing"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

type table = map[string]any

// make makes an external instance of a test plugin: over a connection in memory, or as a process.
func instance(t testing.TB, process bool, role sdk.Role, plugin string, own, common table) any {
	t.Helper()
	defs := host.Definitions()
	if !process {
		defs = host.Memory(service(t))
	}
	def := sdk.Registry(defs).Find(role, host.Name)
	config := def.NewConfig()
	keys := table{"path": self(t), "plugin": plugin}
	if own != nil {
		keys["config"] = own
	}
	maps.Copy(keys, common)
	for _, fault := range sdk.Configure(config, keys) {
		t.Fatal(fault)
	}
	i, err := def.New(config)
	if err != nil {
		t.Fatal(err)
	}
	host.Hasten(i)
	return i
}

// self is the path of the test binary.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// both runs check over memory and as a process.
func both(t *testing.T, check func(t *testing.T, process bool)) {
	t.Run("over memory", func(t *testing.T) { check(t, false) })
	t.Run("as a process", func(t *testing.T) { check(t, true) })
}

func TestGathererConforms(t *testing.T) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer {
			return instance(t, process, sdk.RoleInput, "ticks", nil, nil).(sdk.Gatherer)
		})
	})
}

func TestReaderConforms(t *testing.T) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
			return instance(t, process, sdk.RoleInput, "feed", nil, nil).(sdk.Reader)
		})
	})
}

func TestProcessorConforms(t *testing.T) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor {
			return instance(t, process, sdk.RoleProcessor, "double", nil, nil).(sdk.Processor)
		}, `
			a,k=1 x=1 1s
			a,k=2 x=2 1s
			drop y=1 2s
			a,k=1 x=3 2s
			b y=3 2s
			a,k=1 x=4,t="text",ok=true,n=3i 3s
			a,k=2 x=5 3s
			a,k=2 x=6 4s`)
	})
}

func TestOutputConforms(t *testing.T) {
	both(t, func(t *testing.T, process bool) {
		sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
			return instance(t, process, sdk.RoleOutput, "file", nil, nil).(sdk.Output)
		})
	})
}
