package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// segment is a bbolt file with batches of a disk queue. The file is open only while something is read or
// written: what the library has mapped of it counts as the agent's memory.
type segment struct {
	path   string
	number uint64

	// The queue's lock guards these.
	entries []entry // in order of key
	first   int     // entries before it are gone
	loose   int     // entries that may be dropped to make room: not gone, and not held
	live    int     // batches of which the file has, or is being given, a version that counts
	next    uint64  // key
	damaged bool    // to be put aside
	closed  bool    // for new batches, since writing to it failed
	size    int64   // of the file

	mu     sync.RWMutex // held, for writing, to open and to close
	db     *bbolt.DB
	file   *os.File    // of db
	broken atomic.Bool // the library has panicked, and may have left its locks locked
}

var bucketName = []byte("batches")

// newSuffix is that of a file that is being made.
const newSuffix = ".new"

// segmentFill leaves little room in pages to which nothing is added in between.
const segmentFill = 0.95

// allocate is by how much a file grows at a time.
const allocate = 2 << 20

// put is a value to write.
type put struct {
	key   uint64
	value []byte
}

// use calls f with the file open.
func (s *segment) use(f func(*bbolt.DB) error) error {
	for {
		s.mu.RLock()
		if s.db != nil {
			defer s.mu.RUnlock()
			err := guard(func() error { return f(s.db) })
			if errors.Is(err, errPanic) {
				s.broken.Store(true)
			}
			return err
		}
		s.mu.RUnlock()
		if err := s.open(); err != nil {
			return err
		}
	}
}

// open opens the file, which is made where it is not there. One that was there is checked first: see
// [tree].
func (s *segment) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil {
		return nil
	}
	err := walkFile(s.path, func(_, _ []byte) error { return nil })
	if errors.Is(err, fs.ErrNotExist) {
		err = create(s.path)
	}
	if err != nil {
		return err
	}
	s.db, s.file, err = openFile(s.path)
	return err
}

// create makes an empty file: whole, or not at all.
func create(path string) error {
	db, _, err := openFile(path + newSuffix)
	if err == nil {
		err = guard(db.Close)
	}
	if err == nil {
		err = os.Rename(path+newSuffix, path)
	}
	if err != nil {
		_ = os.Remove(path + newSuffix)
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes what was made in a folder outlast a loss of power.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// openFile opens a file that has been checked. The list of free pages is kept in it: without one the library
// walks all pages after each commit that fails, and ends the process where they are damaged.
func openFile(path string) (db *bbolt.DB, file *os.File, err error) {
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
			OpenFile: func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
				file, err = os.OpenFile(path, flag, mode)
				return file, err
			},
		})
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.AllocSize = allocate
	return db, file, nil
}

func (s *segment) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if s.broken.Swap(false) { // Close might wait for ever: what is mapped stays so
		return s.file.Close()
	}
	return guard(db.Close)
}

// remove closes the file and removes it, where there is one.
func (s *segment) remove() error {
	err := os.Remove(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(s.close(), err)
}

// commit writes and removes batches, all or none, and returns the size of the file. When it returns, the
// disk has them.
func (s *segment) commit(puts []put, deletes []uint64) (size int64, err error) {
	err = s.use(func(db *bbolt.DB) error {
		err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucketName)
			if err != nil {
				return err
			}
			b.FillPercent = segmentFill
			for _, key := range deletes {
				if err := b.Delete(keyBytes(key)); err != nil {
					return err
				}
			}
			for _, p := range puts {
				if err := b.Put(keyBytes(p.key), p.value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return db.View(func(tx *bbolt.Tx) error {
			size = tx.Size()
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("write to %s: %w", s.path, err)
	}
	return size, nil
}

// read calls f with a value, which is valid until f returns.
func (s *segment) read(key uint64, f func(value []byte) error) error {
	return s.use(func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketName)
			if b == nil {
				return damage("there is no bucket")
			}
			value := b.Get(keyBytes(key))
			if value == nil {
				return damage("batch %d is missing", key)
			}
			return f(value)
		})
	})
}

func keyBytes(key uint64) []byte { return binary.BigEndian.AppendUint64(nil, key) }

// head returns the index of the oldest batch that is not gone, or -1.
func (s *segment) head() int {
	for ; s.first < len(s.entries); s.first++ {
		if !s.entries[s.first].gone {
			return s.first
		}
	}
	return -1
}

// guard calls f, and turns a panic of the library, and a fault in memory that is mapped from a damaged
// file, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %w: %v", errDamaged, errPanic, v)
		}
	}()
	return f()
}

var errPanic = errors.New("panic")

// full reports whether an error says that there is no room for more; the file is as it was then. Where a
// file is to grow, the library passes on nothing but the text.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		err != nil && strings.HasSuffix(err.Error(), syscall.ENOSPC.Error())
}
