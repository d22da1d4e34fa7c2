package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gpuline/gpuline/pipeline"
)

func TestQueueOnDisk(t *testing.T) {
	f := func(keys string, want pipeline.Queue) {
		t.Helper()
		plan := parse(t, "[[inputs.meter]]\n[[outputs.store]]\nurl = 'x'\n"+keys+"\n")
		if got := plan.Outputs[0].Queue; got != want {
			t.Errorf("%s\n got %+v\nwant %+v", keys, got, want)
		}
	}
	f("", pipeline.Queue{MaxBytes: 16_000_000, WhenFull: pipeline.DropOldest})
	f("queue.disk = '/q'", pipeline.Queue{Disk: "/q", MaxBytes: 512_000_000, WhenFull: pipeline.DropOldest})
	f("queue = { disk = '/q', max_bytes = '1MiB', when_full = 'block' }", pipeline.Queue{Disk: "/q", MaxBytes: 1 << 20, WhenFull: pipeline.Block})
}

func TestTwoQueuesInOneFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	f := func(first, second string, same bool) {
		t.Helper()
		text := fmt.Sprintf("[[inputs.meter]]\n[[outputs.store]]\nurl = 'x'\nqueue.disk = '%s'\n[[outputs.store]]\nurl = 'x'\nqueue.disk = '%s'\n", dir+first, dir+second)
		want := ""
		if same {
			want = "a.toml:7: `queue.disk` in [[outputs.store]]: is the folder of the output at a.toml:2: give each output a folder of its own"
		}
		_, err := Parse(fakes(), "a.toml", []byte(text))
		if got := fmt.Sprint(err); got != want && (err != nil || same) {
			t.Errorf("%s and %s: %v", first, second, err)
		}
	}
	f("/real/a", "/real/a", true)
	f("/real/a", "/real/b", false)
	f("/real/a", "/real/a/b", false)
	f("/real/a", "/real/../real//a/", true)
	f("/real/a", "/link/a", true)
	f("/real/a/b/c", "/link/a/./b/c", true)
	f("/real", "/link", true)
}
