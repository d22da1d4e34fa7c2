package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// kubelet is the pod resources API of a node.
type kubelet struct {
	socket    string
	resources []string // globs
}

// maxAnswer is the longest message that a kubelet sends.
const maxAnswer = 16 << 20

// ask asks who has which device. Each question has a connection of its own: so a kubelet that starts anew, on a new
// socket, is found by the next.
func (k *kubelet) ask(ctx context.Context) ([]assignment, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "unix", k.socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = socket.Close() }() // where gRPC has not come to use it
	free := make(chan net.Conn, 1)
	free <- socket
	conn, err := grpc.NewClient("passthrough:///kubelet",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case c := <-free:
				return c, nil
			default:
				return nil, errors.New("the kubelet has closed the connection")
			}
		}),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	list, err := podresources.NewPodResourcesListerClient(conn).List(ctx, new(podresources.ListPodResourcesRequest))
	if err != nil {
		return nil, fmt.Errorf("list pod resources: %w", err)
	}
	return k.read(list), nil
}

// read returns what is said of GPUs.
func (k *kubelet) read(list *podresources.ListPodResourcesResponse) []assignment {
	var all []assignment
	for _, pod := range list.GetPodResources() {
		for _, c := range pod.GetContainers() {
			h := holder{pod.GetNamespace(), pod.GetName(), c.GetName()}
			for _, devices := range c.GetDevices() {
				resource := devices.GetResourceName()
				if !k.wants(resource) {
					continue
				}
				for _, id := range devices.GetDeviceIds() {
					d, known := parseDevice(id)
					all = append(all, assignment{h, resource, id, d, known})
				}
			}
			for _, claim := range c.GetDynamicResources() {
				for _, r := range claim.GetClaimResources() {
					if k.wants(r.GetDriverName()) {
						d, known := parseClaimed(r.GetDeviceName())
						all = append(all, assignment{h, r.GetDriverName(), r.GetPoolName() + "/" + r.GetDeviceName(), d, known})
					}
				}
			}
		}
	}
	return all
}

func (k *kubelet) wants(resource string) bool {
	return slices.ContainsFunc(k.resources, func(glob string) bool { return sdk.Match(glob, resource) })
}
