package vocabulary

// pod says which container of Kubernetes has been given a device. It bears TagNamespace, TagPodName and
// TagContainerName besides the tags of the device.
var pod = []Reading{
	{
		Field: text("resource"), Metric: Pod,
		Help: "The resource that the container asked for, such as nvidia.com/gpu, or the driver of its claim.",
	},
	{
		Field: code("devices", ""), Metric: Pod,
		Help: "How many devices of that resource it has on this one: more than 1 where it has several shares of a device that is shared.",
	},
}
