//go:build !linux

package launch

import "os"

func self() (string, error) { return os.Executable() }

func takeOver() (*os.File, error) { return os.Stdout, nil }

func drowsy(start func() error) error { return start() }
