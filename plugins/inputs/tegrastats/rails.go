package tegrastats

// Which rail feeds the GPU, by generation. A rail of the GPU alone wins over one that it shares.
var gpuRails = []string{
	"VDD_GPU",     // Thor
	"VDD_SYS_GPU", // TX2
	"POM_5V_GPU",  // Nano
	"GPU",         // AGX Xavier
	"VDD_GPU_SOC", // AGX Orin: with the SoC
	"VDD_CPU_GPU_CV",
	"VDD_CPU_GPU", // Xavier NX, Orin NX, Orin Nano: with the CPU and the accelerators
}

// Which rail feeds the whole module. AGX Xavier and AGX Orin measure no such rail.
var moduleRails = []string{"VDD_IN", "POM_5V_IN", "VIN"}

// rank returns the place of a name in a list, or a number behind all.
func rank(list []string, name []byte) int {
	for i := range list {
		if list[i] == string(name) {
			return i
		}
	}
	return len(list)
}

// powers takes from the rails what the GPU and the module draw, and returns the rail of the GPU.
func (s *sheet) powers() (gpuRail []byte) {
	gpu, module := len(gpuRails), len(moduleRails)
	for i := range s.parts {
		p := &s.parts[i]
		if p.component != rail || !p.has(socPower) {
			continue
		}
		if r := rank(gpuRails, p.name); r < gpu {
			gpu, gpuRail = r, p.name
			s.gpu.set(gpuPower, p.v[socPower])
		}
		if r := rank(moduleRails, p.name); r < module {
			module = r
			s.gpu.set(gpuModulePower, p.v[socPower])
		}
	}
	return gpuRail
}
