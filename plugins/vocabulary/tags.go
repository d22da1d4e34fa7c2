package vocabulary

import "github.com/gpuline/gpuline/plugins/sdk"

// The keys of tags.
const (
	TagHost   = "host"
	TagUUID   = "gpu_uuid"
	TagIndex  = "gpu_index"
	TagName   = "gpu_name"
	TagPCI    = "pci_bus_id"
	TagGI     = "mig_gi" // GPU instance of a MIG device
	TagCI     = "mig_ci" // compute instance within it
	TagSource = "source"

	TagPID     = "pid" // of gpu_process
	TagProcess = "process_name"
	TagType    = "type" // C, G or C+G: compute, graphics
	// Of a process in a container: the first twelve digits of the container's id, and in Kubernetes the
	// UID of its pod.
	TagContainer = "container_id"
	TagPod       = "pod_uid"

	// Of a device that a container of Kubernetes has been given, where the source or processors.kubernetes knows it.
	TagPodName       = "pod"
	TagNamespace     = "namespace"
	TagContainerName = "container"

	TagEvent    = "event" // of gpu_event
	TagCode     = "code"
	TagSeverity = "severity"

	// Of soc: cpu, engine, rail, zone, memory or fan, and which of them.
	TagComponent     = "component"
	TagComponentName = "name"

	TagRule       = "rule"        // of gpu_threshold: the rule's name
	TagRuleWindow = "rule_window" // of gpu_threshold, where the rule reads results: their window

	TagModel   = "model" // of inference
	TagVersion = "version"

	TagWindow = "window" // of results: "10s", or "60s/10s" where it slides
	TagPart   = "part"   // of results whose window was not seen whole: "head", "tail", "both"
)

// The values of TagSource.
const (
	SourceNVML       = "nvml"
	SourceNvidiaSMI  = "nvidia_smi"
	SourceDCGM       = "dcgm"
	SourceTegrastats = "tegrastats"
	SourceSimulated  = "simulated"
)

// Device identifies a GPU, or a MIG instance of one, in the standard tags. Empty strings leave no tag.
type Device struct {
	UUID     string // "GPU-…" or, of a MIG instance, that of its GPU
	Index    string
	Name     string // "NVIDIA H100 80GB HBM3"
	PCIBusID string // as nvidia-smi prints it: "00000000:53:00.0"
	GI, CI   string
	Source   string
	Host     string // the engine adds the agent's own where it is empty
}

// Tags returns the tags, for series of any measurement.
func (d Device) Tags() []sdk.Tag {
	all := [...]sdk.Tag{
		{Key: TagHost, Value: d.Host},
		{Key: TagUUID, Value: d.UUID},
		{Key: TagIndex, Value: d.Index},
		{Key: TagName, Value: d.Name},
		{Key: TagPCI, Value: d.PCIBusID},
		{Key: TagGI, Value: d.GI},
		{Key: TagCI, Value: d.CI},
		{Key: TagSource, Value: d.Source},
	}
	tags := make([]sdk.Tag, 0, len(all))
	for _, t := range all {
		if t.Value != "" {
			tags = append(tags, t)
		}
	}
	return tags
}

// AddInfo adds a metric gpu_info, for the caller to fill with the fields of that measurement.
func AddInfo(b *sdk.Batch, gpuTags []sdk.Tag, t int64) *sdk.Metric {
	m := b.Add(b.Series(Info, gpuTags...), t)
	m.SetClass(sdk.ClassInfo)
	return m
}
