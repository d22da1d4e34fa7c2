package certificate

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/certtest"
)

func TestRenewal(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	renewed := time.Now()
	put := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if renewed = renewed.Add(time.Second); err == nil {
			err = os.Chtimes(to, renewed, renewed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	f := New(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	want := func(name, told string) {
		t.Helper()
		log.Reset()
		pair, err := f.Get(nil)
		if err != nil || pair.Leaf.Subject.CommonName != name || !strings.Contains(log.String(), told) || told == "" && log.Len() > 0 {
			t.Errorf("%v, %v, log %q; want the certificate of %s, log %q", pair, err, log.String(), name, told)
		}
	}
	none := func(why string) {
		t.Helper()
		if pair, err := f.Get(nil); err == nil || pair != nil || !strings.Contains(err.Error(), "read the server's certificate: "+why) {
			t.Errorf("%v, %v; want %s", pair, err, why)
		}
	}
	firstCert, firstKey := ca.Server(t, "first")
	secondCert, secondKey := ca.Server(t, "second")
	none("stat ")
	put(firstCert, cert)
	none("open ")
	put(firstKey, key)
	want("first", "")
	want("first", "")
	put(secondCert, cert)
	want("first", "the old one goes on")
	put(secondKey, key)
	want("second", "")
	put(secondKey, cert)
	want("second", "the old one goes on")
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	want("second", "the old one goes on")
}
