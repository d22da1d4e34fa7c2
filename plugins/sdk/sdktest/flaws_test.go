package sdktest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// flawed runs the suite for plugins that are wrong: each must fail.
func flawed(t *testing.T, f func(kind, flaw, symptom string, suite func(*testing.T))) {
	processor := func(flaw, symptom string) {
		f("processor", flaw, symptom, func(t *testing.T) {
			TestProcessor(t, func(testing.TB) sdk.Processor { return &maximum{flaw: flaw} }, stream)
		})
	}
	processor("reads all classes", "metrics that are no samples have an effect")
	processor("reads hidden rows", "with all rows hidden")
	processor("reads hidden fields", "a result though all fields are hidden")
	processor("panics on an empty batch", "Process panics: nothing to do")
	processor("keeps a metric", "cut into batches of")
	processor("drops events", "metrics that are no samples do not pass unchanged")
	processor("skips what is absorbed", "samples that are absorbed already are read otherwise")
	processor("reports each batch", "cut into batches of 1")
	processor("flushes twice", "a second final Flush adds")
	processor("leaves a goroutine", "found unexpected goroutines")
	processor("never returns", "Process has not returned")

	gatherer := func(flaw, symptom string) {
		f("gatherer", flaw, symptom, func(t *testing.T) {
			TestGatherer(t, func(testing.TB) sdk.Gatherer { return &gauge{flaw: flaw} })
		})
	}
	gatherer("NaN", "power_watts is not a finite number")
	gatherer("no time", "the time is not after 1970")
	gatherer("no fields", "no fields: gpu")
	gatherer("no rows", "no metric within")
	gatherer("fails", "Gather: no such device")
	gatherer("changes a unit", "Unit:kilowatts Type:float Kind:gauge} now")
	gatherer("changes a type", "Type:int Kind:gauge} now")
	gatherer("bad field name", "bad field name")
	gatherer("empty field name", "bad field name")
	gatherer("another catalog", "not of the batch's catalog")
	gatherer("panics", "Gather panics: no driver")
	gatherer("ignores its context", "has not returned")

	reader := func(flaw, symptom string) {
		f("reader", flaw, symptom, func(t *testing.T) {
			TestReader(t, func(testing.TB) sdk.Reader { return &tail{flaw: flaw, ends: true} })
		})
	}
	reader("ignores its context", "has not returned")
	reader("goes on after the end", "Read after the end: 1 rows")
	reader("blocks in its Ack", "the Ack has not returned")

	output := func(flaw, symptom string) {
		f("output", flaw, symptom, func(t *testing.T) {
			TestOutput(t, func(testing.TB) sdk.Output { return &taker{flaw: flaw} })
		})
	}
	output("changes a value", "Write has changed the batch")
	output("drops rows", "Write has changed the batch")
	output("counts", "Write has changed the tally or the id")
	output("changes the id", "Write has changed the tally or the id")
	output("ignores its context", "Write has not returned")
	output("fails for ever", "holds up the queue: status 400")
	output("rejects rows that are not there", "positions grow and lie in the batch")
	output("rejects nothing", "a PartialError names rows and a reason")
	output("leaves a goroutine", "found unexpected goroutines")
	output("does not open", "Open: no such host")
}

// flawVariable makes TestFlawed run in a process of its own, where it is to fail.
const flawVariable = "SDKTEST_FLAWED"

func TestFlawed(t *testing.T) {
	if os.Getenv(flawVariable) == "" {
		t.Skip("runs in the processes that TestSuitesFailWhatIsWrong starts")
	}
	usual := patience
	flawed(t, func(kind, flaw, symptom string, suite func(*testing.T)) {
		patience = usual
		if strings.Contains(symptom, "has not returned") || strings.Contains(symptom, "no metric within") {
			patience = time.Second // what hangs does so for ever; what does not may be slow on a busy machine
		}
		t.Run(kind+" "+flaw, suite)
	})
}

func TestSuitesFailWhatIsWrong(t *testing.T) {
	var all sync.WaitGroup
	free := make(chan struct{}, 16) // most of them wait
	flawed(t, func(kind, flaw, symptom string, _ func(*testing.T)) {
		for _, way := range []string{"in process", "serialised"} {
			all.Go(func() {
				free <- struct{}{}
				defer func() { <-free }()
				name := fmt.Sprintf("^TestFlawed$/^%s %s$/^%s$", kind, flaw, way)
				self := exec.Command(os.Args[0], "-test.failfast", "-test.run="+name)
				self.Env = append(os.Environ(), flawVariable+"=1")
				text, err := self.CombinedOutput()
				if err == nil || !bytes.Contains(text, []byte(symptom)) {
					t.Errorf("%s that %s, %s: %v, no %q in\n%s", kind, flaw, way, err, symptom, text)
				}
			})
		}
	})
	all.Wait()
}
