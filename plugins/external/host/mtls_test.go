package host_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gpuline/gpuline/plugins/external/internal/author"
	"github.com/gpuline/gpuline/plugins/external/internal/handshake"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// beSecure is a program that speaks mutual TLS in its own way.
func beSecure(how string) {
	own, certificate, err := handshake.PluginTLS(os.Getenv(handshake.CertificateKey))
	if err != nil { // a host that does not ask for it
		_, host, _ := handshake.HostTLS()
		_, certificate, _ = handshake.PluginTLS(host)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	config := &plugin.ServeConfig{
		HandshakeConfig: handshake.Config, GRPCServer: handshake.NewServer, Logger: hclog.NewNullLogger(),
		VersionedPlugins: handshake.Plugins(&author.Service{
			Registry: testPlugins(), Log: func(slog.Level) *slog.Logger { return slog.New(slog.DiscardHandler) },
		}),
	}
	switch how {
	case "old": // go-plugin makes the certificate
	case "certificate":
		fmt.Println("1|1|unix|/nowhere|grpc|" + certificate)
		select {}
	case "no certificate":
		fmt.Println("1|1|unix|/nowhere|grpc|")
		select {}
	case "half a certificate":
		fmt.Println("1|1|unix|/nowhere|grpc|" + certificate[:80])
		select {}
	case "other certificate":
		other, _, err := handshake.PluginTLS(os.Getenv(handshake.CertificateKey))
		if err != nil {
			panic(err)
		}
		own.Certificates = other.Certificates
		config.TLSProvider = func() (*tls.Config, error) { return own, nil }
		out := os.Stdout
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		os.Stdout = w
		go func() {
			for in := bufio.NewScanner(r); in.Scan(); {
				fmt.Fprintln(out, in.Text()+certificate)
			}
		}()
	}
	plugin.Serve(config)
}

// TestMTLS starts programs that speak mutual TLS in their own way, or do not.
func TestMTLS(t *testing.T) {
	f := func(before string, mtls bool, problem string, isPermanent bool) {
		t.Run(fmt.Sprintf("%s, %v", before, mtls), func(t *testing.T) {
			i := instance(t, true, sdk.RoleInput, "ticks", nil, table{"env": table{"TEST_BEFORE": before}, "mtls": mtls, "start_timeout": "20s"})
			env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
			err := i.(sdk.Opener).Open(t.Context(), env)
			if problem != "" {
				if err == nil || !strings.Contains(err.Error(), problem) || errors.Is(err, sdk.ErrPermanent) != isPermanent {
					t.Errorf("error %v; want %q, permanent: %v", err, problem, isPermanent)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer closeBounded(t, i)
			b := sdk.NewBatch(env.Catalog)
			if err := i.(sdk.Gatherer).Gather(t.Context(), b); err != nil || b.Len() != 3 {
				t.Errorf("%d rows, error %v", b.Len(), err)
			}
		})
	}
	f("", true, "", false)
	f("old", true, "", false)
	f("old", false, "", false)
	f("other certificate", true, "tls: failed to verify certificate", false)
	f("no certificate", true, "the plugin does not take part in mutual TLS: its handshake line has no certificate", true)
	f("half a certificate", true, "the certificate of its handshake line", true)
	f("certificate", false, "dial unix /nowhere", false)
}

// TestStrangers: a plugin that was given a host's certificate talks to that host, and to nobody else.
func TestStrangers(t *testing.T) {
	right, certificate, err := handshake.HostTLS()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self(t))
	cmd.Env = []string{
		handshake.CookieKey + "=" + handshake.CookieValue, handshake.CertificateKey + "=" + certificate,
		"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir(),
	}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it is told to end
	defer lifeline.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	parts := strings.Split(strings.TrimSpace(line), "|")
	if err != nil || len(parts) != 6 {
		t.Fatalf("%q: %v", line, err)
	}
	der, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		t.Fatal(err)
	}
	its, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	right.RootCAs.AddCert(its)
	other, _, err := handshake.HostTLS()
	if err != nil {
		t.Fatal(err)
	}
	other.RootCAs.AddCert(its)
	none := right.Clone()
	none.Certificates = nil
	f := func(name string, with credentials.TransportCredentials, welcome bool) {
		t.Run(name, func(t *testing.T) {
			c, err := grpc.NewClient("unix:"+parts[3], grpc.WithTransportCredentials(with))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			d, err := proto.NewPluginClient(c).Describe(ctx, &proto.DescribeRequest{})
			if welcome != (err == nil) || welcome != (len(d.GetPlugins()) > 0) || ctx.Err() != nil {
				t.Errorf("%d plugins, error %v", len(d.GetPlugins()), err)
			}
		})
	}
	f("its host", credentials.NewTLS(right), true)
	f("another", credentials.NewTLS(other), false)
	f("without a certificate", credentials.NewTLS(none), false)
	f("in the clear", insecure.NewCredentials(), false)
	f("its host again", credentials.NewTLS(right), true)
}

// TestOldHost: a host that leaves the certificates to go-plugin gets on with a plugin of today.
func TestOldHost(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	stdin := os.Stdin
	os.Stdin = r // what go-plugin makes the plugin's own
	defer func() { os.Stdin = stdin }()
	c := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake.Config, VersionedPlugins: handshake.Plugins(nil), Cmd: exec.Command(self(t)),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, AutoMTLS: true, Logger: hclog.NewNullLogger(),
		GRPCDialOptions: handshake.DialOptions(), UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: t.TempDir()},
	})
	defer c.Kill()
	connection, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	client, err := handshake.Dispense(connection)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := client.Describe(t.Context(), &proto.DescribeRequest{}); err != nil || len(d.GetPlugins()) == 0 {
		t.Errorf("%d plugins, error %v", len(d.GetPlugins()), err)
	}
}
