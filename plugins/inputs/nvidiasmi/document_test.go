package nvidiasmi

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// A process is called what its author likes, and nobody's reading may be lost by it.
func TestOddNames(t *testing.T) {
	f := func(written, want string) {
		t.Helper()
		text := world{gpus: 2}.document()
		before, after, ok := strings.Cut(text, "<process_name>")
		if !ok {
			t.Fatal("no process in the document")
		}
		_, after, _ = strings.Cut(after, "</process_name>")
		fleet, b := newFleet(testConfig(), nil), newBatch()
		fleet.begin(b, 1, 1, true)
		if err := fleet.document(b, []byte(before+"<process_name>"+written+"</process_name>"+after), 1, nil); err != nil {
			t.Errorf("%q: %v", written, err)
		}
		gpus, found := 0, false
		for m := range b.All() {
			if m.Name() == vocabulary.GPU {
				gpus++
			}
			found = found || m.Tag(vocabulary.TagProcess) == want
		}
		if gpus != 2 || !found {
			t.Errorf("%q: %d GPUs, process %q is there: %v", written, gpus, want, found)
		}
	}
	f("/usr/bin/python3", "/usr/bin/python3")
	f("a &amp; b &lt;c&gt;", "a & b <c>")
	f("a & b &c;", "a & b &c;")
	f("<![CDATA[<b>]]>", "<b>")
	f("a<!-- c -->b", "ab")
	f("a\x01b\x1b[1m", "a b [1m")
	f("a\xffb\ufffe", "a b")
}

// FuzzDocument checks that no input makes the reader of documents panic, hang or report what cannot be.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(world{gpus: 2, mig: 1, clocks: 3}.document()))
	f.Add([]byte("<nvidia_smi_log><gpu id='1'><mig_devices><mig_device/></mig_devices><processes><process_info/></processes></gpu></nvidia_smi_log>"))
	f.Add([]byte("</gpu></gpu><gpu><uuid>x</uuid></gpu>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet, b := newFleet(testConfig(), nil), newBatch()
		for round := 1; round <= 2; round++ {
			fleet.begin(b, round, int64(round), true)
			_ = fleet.document(b, bytes.Clone(data), int64(round), nil)
			checkSane(t, fleet, b)
		}
	})
}
