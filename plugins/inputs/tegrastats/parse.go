package tegrastats

import "bytes"

// parse reads a line of tegrastats, and reports whether it is one. The generations differ in what a line
// has, but agree in how it is put:
//
//	RAM 6879/62841MB (lfb 3x4MB)              memory
//	CPU [5%@729,off,0%@729]                   cores
//	GR3D_FREQ 0%@[305,305]  NVENC off  APE 174  the GPU and other engines
//	gpu@43.218C                               thermal zones
//	VDD_GPU_SOC 2801mW/2801mW  GPU 463/463    rails
//
// A date may come first; the time of arrival is taken in its place, since it has whole seconds. What is not
// known is left out, so that a new release costs no reading.
func (s *sheet) parse(line []byte) bool {
	s.reset()
	s.text = append(s.text, line...)
	rest := s.text
	var token, name []byte
	known := false
	for {
		if token, rest = next(rest); token == nil {
			return known
		}
		switch c := token[0]; {
		case c == '(':
			s.remark(token)
		case isLetter(c):
			if i := bytes.IndexByte(token, '@'); i > 0 {
				s.sensor(token[:i], token[i+1:])
			} else if name != nil && string(token) == "off" {
				known = s.powerless(name) || known
				name = nil
			} else {
				name = token
			}
		case name != nil:
			known = s.value(name, token) || known
			name = nil
		}
	}
}

// next cuts a token off: text without spaces, but within brackets.
func next(text []byte) (token, rest []byte) {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		text = text[1:]
	}
	if len(text) == 0 {
		return nil, nil
	}
	depth := 0
	for i, c := range text {
		switch {
		case (c == ' ' || c == '\t') && depth == 0, c == '(' && i > 0:
			return text[:i], text[i:]
		case c == '(' || c == '[':
			depth++
		case (c == ')' || c == ']') && depth > 0:
			depth--
			if c == ')' && depth == 0 {
				return text[:i+1], text[i+1:]
			}
		}
	}
	return text, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isName reports whether text can stand in a tag.
func isName(text []byte) bool {
	for _, c := range text {
		if !isLetter(c) && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' && c != '+' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 64
}

// value takes a name with its value, and reports whether a line of tegrastats alone has such a pair.
func (s *sheet) value(name, text []byte) bool {
	switch string(name) {
	case "RAM", "SWAP", "IRAM":
		return s.memory(name, text)
	case "CPU", "cpu":
		if text[0] == '[' {
			s.cores(text)
			return false
		}
	}
	if power, ok := watts(text); ok {
		if string(name) != notConnected && isName(name) {
			s.putPart(s.add(rail, name), socPower, power)
		}
		return false
	}
	l, ok := parseLoad(text)
	switch {
	case isGPU(name):
		if ok && !l.bare {
			s.load(l, gpuUtilization, gpuClock)
		} else {
			s.invalid++
		}
		return ok
	case isEMC(name):
		if ok && !l.bare {
			s.load(l, gpuMemoryActivity, gpuMemoryClock)
		} else {
			s.invalid++
		}
		return false
	case !isName(name) || !ok || l.bare && !printsClock(name):
		return false
	}
	p := s.add(engine, name)
	s.putPart(p, socPowered, 1)
	s.loadPart(p, l)
	return false
}

// notConnected is what an unused channel of a power monitor is called.
const notConnected = "NC"

func isGPU(name []byte) bool {
	switch string(name) {
	case "GR3D_FREQ", "GR3D2_FREQ", "GR3D":
		return true
	}
	return false
}

func isEMC(name []byte) bool {
	switch string(name) {
	case "EMC_FREQ", "EMC":
		return true
	}
	return false
}

// The engines for which a number alone is a clock in MHz.
var clocked = [][]byte{
	[]byte("APE"), []byte("VIC"), []byte("NVENC"), []byte("NVDEC"), []byte("NVJPG"), []byte("MSENC"), []byte("OFA"),
	[]byte("SE"), []byte("NVDLA"), []byte("PVA"), []byte("ISP"), []byte("TSEC"), []byte("VI"),
}

func printsClock(name []byte) bool {
	for _, c := range clocked {
		if bytes.HasPrefix(name, c) {
			return true
		}
	}
	return false
}

func (s *sheet) load(l load, utilization, clock slot) {
	if l.hasRatio {
		s.putMost(utilization, l.ratio)
	}
	if l.hasHertz {
		s.putMost(clock, l.hertz)
	}
}

func (s *sheet) loadPart(p *part, l load) {
	if l.hasRatio {
		s.putPart(p, socUtilization, l.ratio)
	}
	if l.hasHertz {
		s.putPart(p, socClock, l.hertz)
	}
}

// powerless takes a name whose value is "off", and reports whether it is the GPU's.
func (s *sheet) powerless(name []byte) bool {
	switch {
	case isGPU(name):
		s.putMost(gpuUtilization, 0)
		return true
	case isName(name) && !isEMC(name):
		s.putPart(s.add(engine, name), socPowered, 0)
	}
	return false
}
