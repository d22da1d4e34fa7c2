package nvml

import (
	"encoding/binary"
	"errors"
)

// marks say by a GPU's UUID how far its rings have been told: what a process after this one needs in order to
// go on, so that no sample is lost or told twice.
type marks map[string]mark

type mark struct {
	at    int64                  // when the rings were last read, by the agent's time: for one that was empty
	rings [len(ringKinds)]uint64 // newest time stamp taken, by the driver's clock; 0 for none
}

func (m marks) append(dst []byte) []byte {
	for uuid, k := range m {
		dst = append(binary.AppendUvarint(dst, uint64(len(uuid))), uuid...)
		dst = binary.AppendVarint(dst, k.at)
		for _, last := range k.rings {
			dst = binary.AppendUvarint(dst, last)
		}
	}
	return dst
}

var errMarks = errors.New("marks that make no sense")

// parseMarks reads what append wrote.
func parseMarks(b []byte) (marks, error) {
	all := marks{}
	for len(b) > 0 {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return nil, errMarks
		}
		uuid := string(b[n : n+int(length)])
		b = b[n+int(length):]
		var k mark
		if k.at, n = binary.Varint(b); n <= 0 {
			return nil, errMarks
		}
		b = b[n:]
		for i := range k.rings {
			if k.rings[i], n = binary.Uvarint(b); n <= 0 {
				return nil, errMarks
			}
			b = b[n:]
		}
		all[uuid] = k
	}
	return all, nil
}
