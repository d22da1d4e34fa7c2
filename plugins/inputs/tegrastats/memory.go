package tegrastats

import (
	"bytes"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

// memory takes "RAM 6879/62841MB", and reports whether it is the RAM.
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
	v, n := decimal.Parse(text)
	if n == 0 {
		return
	}
	if string(word) == "lfb" && n < len(text) && text[n] == 'x' {
		s.putPart(p, socFreeBlocks, v)
		text = text[n+1:]
		v, n = decimal.Parse(text)
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

var (
	ramName  = []byte("RAM")
	swapName = []byte("SWAP")
)

// readMemory reads /proc/meminfo, whose kB are 1,024 bytes.
func (y *sysfs) readMemory(s *sheet) {
	var total, available, swap, swapFree, cached float64
	have := false
	for rest := y.meminfo.read(y.buf[:]); len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		key, text, _ := bytes.Cut(line, []byte(":"))
		v, n := decimal.Parse(bytes.TrimSpace(text))
		if n == 0 {
			continue
		}
		v *= 1 << 10
		switch string(key) {
		case "MemTotal":
			total = v
		case "MemAvailable":
			available, have = v, true
		case "SwapTotal":
			swap = v
		case "SwapFree":
			swapFree = v
		case "SwapCached":
			cached = v
		}
	}
	if !have || available > total || swapFree > swap {
		return
	}
	s.unified(total-available, total)
	p := s.add(memory, ramName)
	s.putPart(p, socUsed, total-available)
	s.putPart(p, socTotal, total)
	p = s.add(memory, swapName)
	s.putPart(p, socUsed, swap-swapFree)
	s.putPart(p, socTotal, swap)
	s.putPart(p, socCached, cached)
}
