package fakedriver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

// ReadCalls reads the file that [Scenario.Calls] names: how often each function was called, by all
// processes together. A GetSamples of go-nvml is two calls.
func ReadCalls(path string) (map[string]uint64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the counts of calls: %w", err)
	}
	const name, record = 56, 64
	calls := map[string]uint64{}
	for ; len(data) >= record && data[0] != 0; data = data[record:] {
		key, _, _ := bytes.Cut(data[:name], []byte{0})
		calls[string(key)] = binary.NativeEndian.Uint64(data[name:record])
	}
	return calls, nil
}
