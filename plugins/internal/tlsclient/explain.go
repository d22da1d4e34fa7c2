package tlsclient

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
)

// Explain adds to the error of a connection what to do about it, where the error itself tells: one end speaks TLS and the
// other does not, or the server's certificate is not trusted. Any other error is returned as it is.
func Explain(err error) error {
	if remedy := remedy(err); remedy != "" {
		return fmt.Errorf("%w: %s", err, remedy)
	}
	return err
}

func remedy(err error) string {
	_, noRecord := errors.AsType[tls.RecordHeaderError](err)
	_, stranger := errors.AsType[x509.UnknownAuthorityError](err)
	_, misnamed := errors.AsType[x509.HostnameError](err)
	switch {
	case noRecord, errors.Is(err, http.ErrSchemeMismatch):
		return "the server speaks no TLS at this port: correct the URL's scheme, such as https to http, or its port"
	case stranger:
		return "if it is the right server, name the file of its authority's certificate in `tls`, as ca"
	case misnamed:
		return "name the server in the URL, or in `tls` as server_name, as its certificate does"
	}
	return ""
}

// WantsTLS is what to do about an answer that [RefusesPlain] knows.
const WantsTLS = "the server speaks TLS at this port: write https in the URL"

// RefusesPlain reports whether the body of an answer with the status 400 is that of a server of TLS that was spoken to in
// plain HTTP: one in Go, nginx, or Apache.
func RefusesPlain(body []byte) bool {
	for _, word := range []string{
		"Client sent an HTTP request to an HTTPS server",
		"The plain HTTP request was sent to HTTPS port",
		"speaking plain HTTP to an SSL-enabled server port",
	} {
		if bytes.Contains(body, []byte(word)) {
			return true
		}
	}
	return false
}
