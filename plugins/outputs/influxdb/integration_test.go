//go:build integration

package influxdb

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

const start = int64(1_700_000_000_000_000_000)

// everyType adds rows with values of every type, at their ends and between, and with names and strings that
// must be escaped.
func everyType(b *sdk.Batch) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		m := b.Add(b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i % 8)}, sdk.Tag{Key: "host", Value: "node 1,a=b"}), start+int64(i))
		m.Float("power_watts", math.Float64frombits(rng.Uint64N(0x7ff0<<48)))
		m.Float("ratio", float64(rng.IntN(101))/100)
		m.Int("memory_bytes", int64(rng.Uint64()))
		m.Bool("ok", rng.IntN(2) == 0)
		m.Text("state", []string{"P0", "", `a "b" \ c`, "two\nlines", "ü€😀", "a,b c=d"}[rng.IntN(6)])
	}
	ends := b.Add(b.Series("ends"), start)
	ends.Int("least", math.MinInt64)
	ends.Int("most", math.MaxInt64)
	ends.Uint("unsigned", math.MaxInt64)
	ends.Float("tiny", math.SmallestNonzeroFloat64)
	ends.Float("huge", math.MaxFloat64)
	ends.Float("whole", 3)
	odd := b.Add(b.Series("a,b c=d", sdk.Tag{Key: "k =,", Value: "v =,\"'"}, sdk.Tag{Key: "ü", Value: "€"}), start)
	odd.Float("f =,", 1)
	alert := b.Add(b.Series("gpu", sdk.Tag{Key: "window", Value: "10s"}), start)
	alert.Float("power_watts", 2)
	alert.Annotate(b.Catalog().Annotations(sdk.Tag{Key: "alert", Value: "hot"}))
}

// Each value that was written is read back as it was, through both APIs, TCP and a Unix socket.
func TestInfluxDBHoldsEveryValue(t *testing.T) {
	db := startInflux(t, "")
	f := func(name string, change func(c *Config)) {
		t.Run(name, func(t *testing.T) {
			db.query("", `CREATE DATABASE "`+name+`"`)
			r := open(t, func(c *Config) {
				c.URL, c.Database = db.url, name
				change(c)
			})
			b := sdk.NewBatch(r.catalog)
			everyType(b)
			for range 2 { // written twice is as written once
				if err := r.write(b); err != nil {
					t.Fatal(err)
				}
			}
			want := valuesOf(b)
			if diff := cmp.Diff(want, db.values(name)); diff != "" {
				t.Errorf("-written +read\n%.3000s", diff)
			}
			if len(want) < 10_000 {
				t.Errorf("%d values", len(want))
			}
		})
	}
	v2to := func(bucket string) func(c *Config) {
		return func(c *Config) { c.Database, c.Org, c.Bucket = "", "-", bucket }
	}
	f("v1", func(*Config) {})
	f("identity", func(c *Config) { c.ContentEncoding = "identity" })
	f("v2", v2to("v2"))
	f("policy", func(c *Config) { c.RetentionPolicy = "autogen" })
	f("v2policy", v2to("v2policy/autogen"))
	f("socket", func(c *Config) { c.URL = "unix://" + db.socket })
}

// What InfluxDB refuses, and only that, is in the dead-letter file; the rest is in InfluxDB.
func TestInfluxDBRefuses(t *testing.T) {
	db := startInflux(t, "")
	n := 0
	f := func(name, prepare, rows string, bad []int, reason string, change func(c *Config)) {
		t.Run(name, func(t *testing.T) {
			for _, api := range []string{v1, v2} {
				n++
				database := fmt.Sprintf("db%d", n)
				db.query("", "CREATE DATABASE "+database+" WITH DURATION 52w")
				path := filepath.Join(t.TempDir(), "dead.lp")
				r := open(t, func(c *Config) {
					c.URL, c.Database = db.url, database
					if api == v2 {
						c.Database, c.Org, c.Bucket = "", "-", database
					}
					c.DeadLetter.Path = path
					if change != nil {
						change(c)
					}
				})
				now := r.now().UnixNano()
				at := func(text string) *sdk.Batch {
					b := r.batch(text)
					for m := range b.All() {
						if m.Time() > 0 {
							m.SetTime(now + m.Time())
						}
					}
					return b
				}
				if prepare != "" {
					if err := r.write(at(prepare)); err != nil {
						t.Fatal(err)
					}
				}
				b := at(rows)
				err := r.write(b)
				var partial *sdk.PartialError
				if !errors.As(err, &partial) || !slices.Equal(partial.Rejected, bad) || !partial.DeadLettered || !strings.Contains(err.Error(), reason) {
					t.Fatalf("%s: err = %v, %+v", api, err, partial)
				}
				// The file has what was refused, and InfluxDB the rest.
				good, refused := sdk.NewBatch(r.catalog), sdk.NewBatch(r.catalog)
				if prepare != "" {
					for m := range at(prepare).All() {
						good.Copy(m)
					}
				}
				i := 0
				for m := range b.All() {
					if slices.Contains(bad, i) {
						refused.Copy(m)
					} else {
						good.Copy(m)
					}
					i++
				}
				if diff := cmp.Diff(valuesOf(good), db.values(database)); diff != "" {
					t.Errorf("%s: InfluxDB: -want +got\n%s", api, diff)
				}
				var j job
				r.encoder.encode(&j, refused)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var dead []string
				for _, line := range lines(string(text)) {
					if !strings.HasPrefix(line, "# ") {
						dead = append(dead, line)
					}
				}
				if diff := cmp.Diff(lines(string(j.text)), dead); diff != "" {
					t.Errorf("%s: dead letters: -want +got\n%s", api, diff)
				}
			}
		})
	}
	const good = "gpu,i=0 x=1 1\ngpu,i=1 x=2 1\n"
	f("type conflict", "gpu,i=9 x=1 1", good+"gpu,i=2 x=3i 1\ngpu,i=3 x=4 1\n", []int{2}, "field type conflict", nil)
	f("type conflict of all", "gpu,i=9 x=1i 1", good, []int{0, 1}, "field type conflict", nil)
	f("conflicts here and there", "gpu,i=-1 x=1 1", conflicts(200), everyNth(200, 7), "field type conflict", nil)
	f("beyond retention", "", good+"gpu,i=2 x=3 -5\n", []int{2}, "points beyond retention policy", nil)
	f("unsigned", "", good+"gpu,i=2 n=3u 1\n", []int{2}, "invalid number", func(c *Config) { c.Uint = "u" })
	f("time", "", good+"gpu,i=2 time=3 1\n", []int{2}, "", nil)
}

