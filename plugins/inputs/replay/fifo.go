package replay

import (
	"os"
	"sync"
)

// fifo is a named pipe. It is opened by the first Read, which waits until somebody opens it to write. Nothing can end
// that wait, so it is read through an [interruptible].
type fifo struct {
	name string

	mu     sync.Mutex
	file   *os.File
	closed bool
}

func (f *fifo) Read(p []byte) (int, error) {
	f.mu.Lock()
	file := f.file
	f.mu.Unlock()
	if file == nil {
		opened, err := os.Open(f.name)
		if err != nil {
			return 0, err
		}
		f.mu.Lock()
		f.file = opened
		if f.closed {
			_ = opened.Close() // it was only read
		}
		f.mu.Unlock()
		file = opened
	}
	return file.Read(p)
}

// Close ends a Read that waits for data, but not one that waits for a writer.
func (f *fifo) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
