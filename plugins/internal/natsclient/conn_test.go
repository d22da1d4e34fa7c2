package natsclient

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/internal/certtest"
	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial returns a connection that ends with the test.
func dial(t *testing.T, c Config) (*Conn, error) {
	t.Helper()
	k, err := Dial(t.Context(), &c, sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})), "test")
	if err == nil {
		t.Cleanup(k.Close)
	}
	return k, err
}

// ready waits for the connection.
func ready(t *testing.T, k *Conn, within time.Duration) (*nats.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return k.Ready(ctx)
}

func write(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seedOf returns a new key's file and its public part.
func seedOf(t *testing.T, pair nkeys.KeyPair) (file, public string) {
	t.Helper()
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err = pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, seed), public
}

func newPair(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// operator sets a server up with an operator, an account and a user, and returns the user's credentials.
func operator(t *testing.T, o *server.Options) (creds string) {
	t.Helper()
	op, account, user := newPair(t, nkeys.CreateOperator), newPair(t, nkeys.CreateAccount), newPair(t, nkeys.CreateUser)
	_, opKey := seedOf(t, op)
	_, accountKey := seedOf(t, account)
	_, userKey := seedOf(t, user)
	encode := func(c jwt.Claims, by nkeys.KeyPair) string {
		text, err := c.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	claims, err := jwt.DecodeOperatorClaims(encode(jwt.NewOperatorClaims(opKey), op))
	if err != nil {
		t.Fatal(err)
	}
	o.TrustedOperators = []*jwt.OperatorClaims{claims}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(accountKey, encode(jwt.NewAccountClaims(accountKey), op)); err != nil {
		t.Fatal(err)
	}
	o.AccountResolver = resolver
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(encode(jwt.NewUserClaims(userKey), account), seed)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, text)
}

// Each way to say who one is opens the server that asks for it, and nothing else does.
func TestWaysToConnect(t *testing.T) {
	a := certtest.New(t)
	cert, key := a.Client(t, "agent")
	nkey, public := seedOf(t, newPair(t, nkeys.CreateUser))
	strange, _ := seedOf(t, newPair(t, nkeys.CreateUser))
	var creds string
	f := func(name string, set func(*server.Options), right, wrong func(*Config)) {
		t.Run(name, func(t *testing.T) {
			s := natstest.Run(t, func(o *server.Options) { o.JetStream = false; set(o) })
			c := Config{URL: s.URL()}
			right(&c)
			k, err := dial(t, c)
			if err != nil {
				t.Fatal(err)
			}
			nc, err := ready(t, k, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if err := nc.FlushTimeout(5 * time.Second); err != nil {
				t.Error(err)
			}
			c = Config{URL: s.URL()}
			wrong(&c)
			if k, err = dial(t, c); err != nil {
				t.Fatal(err)
			}
			if _, err := ready(t, k, 300*time.Millisecond); err == nil || !strings.Contains(err.Error(), "no connection to "+s.URL()) {
				t.Errorf("with the wrong ones: %v", err)
			}
		})
	}
	f("user", func(o *server.Options) { o.Username, o.Password = "u", "p" },
		func(c *Config) { c.User, c.Password = "u", sdk.NewSecret("p") },
		func(c *Config) { c.User, c.Password = "u", sdk.NewSecret("q") })
	f("token", func(o *server.Options) { o.Authorization = "t" },
		func(c *Config) { c.Token = sdk.NewSecret("t") },
		func(*Config) {})
	f("nkey", func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} },
		func(c *Config) { c.NKey = nkey },
		func(c *Config) { c.NKey = strange })
	f("creds", func(o *server.Options) { creds = operator(t, o) },
		func(c *Config) { c.Creds = creds },
		func(c *Config) { c.NKey = nkey })
	encrypted := func(mutual bool) func(*server.Options) {
		config := a.Listening(t, "server", mutual)
		return func(o *server.Options) { o.TLS, o.TLSConfig, o.TLSTimeout = true, config, 5 }
	}
	f("tls", encrypted(false),
		func(c *Config) { c.TLS.CA = a.File },
		func(*Config) {})
	f("mtls", encrypted(true),
		func(c *Config) { c.TLS = tlsclient.Config{CA: a.File, Cert: cert, Key: key} },
		func(c *Config) { c.TLS.CA = a.File })
	f("tls first", func(o *server.Options) { encrypted(false)(o); o.TLSHandshakeFirst = true },
		func(c *Config) { c.TLS.CA, c.TLSFirst = a.File, true },
		func(c *Config) { c.TLS.CA = a.File })
	f("no tls there", func(*server.Options) {},
		func(*Config) {},
		func(c *Config) { c.TLS.CA = a.File })
}

