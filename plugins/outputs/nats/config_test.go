package nats

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// The sample shows a stream, in a comment that is not undone elsewhere since it takes jetstream = true.
func TestSampleStream(t *testing.T) {
	_, after, found := strings.Cut(sample, "#   stream = ")
	line, _, _ := strings.Cut(after, "\n")
	table := make(map[string]any)
	if _, err := toml.Decode("url = \"nats://h\"\njetstream = true\nstream = "+line, &table); err != nil || !found {
		t.Fatalf("%v in %q", err, line)
	}
	c := config(nil)
	if faults := sdk.Configure(c, table); len(faults) > 0 {
		t.Error(faults)
	}
	options, err := sdk.Options(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range options {
		if options[i].Key != "stream" {
			continue
		}
		for _, o := range options[i].Options {
			if !strings.Contains(line, o.Key+" = ") {
				t.Errorf("the sample does not show stream.%s", o.Key)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := config(func(c *Config) { c.URL = "nats://h" })
		change(c)
		err := c.Validate()
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v, want %q", err, want)
		}
	}
	stream := func(subjects ...string) func(*Config) {
		return func(c *Config) { c.JetStream, c.Stream.Create, c.Stream.Subjects = true, true, subjects }
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.Subject = "" }, "`subject`: is empty")
	f(func(c *Config) { c.Subject = "a.{b" }, "`subject`: has { without }")
	f(func(c *Config) { c.Subject = "a.}" }, "`subject`: has } without {")
	f(func(c *Config) { c.Subject = "a.{}" }, "`subject`: has a { } without the name of a tag")
	f(func(c *Config) { c.Subject = "a.*" }, "`subject`: has a * or a >")
	f(func(c *Config) { c.Subject = "a b" }, "`subject`: has a space")
	f(func(c *Config) { c.Subject = "a..{b}" }, "`subject`: has an empty token")
	f(func(c *Config) { c.Subject = "$SYS.{b}" }, "`subject`: begins with $")
	f(func(c *Config) { c.Subject = strings.Repeat("a", 600) }, "`subject`: is too long")
	f(func(c *Config) { c.MaxMessage = 100 }, "`max_message`: is less than")
	f(func(c *Config) { c.Stream.Create = true }, "`stream`: is for streams")
	f(func(c *Config) { c.JetStream, c.Stream.Name = true, "a b" }, "`stream.name`: is no name")
	f(stream("gpu.>"), "")
	f(stream("other.>", "gpu.*.*"), "")
	f(stream(), "")
	f(stream("gpu.>.x"), "`stream.subjects.0`: has a > that is not at its end")
	f(stream("other.>"), "`stream.subjects`: do not take gpu.*.*")
	f(func(c *Config) { stream("gpu.>")(c); c.Stream.MaxAge = 1 }, "`stream.max_age`: is less than `duplicate_window`")
	f(func(c *Config) { c.URL = "" }, "`url`: is required")
}

func TestSubjects(t *testing.T) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	f := func(text, want string, tags ...sdk.Tag) {
		t.Helper()
		subject, err := parseTemplate(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := subject.expand(catalog.Series("gpu.x", tags...)); got != want {
			t.Errorf("%s of %v is %q, want %q", text, tags, got, want)
		}
	}
	tag := func(key, value string) sdk.Tag { return sdk.Tag{Key: key, Value: value} }
	f("gpu", "gpu")
	f("gpu.{host}.{gpu_index}", "gpu.n1.0", tag("host", "n1"), tag("gpu_index", "0"))
	f("gpu.{host}.{gpu_index}", "gpu.n1._", tag("host", "n1"))
	f("gpu.{host}", "gpu.n1_example_com", tag("host", "n1.example.com"))
	f("gpu.{host}", "gpu.a_b_c_d_e_f", tag("host", "a*b>c d\te\nf"))
	f("gpu.{host}", "gpu.zürich", tag("host", "zürich"))
	f("gpu.{host}", "gpu.a_", tag("host", "a\xff"))
	f("gpu.{host}", "gpu."+strings.Repeat("a", 128), tag("host", strings.Repeat("a", 5000)))
	f("{measurement}.s-{site}", "gpu_x.s-7", tag("site", "7"))
	f("{site}.x", "_SYS.x", tag("site", "$SYS"))
}

func TestPattern(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		s, err := parseTemplate(text)
		if err != nil || s.pattern() != want {
			t.Errorf("%s: %s, %v; want %s", text, s.pattern(), err, want)
		}
	}
	f("gpu", "gpu")
	f("gpu.{host}.{gpu_index}", "gpu.*.*")
	f("gpu.site-{site}.x", "gpu.*.x")
}

func TestCovers(t *testing.T) {
	f := func(want bool, pattern string, patterns ...string) {
		t.Helper()
		if covers(patterns, pattern) != want {
			t.Errorf("%v take %s: %v", patterns, pattern, !want)
		}
	}
	f(true, "gpu.*.*", "gpu.>")
	f(true, "gpu.*.*", "x", "gpu.*.*")
	f(true, "gpu.a", "gpu.*")
	f(true, "gpu.a", ">")
	f(false, "gpu", "gpu.>")
	f(false, "gpu.*", "gpu.a")
	f(false, "gpu.*.*", "gpu.*")
	f(false, "gpu.*", "gpu.*.*")
	f(false, "gpu.*")
}

func TestSettings(t *testing.T) {
	c := config(func(c *Config) { c.Stream.Discard, c.Stream.Storage, c.Stream.Replicas = "old", "memory", 3 })
	got := c.settings("gpu.*.*")
	if diff := cmp.Diff([]string{"gpu.*.*"}, got.Subjects); diff != "" || got.MaxBytes != -1 || got.Replicas != 3 ||
		got.Discard.String() != "DiscardOld" || got.Storage.String() != "Memory" {
		t.Errorf("%+v", got)
	}
	c = config(func(c *Config) { c.Stream.MaxBytes = 1 << 20 })
	if got := c.settings("x"); got.Discard.String() != "DiscardNew" || got.Storage.String() != "File" || got.MaxBytes != 1<<20 {
		t.Errorf("%+v", got)
	}
}
