package conf

import (
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestReferenceNamesEveryKey(t *testing.T) {
	page := Reference(fakes())
	f := func(want string) {
		t.Helper()
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	f("\n## [agent]\n")
	f("| `http` | string | `\"127.0.0.1:9445\"` |  | Address of")
	f("| `tags` | table of strings |  |  | Tags for every metric")
	f("| `filter.tags` | table of lists of strings |  |  |")
	f("| `queue.when_full` | string | `\"drop_oldest\"` |  | What a full queue drops")
	f("One of `drop_oldest`, `drop_newest`, `block`.")
	f("| `batch_size` | integer | `1000` |  | Metrics in a batch, at most. At least 1. |")
	f("\n## [[inputs.meter]]\n\nReads.\n\n| key |")
	f("| `gpus` | integer | `8` |  | How many. From 1 to 64. |")
	f("| `url` | string |  |  | Where to write. Required. |")
	f("| `rules.name` | string |  |  | Name. Required. |")
	f("\n```toml\n[[inputs.meter]]\n```\n")
	f("\n## [[processors.average]]\n\nAverages.\n\nIt has no keys of its own.\n")
	f("The common key `samples` is `true` unless set.")
	f("The common key `queue` is `{ max_bytes = \"1MB\" }` unless set.")
	for _, config := range []any{&agentKeys{}, &inputKeys{}, &outputKeys{}, &meterConfig{}, &peakConfig{}, &storeConfig{}} {
		options, err := sdk.Options(config)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range options {
			f("| `" + o.Key + "` | " + o.Type() + " |")
			if !strings.HasSuffix(o.Doc, ".") {
				t.Errorf("%T.%s: doc %q is not a sentence", config, o.Key, o.Doc)
			}
		}
	}
}
