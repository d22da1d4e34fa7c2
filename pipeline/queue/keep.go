package queue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// keep makes sure that the open files are still in the folder. Where somebody has removed the folder, or files in it,
// all that is written would vanish with the agent. So keep makes the folder again and puts the open files back. Files
// that were not open are gone: heal counts what was in them.
func (q *Disk) keep() error {
	q.mu.Lock()
	segments := slices.Clone(q.segments)
	q.mu.Unlock()
	locked := isAt(q.lock, filepath.Join(q.path, lockName))
	away := slices.DeleteFunc(slices.Clone(segments), (*segment).inPlace)
	if locked && len(away) == 0 {
		return nil
	}
	q.mu.Lock()
	q.faults++
	q.log.Error("somebody has removed the queue's folder, or files in it; it is made again with what was open", "queue", q.path)
	q.mu.Unlock()
	if !locked {
		if err := q.lockAgain(); err != nil {
			return err
		}
	}
	for _, s := range away {
		if err := s.putBack(); err != nil {
			return fmt.Errorf("put %s back: %w", s.path, err)
		}
	}
	for _, s := range segments {
		if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
			q.mu.Lock()
			if s.size > 0 { // else it has had no file yet
				q.suspect(s)
			}
			q.mu.Unlock()
		}
	}
	return nil
}

// lockAgain makes and locks the folder in the place of the one that is gone.
func (q *Disk) lockAgain() error {
	if err := os.MkdirAll(q.path, 0o700); err != nil {
		return err
	}
	lock, err := lockFolder(q.path)
	if err != nil {
		return err
	}
	_ = q.lock.Close()
	q.lock = lock
	return nil
}

// isAt reports whether an open file is the one at a path. A doubt is none.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
	}
	return os.SameFile(open, there)
}

// inPlace reports whether the file is where it was opened, if it is open.
func (s *segment) inPlace() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db == nil || isAt(s.file, s.path)
}

// putBack makes a file of what is open, which is closed then. A file of somebody else's in its place is put aside.
// Nobody writes meanwhile.
func (s *segment) putBack() error {
	s.mu.RLock()
	err := save(s.file, s.path+newSuffix)
	s.mu.RUnlock()
	if err == nil {
		err = os.Rename(s.path, asideName(s.path, time.Now()))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(s.path+newSuffix, s.path)
	}
	if err != nil {
		_ = os.Remove(s.path + newSuffix)
		return err
	}
	_ = s.close() // what is left of it goes with it
	return syncFolder(filepath.Dir(s.path))
}

// save writes what is in an open file to a path, and to the disk.
func save(from *os.File, path string) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.NewSectionReader(from, 0, math.MaxInt64))
	return errors.Join(err, to.Sync(), to.Close())
}
