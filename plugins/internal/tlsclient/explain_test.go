package tlsclient

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestExplain has clients and servers that do not speak alike.
func TestExplain(t *testing.T) {
	f := func(serve func(http.Handler) *httptest.Server, scheme, name, wantErr, wantRemedy string) {
		t.Helper()
		s := serve(http.NotFoundHandler())
		defer s.Close()
		port := s.URL[strings.LastIndexByte(s.URL, ':'):]
		client := s.Client()
		if name == "" {
			client = &http.Client{Transport: &http.Transport{}}
			name = "127.0.0.1"
		} else {
			client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1"+port)
			}
		}
		defer client.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+name+port, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			if got := Explain(err).Error(); !strings.Contains(got, wantErr) || wantErr == "" || !strings.HasSuffix(got, wantRemedy) {
				t.Errorf("%q, want %q and %q", got, wantErr, wantRemedy)
			}
			return
		}
		defer func() { _ = answer.Body.Close() }()
		body, _ := io.ReadAll(answer.Body)
		if wantErr != "" || RefusesPlain(body) != (answer.StatusCode == http.StatusBadRequest) {
			t.Errorf("status %s and %q, want %q", answer.Status, body, wantErr)
		}
	}
	quiet := func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		return s
	}
	f(httptest.NewServer, "http", "", "", "")
	f(quiet, "http", "", "", "")
	f(httptest.NewServer, "https", "", "server gave HTTP response to HTTPS client", ": correct the URL's scheme, such as https to http, or its port")
	f(quiet, "https", "", "signed by unknown authority", ": if it is the right server, name the file of its authority's certificate in `tls`, as ca")
	f(quiet, "https", "elsewhere", "not elsewhere", ": name the server in the URL, or in `tls` as server_name, as its certificate does")
	f(quiet, "https", "example.com", "", "")

	const nginx = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n"
	if !RefusesPlain([]byte(nginx)) || RefusesPlain([]byte("unable to parse 'x'")) {
		t.Error("RefusesPlain errs")
	}
}

// TestExplainGarbage: a server of some other protocol.
func TestExplainGarbage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, _ = io.WriteString(c, "INFO {}\r\n\r\n")
			_ = c.Close()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = Explain(tls.Client(c, &tls.Config{ServerName: "x", MinVersion: tls.VersionTLS12}).HandshakeContext(t.Context()))
	if want := "tls: first record does not look like a TLS handshake: the server speaks no TLS at this port: correct the URL's scheme, such as https to http, or its port"; err == nil || err.Error() != want {
		t.Errorf("%v, want %v", err, want)
	}
	if Explain(nil) != nil || Explain(io.EOF).Error() != "EOF" {
		t.Error("other errors are explained, too")
	}
}
