//go:build !faults

package host_test

// faults asks for the long forms of the tests that bring faults about: go test -tags faults.
const faults = false
