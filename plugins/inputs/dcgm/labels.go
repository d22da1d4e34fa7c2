package dcgm

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Labels of Kubernetes on dcgm-exporter's page, which become tags of the same names.
const (
	labelPod       = vocabulary.TagPodName
	labelNamespace = vocabulary.TagNamespace
	labelContainer = vocabulary.TagContainerName
)

// labels are the labels of one line, by what they mean.
type labels struct {
	id         identity
	texts      [infoTexts]string
	errMessage string
	xid        string
	window     string // in ms
	all        []sdk.Tag
}

// Older versions of dcgm-exporter have other names for some labels.
var olderLabels = map[string]string{labelPod: "pod_name", labelNamespace: "pod_namespace", labelContainer: "container_name"}

func readLabels(all []sdk.Tag) labels {
	l := labels{all: all}
	for _, label := range all {
		v := label.Value
		switch label.Key {
		case "gpu":
			l.id.index = v
		case "UUID", "uuid":
			l.id.uuid = v
		case "pci_bus_id":
			l.id.bus = v
		case "modelName":
			l.id.name = v
		case "Hostname", "hostname":
			l.id.host = v
		case "GPU_I_ID":
			l.id.gi = v
		case "err_msg":
			l.errMessage = v
		case "xid":
			l.xid = v
		case "window_size_in_ms":
			l.window = v
		default:
			if text, ok := textOf(label.Key); ok && !isBlankText(v) {
				l.texts[text] = v
			}
		}
	}
	return l
}

// isGPU reports whether the line is about a GPU, and not about a switch, a link or a processor.
func (l *labels) isGPU() bool { return l.id.index != "" && l.id.uuid != "" }

// value returns the value of a label, or "".
func (l *labels) value(name string) string {
	for _, label := range l.all {
		if label.Value != "" && (label.Key == name || label.Key == olderLabels[name]) {
			return label.Value
		}
	}
	return ""
}
