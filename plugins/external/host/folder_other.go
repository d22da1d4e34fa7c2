//go:build !unix

package host

import (
	"errors"
	"os"
)

func tryLock(*os.File) error { return nil }

func openLock(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func isOwnFolder(string) bool { return false }
