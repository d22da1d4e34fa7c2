package tegrastats

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// identity is what a Jetson is. It has one GPU, which bears no UUID and stands on no PCI bus.
type identity struct {
	model        string // "NVIDIA Jetson AGX Orin Developer Kit"
	serial       string
	driver       string // "R36.4.7", the release of Jetson Linux
	architecture string
	capability   string
	clock        float64 // fastest, in hertz; 0 where it is not known
}

// The chips, by their names in the device tree.
var chips = []struct{ compatible, architecture, capability string }{
	{"nvidia,tegra210", "Maxwell", "5.3"},
	{"nvidia,tegra186", "Pascal", "6.2"},
	{"nvidia,tegra194", "Volta", "7.2"},
	{"nvidia,tegra234", "Ampere", "8.7"},
	{"nvidia,tegra264", "Blackwell", "11.0"},
}

// identify reads who the host is. In a container the device tree is hidden, as a rule; then the kernel's
// description of the chip stands in.
func identify(root string) identity {
	id := identity{
		model:  textOf(append(deviceTree(root, "model"), filepath.Join(root, "sys/devices/soc0/machine"))...),
		serial: textOf(append(deviceTree(root, "serial-number"), filepath.Join(root, "sys/devices/soc0/serial_number"))...),
		driver: release(textOf(filepath.Join(root, "etc/nv_tegra_release"))),
	}
	if id.model == "" {
		id.model = "NVIDIA Tegra"
	}
	for _, name := range compatible(root) {
		for _, c := range chips {
			if name == c.compatible {
				id.architecture, id.capability = c.architecture, c.capability
			}
		}
	}
	return id
}

// deviceTree returns where a property of the device tree is. /proc/device-tree is a link to the other place,
// which below another root leads astray.
func deviceTree(root, property string) []string {
	return []string{filepath.Join(root, "sys/firmware/devicetree/base", property), filepath.Join(root, "proc/device-tree", property)}
}

// compatible returns the names by which the device tree knows the machine and its chip.
func compatible(root string) []string {
	for _, path := range deviceTree(root, "compatible") {
		if text, err := os.ReadFile(path); err == nil {
			return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
		}
	}
	return nil
}

// release reads "# R36 (release), REVISION: 4.7, GCID: …".
func release(line string) string {
	major, rest, ok := strings.Cut(strings.TrimPrefix(line, "# "), " (release), REVISION: ")
	revision, _, _ := strings.Cut(rest, ",")
	if !ok {
		return ""
	}
	return major + "." + revision
}

func (id *identity) tags() []sdk.Tag {
	return vocabulary.Device{Index: "0", Name: id.model, Source: vocabulary.SourceTegrastats}.Tags()
}

var (
	infoDriver       = vocabulary.Field(vocabulary.Info, "driver_version")
	infoSerial       = vocabulary.Field(vocabulary.Info, "serial")
	infoArchitecture = vocabulary.Field(vocabulary.Info, "architecture")
	infoCapability   = vocabulary.Field(vocabulary.Info, "compute_capability")
	infoRail         = vocabulary.Field(vocabulary.Info, "power_rail")
	infoClock        = vocabulary.Field(vocabulary.Info, "clock_sm_max_hertz")
)

// report adds gpu_info, unless nothing is known.
func (id *identity) report(b *sdk.Batch, tags []sdk.Tag, gpuRail string, at int64) {
	if id.driver+id.serial+id.architecture+gpuRail == "" && id.clock == 0 {
		return
	}
	m := vocabulary.AddInfo(b, tags, at)
	set := func(f sdk.Field, text string) {
		if text != "" {
			m.Set(f, sdk.StringValue(text))
		}
	}
	set(infoDriver, id.driver)
	set(infoSerial, id.serial)
	set(infoArchitecture, id.architecture)
	set(infoCapability, id.capability)
	set(infoRail, gpuRail)
	if id.clock > 0 {
		m.SetNumber(infoClock, id.clock)
	}
}
