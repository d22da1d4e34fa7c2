package tegrastats

import (
	"bytes"
	"strconv"
)

// cores takes "[5%@729,off,0%@729]", or "[5%,off]@729", where all have one clock.
func (s *sheet) cores(text []byte) {
	inside, rest, closed := bytes.Cut(text[1:], []byte("]"))
	if !closed {
		s.invalid++
		return
	}
	var common load
	if len(rest) > 1 && rest[0] == '@' && !common.clocks(rest[1:]) {
		s.invalid++
	}
	i := -1
	for item := range bytes.SplitSeq(inside, []byte(",")) {
		if i++; i == len(coreNames) {
			return
		}
		item = bytes.TrimSpace(item)
		if string(item) == "off" {
			s.putPart(s.add(cpu, coreNames[i]), socPowered, 0)
			continue
		}
		if len(item) == 0 {
			continue
		}
		l, ok := parseLoad(item)
		if !ok || !l.hasRatio {
			s.invalid++
			continue
		}
		if !l.hasHertz {
			l.hertz, l.hasHertz = common.hertz, common.hasHertz
		}
		p := s.add(cpu, coreNames[i])
		s.putPart(p, socPowered, 1)
		s.loadPart(p, l)
	}
}

// coreNames are the numbers of CPU cores; further cores are left out.
var coreNames = func() (names [256][]byte) {
	for i := range names {
		names[i] = strconv.AppendInt(nil, int64(i), 10)
	}
	return names
}()
