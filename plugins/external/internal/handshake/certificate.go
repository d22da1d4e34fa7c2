package handshake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// CertificateKey is the environment variable in which go-plugin's hosts hand their certificate, in PEM, to a
// plugin that is to speak mutual TLS. The plugin's own stands in the sixth part of its handshake line.
const CertificateKey = "PLUGIN_CLIENT_CERT"

// serverName is what go-plugin's certificates are made for.
const serverName = "localhost"

// HostTLS returns a host's configuration with a certificate of its own, and that in PEM, for the plugin. It
// trusts nobody: go-plugin adds the certificate of the plugin's handshake line, and no other.
//
// go-plugin's own certificates are on P-521, where a key, a signature and its check take 7 ms each.
func HostTLS() (config *tls.Config, certificate string, err error) {
	own, err := newCertificate()
	if err != nil {
		return nil, "", err
	}
	config = &tls.Config{
		Certificates: []tls.Certificate{own}, RootCAs: x509.NewCertPool(), ServerName: serverName, MinVersion: tls.VersionTLS12,
	}
	return config, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})), nil
}

// PluginTLS returns the configuration of a plugin that takes no client but the host with that certificate,
// and the plugin's own certificate as the handshake line has it.
func PluginTLS(host string) (config *tls.Config, certificate string, err error) {
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM([]byte(host)) {
		return nil, "", fmt.Errorf("there is no certificate in %s", CertificateKey)
	}
	own, err := newCertificate()
	if err != nil {
		return nil, "", err
	}
	config = &tls.Config{
		Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12,
	}
	return config, base64.RawStdEncoding.EncodeToString(own.Certificate[0]), nil
}

// CheckCertificate says what is wrong with the certificate of a handshake line.
func CheckCertificate(text string) error {
	der, err := base64.RawStdEncoding.DecodeString(text)
	if err == nil {
		_, err = x509.ParseCertificate(der)
	}
	return err
}

// newCertificate makes a certificate like those of go-plugin, which libraries in other languages take for
// a root of its own, on another curve.
func newCertificate() (tls.Certificate, error) {
	fail := func(err error) (tls.Certificate, error) {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return fail(err)
	}
	const year = 365 * 24 * time.Hour
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: serverName, Organization: []string{"gpuline"}}, DNSNames: []string{serverName},
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * year),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fail(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
