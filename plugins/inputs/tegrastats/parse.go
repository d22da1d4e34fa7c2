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

func (s *sheet) memory(name, text []byte) bool {
	used, total, ok := pair(text)
	if !ok || used > total {
		s.invalid++
		return false
	}
	p := s.add(memory, name)
	s.putPart(p, socUsed, used)
	s.putPart(p, socTotal, total)
	if string(name) != "RAM" {
		return false
	}
	s.unified(used, total)
	return true
}

// unified notes the RAM, which a Jetson's GPU shares with everybody else.
func (s *sheet) unified(used, total float64) {
	s.putGPU(gpuMemoryUsed, used)
	s.putGPU(gpuMemoryTotal, total)
	s.putGPU(gpuMemoryFree, total-used)
	if total > 0 {
		s.putGPU(gpuMemoryUsedRatio, used/total)
	}
}

// remark takes what stands in brackets behind a memory: "(lfb 3x4MB)" or "(cached 0MB)".
func (s *sheet) remark(text []byte) {
	word, text, _ := bytes.Cut(bytes.Trim(text, "()"), []byte(" "))
	if len(s.parts) == 0 || s.parts[len(s.parts)-1].component != memory {
		return
	}
	p := &s.parts[len(s.parts)-1]
	v, n := decimal(text)
	if n == 0 {
		return
	}
	if string(word) == "lfb" && n < len(text) && text[n] == 'x' {
		s.putPart(p, socFreeBlocks, v)
		text = text[n+1:]
		v, n = decimal(text)
	}
	factor, ok := sizeUnit(text[n:])
	switch {
	case n == 0 || !ok:
	case string(word) == "lfb":
		s.putPart(p, socFreeBlock, v*factor)
	case string(word) == "cached":
		s.putPart(p, socCached, v*factor)
	}
}

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

// sensor takes "gpu@43.218C".
func (s *sheet) sensor(name, text []byte) {
	degrees, ok := celsius(text)
	if ok && isName(name) {
		s.temperature(name, degrees)
	}
}

// temperature notes that of a zone. One without power has none, and that of the PMIC is a constant of the
// kernel's tables, 50 or 100, that nothing measures.
func (s *sheet) temperature(name []byte, degrees float64) {
	place := placeOf(name)
	if degrees <= off || bytes.EqualFold(place, []byte("PMIC")) {
		return
	}
	s.putPart(s.add(zone, place), socTemperature, degrees)
	if bytes.EqualFold(place, []byte("GPU")) {
		s.putGPU(gpuTemperature, degrees)
	}
}

// placeOf returns where a thermal zone is: the kernel calls gpu-thermal, GPU-therm or Tboard_tegra what is
// gpu, GPU or Tboard in a line of tegrastats.
func placeOf(name []byte) []byte {
	if i := bytes.IndexAny(name, "-_"); i > 0 {
		return name[:i]
	}
	return name
}
