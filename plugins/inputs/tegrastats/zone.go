package tegrastats

import "bytes"

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
