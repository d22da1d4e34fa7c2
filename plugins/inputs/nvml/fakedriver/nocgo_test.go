//go:build !cgo

package fakedriver_test

import "testing"

func TestDriver(t *testing.T) { t.Skip("built without cgo: go-nvml cannot load the fake driver") }