// What is wrong with TLS is said with what to do about it.
func TestRemediesOfTLS(t *testing.T) {
	a := certtest.New(t)
	f := func(set func(*server.Options), c Config, want string) {
		t.Helper()
		s := natstest.Run(t, func(o *server.Options) { o.JetStream = false; set(o) })
		c.URL = s.URL()
		k, err := dial(t, c)
		if err != nil {
			t.Fatal(err)
		}
		for tries := 0; ; tries++ {
			_, err := ready(t, k, 300*time.Millisecond)
			if err != nil && strings.HasSuffix(err.Error(), want) {
				return
			}
			if tries == 30 {
				t.Fatalf("error %v, want %q", err, want)
			}
		}
	}
	config := a.Listening(t, "server", false)
	f(func(o *server.Options) { o.TLS, o.TLSConfig, o.TLSTimeout = true, config, 5 }, Config{},
		": if it is the right server, name the file of its authority's certificate in `tls`, as ca")
	f(func(*server.Options) {}, Config{TLS: tlsclient.Config{CA: a.File}},
		": the server speaks no TLS: remove `tls`, and write nats:// in the URL")
}

// A key and credentials that are exchanged while the agent runs serve from the next connection on.
func TestFilesAreReadAnew(t *testing.T) {
	f := func(name string, prepare func(o *server.Options) (file string), use func(c *Config, file string)) {
		t.Run(name, func(t *testing.T) {
			var file string
			s := natstest.Run(t, func(o *server.Options) { o.JetStream, file = false, prepare(o) })
			var c Config
			c.URL = s.URL()
			use(&c, file)
			k, err := dial(t, c)
			if err != nil {
				t.Fatal(err)
			}
			nc, err := ready(t, k, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			s.Stop()
			text, err := os.ReadFile(prepare(s.Options()))
			if err == nil {
				err = os.WriteFile(file, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			natstest.Eventually(t, 30*time.Second, "connection", func() bool { return nc.IsConnected() && k.Connected() })
		})
	}
	f("nkey", func(o *server.Options) string {
		file, public := seedOf(t, newPair(t, nkeys.CreateUser))
		o.Nkeys = []*server.NkeyUser{{Nkey: public}}
		return file
	}, func(c *Config, file string) { c.NKey = file })
	f("creds", func(o *server.Options) string { return operator(t, o) }, func(c *Config, file string) { c.Creds = file })
}

func TestFilesThatAreNotThere(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := Config{URL: "nats://127.0.0.1:1"}
		change(&c)
		if _, err := dial(t, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(func(c *Config) { c.Creds = "/nowhere/a.creds" }, "/nowhere/a.creds")
	f(func(c *Config) { c.NKey = "/nowhere/a.nk" }, "/nowhere/a.nk")
	f(func(c *Config) { c.NKey = write(t, []byte("nonsense")) }, "nkey")
	f(func(c *Config) { c.TLS.CA = "/nowhere/ca.pem" }, "/nowhere/ca.pem")
}

// A server that is not there when the agent starts, or goes and comes back, is connected to soon.
func TestServerComesLate(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) { o.JetStream = false })
	k, err := dial(t, Config{URLs: []string{"nats://127.0.0.1:1", s.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ready(t, k, 100*time.Millisecond); err == nil {
		t.Fatal("connected to nothing")
	}
	var first *nats.Conn
	for range 3 {
		s.Start()
		nc, err := ready(t, k, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = nc
		}
		if nc != first {
			t.Error("another connection")
		}
		s.Stop()
		natstest.Eventually(t, 5*time.Second, "loss of the connection", func() bool { return !nc.IsConnected() })
	}
}

// What the client gives up for good, here over an error that it does not know, is made anew.
func TestClosedConnectionIsMadeAnew(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) { o.JetStream, o.MaxControlLine = false, 1024 })
	k, err := dial(t, Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := ready(t, k, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish(strings.Repeat("x", 4000), nil); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, 10*time.Second, "end of the connection", func() bool { return nc.IsClosed() && !k.Connected() })
	again, err := ready(t, k, 5*time.Second)
	if err != nil || again == nc {
		t.Errorf("%v, the same connection: %v", err, again == nc)
	}
}

// A password that is mended at the server opens it, without a restart of the agent.
func TestRefusalIsNoEnd(t *testing.T) {
	k := &Conn{}
	f := func(err error, least, most time.Duration) {
		t.Helper()
		k.last.Store(&err)
		for range 100 {
			if d := k.pause(1); d < least || d > most {
				t.Fatalf("%v after %v", d, err)
			}
		}
	}
	f(errors.New("connection refused"), 250*time.Millisecond, 500*time.Millisecond)
	long := time.Now().Add(-time.Hour)
	k.lost.Store(&long)
	if d := k.pause(9); d < 5*time.Second || d > 10*time.Second {
		t.Errorf("%v after an hour", d)
	}
	k.reached.Store(3)
	if d := k.pause(10); d < 15*time.Second || d > 30*time.Second {
		t.Errorf("%v after an hour and three connections that came to nothing", d)
	}
	f(nats.ErrAuthorization, 10*time.Second, 20*time.Second)
	f(nats.ErrAuthExpired, 10*time.Second, 20*time.Second)

	s := natstest.Run(t, func(o *server.Options) { o.JetStream, o.Username, o.Password = false, "u", "new" })
	c, err := dial(t, Config{URL: s.URL(), User: "u", Password: sdk.NewSecret("old")})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if _, err := ready(t, c, 100*time.Millisecond); err == nil || !errors.Is(err, nats.ErrAuthorization) || strings.Contains(err.Error(), "old") {
		t.Errorf("%v", err)
	}
	if c.nc.Load().IsClosed() {
		t.Error("the client has given up")
	}
}

// A server that comes back and does not want the agent any more, or whose certificate is not to be trusted, is
// named as the reason, and is no longer asked as one that is only away.
func TestServerComesBackAnother(t *testing.T) {
	f := func(want string, change func(*server.Options)) {
		t.Helper()
		a := certtest.New(t)
		s := natstest.Run(t, func(o *server.Options) {
			o.JetStream, o.Username, o.Password = false, "u", "p"
			o.TLS, o.TLSConfig, o.TLSTimeout = true, a.Listening(t, "server", false), 5
		})
		k, err := dial(t, Config{URL: s.URL(), User: "u", Password: sdk.NewSecret("p"), TLS: tlsclient.Config{CA: a.File}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ready(t, k, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		s.Stop()
		change(s.Options())
		s.Start()
		natstest.Eventually(t, 20*time.Second, want, func() bool {
			_, err := ready(t, k, 10*time.Millisecond)
			return err != nil && strings.Contains(err.Error(), want)
		})
	}
	f("Authorization Violation", func(o *server.Options) { o.Password = "another" })
	f("certificate", func(o *server.Options) { o.TLSConfig = certtest.New(t).Listening(t, "server", false) })
}

func TestValidate(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := Config{URL: "nats://h:4222", InboxPrefix: "_INBOX"}
		change(&c)
		err := c.Validate()
		if want == "" {
			if err != nil {
				t.Errorf("%v", err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%v tells a secret", err)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.URL, c.URLs = "", []string{"tls://a:1", "wss://b"} }, "")
	f(func(c *Config) { c.URL = "" }, "`url`: is required")
	f(func(c *Config) { c.URLs = []string{"nats://b"} }, "`url`: is given beside `urls`")
	f(func(c *Config) { c.URL = "http://h" }, "`url`: is neither nats, tls, ws nor wss")
	f(func(c *Config) { c.URL = "h:4222" }, "`url`: is ")
	f(func(c *Config) { c.URL = "nats://u:hush@h" }, "`url`: has a user")
	f(func(c *Config) { c.URL = "nats://" }, "`url`: has no host")
	f(func(c *Config) { c.URL = "nats://a,nats://b" }, "`url`: ")
	f(func(c *Config) { c.URL, c.URLs = "", []string{"nats://a", "x"} }, "`urls.1`: ")
	f(func(c *Config) { c.User, c.Token = "u", sdk.NewSecret("hush") }, "`token`: is given beside `user`")
	f(func(c *Config) { c.NKey, c.Creds = "a", "b" }, "`creds`: is given beside `nkey`")
	f(func(c *Config) { c.Password = sdk.NewSecret("hush") }, "`password`: is given without `user`")
	f(func(c *Config) { c.InboxPrefix = "a b" }, "`inbox_prefix`")
	f(func(c *Config) { c.Domain = "a.b" }, "`domain`")
	f(func(c *Config) { c.TLS.Cert = "a" }, "`tls`")
}

func TestPart(t *testing.T) {
	f := func(p Part, id string) {
		t.Helper()
		h := nats.Header{}
		p.AddTo(h)
		if got := h.Get(nats.MsgIdHdr); got != id {
			t.Errorf("%+v has the id %q, want %q", p, got, id)
		}
		if got, ok := PartOf(h); id != "" && (!ok || got.Part != p.Part || got.Parts != p.Parts || got.ID.Seq != p.ID.Seq || got.ID.Epoch != p.ID.Epoch) {
			t.Errorf("%+v is read as %+v, %v", p, got, ok)
		}
	}
	f(Part{sdk.BatchID{Agent: "h", Epoch: 7, Seq: 3}, 1, 2, 37}, "h/7/3/1/11")
	f(Part{sdk.BatchID{Agent: "a b\r\nX: y", Epoch: 7, Seq: 3}, 1, 2, 37}, "a_b__X:_y/7/3/1/11")
	f(Part{}, "")
	bad := func(key, value string) {
		t.Helper()
		h := nats.Header{}
		Part{sdk.BatchID{Agent: "h", Epoch: 7, Seq: 3}, 1, 2, 37}.AddTo(h)
		h.Set(key, value)
		if p, ok := PartOf(h); ok {
			t.Errorf("%s %q is read as %+v", key, value, p)
		}
	}
	bad(headerAgent, "")
	bad(headerEpoch, "-1")
	bad(headerSeq, "0")
	bad(headerPart, "0")
	bad(headerPart, "3")
	bad(headerParts, "99999999")
}

func TestEncodingOf(t *testing.T) {
	f := func(key, value string, want Encoding, known bool) {
		t.Helper()
		if e, ok := EncodingOf(nats.Header{key: {value}}); e != want || ok != known {
			t.Errorf("%s: %s is %q, %v", key, value, e, ok)
		}
	}
	for e := range contentTypes {
		f("Content-Type", e.ContentType(), e, true)
		f("content-type", strings.ToUpper(e.ContentType())+"; charset=utf-8", e, true)
	}
	f("Content-Type", "text/plain", "", false)
	f("X", "y", "", false)
}
