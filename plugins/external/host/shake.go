package host

import (
	"bytes"
	"crypto/tls"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/external/internal/handshake"
	"github.com/gpuline/gpuline/plugins/external/internal/wire"
)

// demandCertificate has the process speak mutual TLS with a host of the configuration that is returned.
func (p *process) demandCertificate() (*tls.Config, error) {
	config, certificate, err := handshake.HostTLS()
	if err != nil {
		return nil, err
	}
	p.mtls = true
	p.cmd.Env = append(p.cmd.Env, handshake.CertificateKey+"="+certificate)
	return config, nil
}

// isHandshake reports whether a line is that of go-plugin: core version, our version, network, address, …
func isHandshake(line []byte) bool {
	parts := bytes.Split(line, []byte("|"))
	if len(parts) < 5 {
		return false
	}
	for _, part := range parts[:2] {
		if _, err := strconv.Atoi(string(part)); err != nil {
			return false
		}
	}
	return true
}

// checkHandshake returns the parts of a handshake line that go-plugin is to see. Without mutual TLS it must
// see no certificate, since it panics over it.
func (p *process) checkHandshake(line string) (string, error) {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if version, _ := strconv.Atoi(parts[1]); version != wire.Version {
		return "", permanent("the plugin speaks version %s of the plugin protocol, this agent %d: install a plugin that is made for it", parts[1], wire.Version)
	}
	switch {
	case parts[4] != "grpc":
		return "", permanent("the plugin speaks %q, not grpc", parts[4])
	case parts[2] != "unix":
		return "", permanent("the plugin listens on %s %s, which other users of this host could reach: it is to listen on a socket in $PLUGIN_UNIX_SOCKET_DIR", parts[2], parts[3])
	}
	known := append(parts[:5:5], "")
	if p.mtls {
		if len(parts) < 6 || parts[5] == "" {
			return "", permanent("the plugin does not take part in mutual TLS: its handshake line has no certificate; set `mtls = false`, or install one that does")
		}
		if err := handshake.CheckCertificate(parts[5]); err != nil {
			return "", permanent("the plugin does not take part in mutual TLS: the certificate of its handshake line: %w", err)
		}
		known[5] = parts[5]
	}
	return strings.Join(known, "|"), nil
}
