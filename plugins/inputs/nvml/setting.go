//go:build cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// settings tells how a GPU is set, in nvidia-smi's words.
func (d *device) settings(text func(name, v string)) {
	word := func(name string, c call, words []string, read func() (int, nvml.Return)) {
		var v int
		if d.ask(c, func() (ret nvml.Return) { v, ret = read(); return ret }) && v >= 0 && v < len(words) {
			text(name, words[v])
		}
	}
	onOff := []string{"Disabled", "Enabled"}
	word("architecture", callArchitecture, architectures, func() (int, nvml.Return) { v, ret := d.handle.GetArchitecture(); return int(v), ret })
	var major, minor int
	if d.ask(callCapability, func() (ret nvml.Return) { major, minor, ret = d.handle.GetCudaComputeCapability(); return ret }) {
		text("compute_capability", fmt.Sprintf("%d.%d", major, minor))
	}
	word("compute_mode", callComputeMode, []string{"Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process"},
		func() (int, nvml.Return) { v, ret := d.handle.GetComputeMode(); return int(v), ret })
	word("persistence_mode", callPersistence, onOff, func() (int, nvml.Return) { v, ret := d.handle.GetPersistenceMode(); return int(v), ret })
	word("mig_mode", callMIGMode, onOff, func() (int, nvml.Return) { v, _, ret := d.handle.GetMigMode(); return v, ret })
	word("ecc_mode", callECCMode, onOff, func() (int, nvml.Return) { v, _, ret := d.handle.GetEccMode(); return int(v), ret })
	word("virtualization_mode", callVirtualization, []string{"None", "Pass-Through", "VGPU", "Host VGPU", "Host VSGA"},
		func() (int, nvml.Return) { v, ret := d.handle.GetVirtualizationMode(); return int(v), ret })

	d.fabric(text)
}

// fabric tells how a GPU takes part in its NVLink fabric. Older drivers know no summary of its health.
func (d *device) fabric(text func(name, v string)) {
	var f nvml.GpuFabricInfo_v3
	var old nvml.GpuFabricInfo_v2
	switch {
	case d.refused[callFabric]:
		return
	case d.try(callFabric, func() (ret nvml.Return) { f, ret = d.handle.GetGpuFabricInfoV().V3(); return ret }) == nvml.SUCCESS:
	case d.ask(callFabric, func() (ret nvml.Return) { old, ret = d.handle.GetGpuFabricInfoV().V2(); return ret }):
		f = nvml.GpuFabricInfo_v3{State: old.State, Status: old.Status}
	default:
		return
	}
	states := []string{"Not Supported", "Not Started", "In Progress", "Completed"}
	if int(f.State) < len(states) {
		text("fabric_state", states[f.State])
	}
	if int(f.State) != len(states)-1 {
		return
	}
	status := "Success"
	if ret := nvml.Return(f.Status); ret != nvml.SUCCESS {
		status = failure(ret).Error()
	}
	text("fabric_status", status)
	health := []string{
		nvml.GPU_FABRIC_HEALTH_SUMMARY_HEALTHY: "Healthy", nvml.GPU_FABRIC_HEALTH_SUMMARY_UNHEALTHY: "Unhealthy",
		nvml.GPU_FABRIC_HEALTH_SUMMARY_LIMITED_CAPACITY: "Limited Capacity",
	}
	if int(f.HealthSummary) < len(health) {
		text("fabric_health", health[f.HealthSummary])
	}
}

// The architectures, see NVML_DEVICE_ARCH_… in nvml.h.
var architectures = []string{
	2: "Kepler", 3: "Maxwell", 4: "Pascal", 5: "Volta", 6: "Turing", 7: "Ampere", 8: "Ada Lovelace", 9: "Hopper", 10: "Blackwell", 13: "Rubin",
}
