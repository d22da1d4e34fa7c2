package fakedriver

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Clock is a pair of clocks, epoch and boot time, in a file that the library maps: the test that owns it
// decides how late it is, in every process. It is safe for use from several goroutines.
type Clock struct {
	path string
	mu   sync.Mutex
	data []byte
}

// NewClock makes the file at path and sets both clocks.
func NewClock(path string, epoch time.Time, boot time.Duration) (*Clock, error) {
	if err := os.WriteFile(path, make([]byte, 16), 0o600); err != nil {
		return nil, fmt.Errorf("make a clock: %w", err)
	}
	c, err := OpenClock(path)
	if err != nil {
		return nil, err
	}
	c.Set(epoch, boot)
	return c, nil
}

// OpenClock maps a clock that another process has made.
func OpenClock(path string) (*Clock, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open a clock: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := unix.Mmap(int(f.Fd()), 0, 16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the clock %s: %w", path, err)
	}
	return &Clock{path: path, data: data}, nil
}

// Close unmaps the clock; the file stays.
func (c *Clock) Close() error { return unix.Munmap(c.data) }

// Set sets both clocks.
func (c *Clock) Set(epoch time.Time, boot time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.word(1).Store(int64(boot))
	c.word(0).Store(epoch.UnixNano())
}

// Advance lets d pass.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.word(1).Add(int64(d))
	c.word(0).Add(int64(d))
}

// Step moves the epoch clock alone, as an administrator or a time server does.
func (c *Clock) Step(d time.Duration) { c.word(0).Add(int64(d)) }

// Now returns the epoch clock.
func (c *Clock) Now() time.Time { return time.Unix(0, c.word(0).Load()) }

// Boot returns the boot-time clock.
func (c *Clock) Boot() time.Duration { return time.Duration(c.word(1).Load()) }

func (c *Clock) word(i int) *atomic.Int64 { return (*atomic.Int64)(unsafe.Pointer(&c.data[8*i])) }
