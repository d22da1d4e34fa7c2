package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/processors/kubernetes/kubelettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type given = kubelettest.Given

var someResources = []string{"nvidia.com/*", "gpu.nvidia.com"}

func gpuOf(pod string, ids ...string) given {
	return given{Namespace: "team", Pod: pod, Container: "main", Resource: "nvidia.com/gpu", Devices: ids}
}

func TestAsk(t *testing.T) {
	f := func(pods []given, want ...string) {
		t.Helper()
		socket := kubelettest.Socket(t)
		kubelettest.Serve(t, socket, pods...)
		k := &kubelet{socket: socket, resources: someResources}
		all, err := k.ask(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, a := range newAnswer(all).all {
			got = append(got, fmt.Sprintf("%s/%s/%s %s %s %v", a.namespace, a.pod, a.container, a.resource, a.id, a.known))
		}
		if d := cmp.Diff(append([]string{}, want...), got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
	f(nil)
	f([]given{{Namespace: "kube-system", Pod: "dns", Container: "dns"}})
	f([]given{gpuOf("b", uuidB, uuidA), gpuOf("a", "GPU-c")},
		"team/a/main nvidia.com/gpu GPU-c true", "team/b/main nvidia.com/gpu "+uuidA+" true", "team/b/main nvidia.com/gpu "+uuidB+" true")
	// Other resources, and ids that say nothing.
	f([]given{
		{Namespace: "n", Pod: "p", Container: "c", Resource: "amd.com/gpu", Devices: []string{uuidA}},
		{Namespace: "n", Pod: "p", Container: "d", Resource: "nvidia.com/mig-1g.5gb", Devices: []string{migA}},
		{Namespace: "n", Pod: "p", Container: "e", Resource: "nvidia.com/gpu.shared", Devices: []string{uuidA + "::3"}},
		{Namespace: "n", Pod: "p", Container: "f", Resource: "nvidia.com/gpu", Devices: []string{"what is this", ""}},
	}, "n/p/d nvidia.com/mig-1g.5gb "+migA+" true", "n/p/e nvidia.com/gpu.shared "+uuidA+"::3 true",
		"n/p/f nvidia.com/gpu  false", "n/p/f nvidia.com/gpu what is this false")
	// Claims.
	f([]given{
		{Namespace: "n", Pod: "p", Container: "c", Resource: "gpu.nvidia.com", Claimed: []string{"gpu-1", "gpu-0-mig-19-4-1"}},
		{Namespace: "n", Pod: "p", Container: "d", Resource: "compute-domain.nvidia.com", Claimed: []string{"channel-0"}},
	}, "n/p/c gpu.nvidia.com node/gpu-0-mig-19-4-1 false", "n/p/c gpu.nvidia.com node/gpu-1 true")
	// More than gRPC takes by default.
	var many []given
	var lines []string
	for i := range 300 {
		pod := fmt.Sprintf("%03d%s", i, strings.Repeat("x", 20_000))
		many = append(many, gpuOf(pod, uuidA))
		lines = append(lines, "team/"+pod+"/main nvidia.com/gpu "+uuidA+" true")
	}
	f(many, lines...)
}

func TestAskFails(t *testing.T) {
	f := func(what string, arrange func(socket string), want string) {
		t.Helper()
		t.Run(what, func(t *testing.T) {
			socket := kubelettest.Socket(t)
			arrange(socket)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			all, err := (&kubelet{socket: socket, resources: someResources}).ask(ctx)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %v; want %q", all, err, want)
			}
		})
	}
	answer := func(err error) func(string) {
		return func(socket string) {
			kubelettest.Serve(t, socket).Before(func(context.Context) error { return err })
		}
	}
	f("absent", func(string) {}, "no such file or directory")
	f("no socket", func(socket string) { os.WriteFile(socket, nil, 0o600) }, "connection refused")
	f("gone", func(socket string) { kubelettest.Serve(t, socket).Stop() }, "no such file or directory")
	f("unimplemented", answer(status.Error(codes.Unimplemented, "unknown method List")), "Unimplemented")
	f("too often", answer(status.Error(codes.ResourceExhausted, "rejected by rate limit")), "ResourceExhausted")
	f("broken", answer(errors.New("no devices today")), "no devices today")
	f("hang", func(socket string) {
		kubelettest.Serve(t, socket).Before(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
	}, "DeadlineExceeded")
	f("reset", func(socket string) {
		k := kubelettest.Serve(t, socket)
		k.Before(func(ctx context.Context) error {
			go k.Stop()
			<-ctx.Done()
			return nil
		})
	}, "Unavailable")
	// Others who listen there.
	serve := func(greet func(net.Conn)) func(string) {
		return func(socket string) {
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					greet(c)
				}
			}()
			t.Cleanup(func() { l.Close(); <-done })
		}
	}
	f("closes", serve(func(c net.Conn) { c.Close() }), "Unavailable")
	f("says nothing", serve(func(c net.Conn) { t.Cleanup(func() { c.Close() }) }), "DeadlineExceeded")
	f("speaks otherwise", serve(func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); c.Close() }), "Unavailable")
}
