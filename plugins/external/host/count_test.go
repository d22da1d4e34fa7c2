package host_test

import (
	"os"
	"runtime"
	"testing"
)

// count returns the numbers of goroutines and of open files.
func count(t testing.TB) (goroutines, files int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("there is no /proc")
	}
	return runtime.NumGoroutine(), len(list)
}
