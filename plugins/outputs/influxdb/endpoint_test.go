package influxdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func three(c *Config) { c.URL, c.URLs = "", []string{"http://a", "http://b", "http://c"} }

// One URL is used until it fails, then the next.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := []*far{newFar(t), newFar(t), newFar(t)}
		r := open(t, three, servers...)
		var dead [3]atomic.Int32 // 1: refuses connections, 2: says nothing, 3: 503
		for i, s := range servers {
			dial := s.dial
			r.endpoints[i].dial = nil
			r.endpoints[i].client.Transport.(*http.Transport).DialContext = func(ctx context.Context, n, a string) (net.Conn, error) {
				if dead[i].Load() == 1 {
					return nil, errors.New("connection refused")
				}
				return dial(ctx, n, a)
			}
			s.answer = func(int, request) reply {
				switch dead[i].Load() {
				case 2:
					time.Sleep(time.Minute)
				case 3:
					return reply{status: 503}
				}
				return reply{}
			}
		}
		n := 0
		f := func(want string, states ...int32) {
			t.Helper()
			for i, s := range states {
				if s == 1 {
					r.endpoints[i].client.CloseIdleConnections()
				}
				dead[i].Store(s)
			}
			before := [3]int{}
			for i, s := range servers {
				before[i] = len(s.asked())
			}
			n++
			err := r.write(r.batch(fmt.Sprintf("m x=1 %d", n)))
			got := ""
			for i, s := range servers {
				if len(s.asked()) > before[i] {
					got += string(rune('a' + i))
				}
			}
			if err != nil {
				got += " error"
			}
			if got != want {
				t.Errorf("write %d: asked %s, want %s: %v", n, got, want, err)
			}
		}
		f("a", 0, 0, 0)
		f("a", 0, 0, 0)
		f("b", 1, 0, 0)
		f("b", 0, 0, 0) // it stays where it is healthy
		f("bc", 0, 2, 0)
		f("c", 0, 0, 0)
		f("bc", 1, 0, 3)
		f("b", 0, 0, 0)
		f("abc error", 3, 3, 3)
		f("b", 0, 0, 0)
		f(" error", 1, 1, 1)
		f("abc error", 2, 2, 2)
		f("b", 0, 0, 0)
		if !strings.Contains(r.log.String(), `msg="a server cannot be written to; it is the next URL's turn" url=http://a next=http://b err="connection refused"`) {
			t.Error(r.log)
		}
		time.Sleep(10 * time.Minute) // those that said nothing have said it
	})
}

// Nobody gets the token but the host that it is for.
func TestRedirects(t *testing.T) {
	var stolen atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen.Add(1)
		t.Errorf("the thief got %s %s with %v", r.Method, r.URL, r.Header)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer thief.Close()
	f := func(status int, location, want string) {
		t.Helper()
		ok := 0
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.URL.Path == "/write" || r.URL.Path == "/loop" {
				w.Header().Set("Location", strings.ReplaceAll(location, "SELF", server.URL))
				w.WriteHeader(status)
				return
			}
			if r.Method == http.MethodPost && string(body) == "m x=1 1\n" && r.Header.Get("Authorization") == "Token secret" {
				ok++
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		defer server.Close()
		r := open(t, func(c *Config) { c.URL, c.Token, c.ContentEncoding = server.URL, sdk.NewSecret("secret"), "identity" })
		err := r.write(r.batch("m x=1 1"))
		got := fmt.Sprint(ok)
		var retry *sdk.RetryError
		if errors.As(err, &retry) && retry.After >= holdPause {
			got += " held"
		} else if err != nil {
			got += err.Error()
		}
		if got != want {
			t.Errorf("%d %s: %s, want %s: %v", status, location, got, want, err)
		}
	}
	f(307, "/elsewhere", "1")
	f(308, "SELF/elsewhere", "1")
	f(307, "/loop", "0 held")
	f(301, "/elsewhere", "0 held") // it would become a GET without a body
	f(302, "/elsewhere", "0 held")
	f(303, "/elsewhere", "0 held")
	for _, status := range []int{301, 302, 303, 307, 308} {
		f(status, thief.URL+"/write", "0 held")
		f(status, strings.Replace(thief.URL, "127.0.0.1", "localhost", 1)+"/x?token=y", "0 held")
	}
	if stolen.Load() > 0 {
		t.Error("a request went to another host")
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "influx.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := newFar(t)
	behind := httptest.NewUnstartedServer(server)
	_ = behind.Listener.Close()
	behind.Listener = listener
	behind.Start()
	defer behind.Close()
	r := open(t, func(c *Config) { c.URL = "unix://" + path })
	r.mustWrite("m x=1 1")
	if diff := cmp.Diff([]string{"m x=1 1"}, server.held()); diff != "" {
		t.Error(diff)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	behind.Close()
	if err := r.Open(t.Context(), &sdk.Env{Log: r.InfluxDB.log, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if err := r.write(r.batch("m x=2 2")); err == nil || !strings.HasPrefix(err.Error(), "write to unix://"+path+": dial unix "+path) {
		t.Errorf("err = %v", err)
	}
}

// What is read of an answer is bounded, and an answer that comes early or never leaves nothing behind.
func TestUnrulyServers(t *testing.T) {
	f := func(name, want string, handler http.HandlerFunc) {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			r := open(t, func(c *Config) { c.URL, c.ContentEncoding = server.URL, "identity" })
			b := r.numbered(20_000)
			limit := time.Minute
			if want == context.DeadlineExceeded.Error() {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			err := r.Write(ctx, b)
			if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
				t.Errorf("err = %.2000v", err)
			}
			// The buffer is free again: the race detector would see somebody who still reads it.
			text := r.unsent.text
			for i := range text {
				text[i] = 'x'
			}
		})
	}
	f("endless answer", "503 Service Unavailable: xxx", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	})
	f("endless head", "write to http://127", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1000 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
		}
		w.WriteHeader(http.StatusNoContent)
	})
	f("answers before it reads", "401 Unauthorized", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	})
	f("hangs", "context deadline exceeded", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	f("hangs in the answer", "context deadline exceeded", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	f("resets", "write to http://127", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// A server that accepts connections and says nothing has none left once a write has ended: they would add up.
func TestServerThatIsSilentInTheHandshake(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	r := open(t, func(c *Config) { c.URL = "https://" + server.Addr().String() })
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Write(ctx, r.numbered(3)) }()
		c, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("the connection is still open: %v", err)
		}
		_ = c.Close()
	}
}

// A connection that ends before the answer is an error of the network: the engine tries again within a second.
func TestCutOff(t *testing.T) {
	f := func(answer string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, err = io.WriteString(c, answer)
				_ = c.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}))
		defer server.Close()
		r := open(t, func(c *Config) { c.URL = server.URL })
		var network net.Error
		if err := r.write(r.numbered(3)); !errors.As(err, &network) || network.Timeout() {
			t.Errorf("%q: %v", answer, err)
		}
	}
	f("")
	f("HTTP/1.1 204 No Content\r\n")
	f("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\n")
}

// A kept connection that the server has closed meanwhile costs no write.
func TestIdleConnectionThatWasClosed(t *testing.T) {
	server := newFar(t)
	behind := httptest.NewServer(server)
	defer behind.Close()
	r := open(t, func(c *Config) { c.URL = behind.URL })
	for i := range 20 {
		r.mustWrite(fmt.Sprintf("m x=1 %d", i))
		behind.CloseClientConnections()
	}
	if n := len(server.held()); n != 20 {
		t.Errorf("%d lines", n)
	}
}
