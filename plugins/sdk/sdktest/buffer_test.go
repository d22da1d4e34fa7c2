package sdktest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Buffer
		log := b.Log()
		go func() {
			log.Debug("first")
			time.Sleep(time.Minute / 6)
			log.Info("second", "n", 2)
		}()
		if got := b.Await(t, "n=2"); got != "level=INFO msg=second n=2\n" {
			t.Errorf("%q", got)
		}
		if got := b.String(); got != "level=DEBUG msg=first\nlevel=INFO msg=second n=2\n" {
			t.Errorf("%q", got)
		}
	})
}