// conflicts returns n rows, each seventh of which has an integer where the others have a float.
func conflicts(n int) string {
	var b strings.Builder
	for i := range n {
		suffix := ""
		if i%7 == 0 {
			suffix = "i"
		}
		fmt.Fprintf(&b, "gpu,i=%d x=%d%s 1\n", i, i, suffix)
	}
	return b.String()
}

func everyNth(n, step int) (all []int) {
	for i := 0; i < n; i += step {
		all = append(all, i)
	}
	return all
}

// What an operator must see to is held, with a message that says so, and goes through once it is done.
func TestInfluxDBHolds(t *testing.T) {
	open1 := startInflux(t, "")
	closed := startInflux(t, "auth-enabled = true")
	closed.query("", `CREATE USER admin WITH PASSWORD 'admin' WITH ALL PRIVILEGES`)
	closed.user, closed.password = "admin", "admin"
	closed.query("", `CREATE DATABASE gpu`)
	closed.query("", `CREATE USER writer WITH PASSWORD 'right'`)
	f := func(db *influx, change func(c *Config), want string, mend func(r *rig)) {
		t.Helper()
		r := open(t, func(c *Config) {
			c.URL = db.url
			change(c)
		})
		b := r.batch("gpu x=1 1700000000000000000")
		err := r.write(b)
		var retry *sdk.RetryError
		if !errors.As(err, &retry) || retry.After < holdPause || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
		mend(r)
		if err := r.write(b); err != nil {
			t.Errorf("after it was mended: %v", err)
		}
	}
	f(open1, func(c *Config) { c.Database = "absent" }, `404 Not Found: database not found: "absent": create the database`,
		func(*rig) { open1.query("", "CREATE DATABASE absent") })
	f(open1, func(c *Config) { c.Database, c.Org, c.Bucket = "", "-", "absent2" }, `create the bucket`,
		func(*rig) { open1.query("", "CREATE DATABASE absent2") })
	f(closed, func(c *Config) { c.User, c.Password = "writer", sdk.NewSecret("wrong") }, "401 Unauthorized: authorization failed: correct `user` and `password`",
		func(r *rig) {
			closed.query("", "GRANT WRITE ON gpu TO writer")
			r.header = config(func(c *Config) { c.User, c.Password = "writer", sdk.NewSecret("right") }).header()
		})
	closed.query("", `CREATE USER reader WITH PASSWORD 'right'`)
	f(closed, func(c *Config) { c.User, c.Password = "reader", sdk.NewSecret("right") }, "403 Forbidden: ",
		func(*rig) { closed.query("", "GRANT WRITE ON gpu TO reader") })
	f(closed, func(c *Config) { c.Database, c.Org, c.Bucket, c.Token = "", "-", "gpu", sdk.NewSecret("writer:wrong") }, "401 Unauthorized: authorization failed: correct `token`",
		func(r *rig) {
			r.header = config(func(c *Config) { c.Database, c.Bucket, c.Token = "", "gpu", sdk.NewSecret("writer:right") }).header()
		})
}

// A server that takes small requests only gets small ones, and a retention policy that is not there, which
// InfluxDB answers with a 500, is no row's fault.
func TestInfluxDBLimits(t *testing.T) {
	db := startInflux(t, "max-body-size = 4000")
	db.query("", "CREATE DATABASE gpu")
	r := open(t, func(c *Config) { c.URL, c.ContentEncoding = db.url, "identity" })
	b := r.numbered(1000)
	if err := r.write(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(valuesOf(b), db.values("gpu")); diff != "" {
		t.Errorf("-written +read\n%s", diff)
	}
	r = open(t, func(c *Config) { c.URL, c.RetentionPolicy = db.url, "absent" })
	for range 20 {
		err := r.write(r.batch("m x=1 1\nm x=2 2"))
		var partial *sdk.PartialError
		if err == nil || errors.As(err, &partial) {
			t.Fatalf("err = %v", err)
		}
	}
}
