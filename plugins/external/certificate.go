package external

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gpuline/gpuline/plugins/external/internal/handshake"
)

// secure returns how to speak mutual TLS with the agent, where it asks for that, else nil. go-plugin writes
// no certificate into the handshake line but one of its own making, so that line is completed here.
func secure() (*tls.Config, error) {
	agent := os.Getenv(handshake.CertificateKey)
	if agent == "" {
		return nil, nil
	}
	config, certificate, err := handshake.PluginTLS(agent)
	if err != nil {
		return nil, err
	}
	out := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("complete the handshake: %w", err)
	}
	os.Stdout = w
	go complete(out, bufio.NewReader(r), certificate)
	return config, nil
}

// complete writes lines on, and puts the certificate at the end of the handshake.
func complete(out io.Writer, in *bufio.Reader, certificate string) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "1|") && strings.HasSuffix(line, "|grpc|") {
			line += certificate
		}
		_, _ = fmt.Fprintln(out, line)
	}
}
