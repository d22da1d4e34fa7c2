//go:build faults

package host_test

const faults = true
