// Package kubelettest is a kubelet for tests: it serves the pod resources API as a kubelet does, the real protocol on
// a unix socket, and tells what a test has given to pods.
package kubelettest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

// Given are devices that a container has.
type Given struct {
	Namespace, Pod, Container string
	Resource                  string   // of the devices, or the driver of the claim
	Devices                   []string // ids
	Claimed                   []string // names of devices of a claim (DRA)
}

// Kubelet tells what pods have.
type Kubelet struct {
	podresources.UnimplementedPodResourcesListerServer
	server *grpc.Server
	done   chan struct{}

	mu     sync.Mutex
	list   *podresources.ListPodResourcesResponse
	before func(context.Context) error
	asked  int
}

// Socket returns the path of a socket that nobody listens on yet, short enough for one.
func Socket(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "kubelet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "kubelet.sock")
}

// Serve starts a kubelet on a socket. It ends with the test, if not before.
func Serve(t testing.TB, socket string, all ...Given) *Kubelet {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	k := &Kubelet{server: grpc.NewServer(), done: make(chan struct{})}
	k.Give(all...)
	podresources.RegisterPodResourcesListerServer(k.server, k)
	go func() {
		defer close(k.done)
		_ = k.server.Serve(listener)
	}()
	t.Cleanup(k.Stop)
	return k
}

// Stop ends the kubelet and resets its connections. Its socket goes, too.
func (k *Kubelet) Stop() {
	k.server.Stop()
	<-k.done
}

// Give makes all the only thing that pods have.
func (k *Kubelet) Give(all ...Given) {
	list := new(podresources.ListPodResourcesResponse)
	for _, g := range all {
		i := slices.IndexFunc(list.PodResources, func(p *podresources.PodResources) bool { return p.Namespace == g.Namespace && p.Name == g.Pod })
		if i < 0 {
			i = len(list.PodResources)
			list.PodResources = append(list.PodResources, &podresources.PodResources{Namespace: g.Namespace, Name: g.Pod})
		}
		c := &podresources.ContainerResources{Name: g.Container}
		for _, id := range g.Devices { // NVIDIA's plugin tells where each is, and so each stands alone
			c.Devices = append(c.Devices, &podresources.ContainerDevices{ResourceName: g.Resource, DeviceIds: []string{id}})
		}
		for _, name := range g.Claimed {
			c.DynamicResources = append(c.DynamicResources, &podresources.DynamicResource{
				ClaimName: "claim", ClaimNamespace: g.Namespace,
				ClaimResources: []*podresources.ClaimResource{{DriverName: g.Resource, PoolName: "node", DeviceName: name}},
			})
		}
		list.PodResources[i].Containers = append(list.PodResources[i].Containers, c)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = list
}

// Before calls f before each answer; its error is the answer then. nil is none.
func (k *Kubelet) Before(f func(context.Context) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before = f
}

// Asked returns how often it was asked.
func (k *Kubelet) Asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

// List is the call of the API.
func (k *Kubelet) List(ctx context.Context, _ *podresources.ListPodResourcesRequest) (*podresources.ListPodResourcesResponse, error) {
	k.mu.Lock()
	k.asked++
	list, before := k.list, k.before
	k.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	return list, nil
}
