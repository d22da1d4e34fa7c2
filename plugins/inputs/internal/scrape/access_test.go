package scrape

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/certtest"
	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

var (
	basic  = Access{User: "u", Password: sdk.NewSecret("p")}
	bearer = Access{BearerToken: sdk.NewSecret("t")}
)

func TestCheck(t *testing.T) {
	f := func(a Access, want string) {
		t.Helper()
		check(t, strings.ReplaceAll(fmt.Sprint(a.Check()), "\n", "; "), want)
	}
	f(Access{}, "<nil>")
	f(basic, "<nil>")
	f(bearer, "<nil>")
	f(Access{User: "u"}, "<nil>")
	f(Access{Password: sdk.NewSecret("p")}, "`password`: is given without `user`: give both")
	f(Access{User: "u", BearerToken: sdk.NewSecret("t")}, "`bearer_token`: is given beside `user`: give one of them")
	f(Access{TLS: tlsclient.Config{Key: "x"}}, "`tls`: has one of `cert` and `key`: give both")
	f(Access{Password: sdk.NewSecret("p"), TLS: tlsclient.Config{Key: "x"}}, "`password`: is given without `user`: give both; `tls`: has one of `cert` and `key`: give both")
}

func TestCheckURL(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		check(t, fmt.Sprint(CheckURL(text)), want)
	}
	f("http://127.0.0.1:8002/metrics", "<nil>")
	f("https://node-7", "<nil>")
	f("http://%zz", "is not a URL")
	f("http://\x7f", "is not a URL")
	f("ftp://x", "is neither http nor https")
	f("", "is neither http nor https")
	f("http:///metrics", "has no host")
	f("http://:9400", "has no host")
	f("http://u:secret@x", "has a user or a password in it: they belong to `user` and `password`")
}

// whoIsIt answers with the credentials that it was shown.
func whoIsIt(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprint(w, r.Header.Get("Authorization"))
}

func TestCredentials(t *testing.T) {
	f := func(a Access, want string) {
		t.Helper()
		check(t, a.Given(), want != "")
		var p Page
		if err := client(t, a, 1000).Get(t.Context(), serve(t, whoIsIt), &p); err != nil {
			t.Error(err)
		}
		check(t, string(p.Body), want)
	}
	f(Access{}, "")
	f(basic, "Basic dTpw")
	f(bearer, "Bearer t")
}

// TestRedirects: one within a host is followed, with the credentials; one to another host is not.
func TestRedirects(t *testing.T) {
	f := func(from string, want, wantErr string) {
		t.Helper()
		var p Page
		err := client(t, bearer, 1000).Get(t.Context(), from, &p)
		check(t, fmt.Sprint(err), wantErr)
		check(t, string(p.Body), want)
	}
	asked := 0
	other := serve(t, func(http.ResponseWriter, *http.Request) { asked++ })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			whoIsIt(w, r)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/away":
			http.Redirect(w, r, other, http.StatusFound)
		case "/tls":
			http.Redirect(w, r, "https://"+r.Host+"/metrics", http.StatusFound)
		default:
			http.Redirect(w, r, "/metrics", http.StatusFound)
		}
	})
	const elsewhere = "the server refers to another host: name that one"
	f(url+"/", "Bearer t", "<nil>")
	f(url+"/round", "", elsewhere)
	f(url+"/away", "", elsewhere)
	f(url+"/tls", "", elsewhere)
	check(t, asked, 0)
}

func TestTLS(t *testing.T) {
	ca, stranger := certtest.New(t), certtest.New(t)
	server := httptest.NewUnstartedServer(answer(http.StatusOK, "up 1\n"))
	server.Config.ErrorLog = nil
	server.TLS = ca.Listening(t, "server", true)
	server.StartTLS()
	defer server.Close()
	f := func(c tlsclient.Config, want string) {
		t.Helper()
		var p Page
		err := client(t, Access{TLS: c}, 1000).Get(t.Context(), server.URL, &p)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	clientCert, clientKey := ca.Client(t, "client")
	f(tlsclient.Config{CA: ca.File, Cert: clientCert, Key: clientKey}, "")
	f(tlsclient.Config{CA: ca.File}, "certificate required")
	f(tlsclient.Config{CA: stranger.File, Cert: clientCert, Key: clientKey}, "unknown authority")
	f(tlsclient.Config{InsecureSkipVerify: true, Cert: clientCert, Key: clientKey}, "")

	if _, err := NewClient(&Access{TLS: tlsclient.Config{CA: "/nowhere"}}, 1000, time.Now); err == nil {
		t.Error("a file that is not there is no error")
	}
}

// TestSchemeOfTheOtherKind: whoever wrote http for https, or the reverse, is told so.
func TestSchemeOfTheOtherKind(t *testing.T) {
	f := func(start func(*httptest.Server), was, is, want string) {
		t.Helper()
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		start(server)
		defer server.Close()
		err := client(t, Access{}, 1000).Get(t.Context(), strings.Replace(server.URL, was, is, 1), new(Page))
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f((*httptest.Server).Start, "http", "https", "the server speaks no TLS at this port: correct the URL's scheme, such as https to http, or its port")
	f((*httptest.Server).StartTLS, "https", "http", "status 400 Bad Request: the server speaks TLS at this port: write https in the URL")
}
