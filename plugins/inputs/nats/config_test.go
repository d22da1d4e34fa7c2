package nats

import (
	"strings"
	"testing"
)

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
	f(func(*Config) {}, "")
	f(func(c *Config) { c.JetStream, c.Stream, c.Consumer = true, "GPULINE", "hub" }, "")
	f(func(c *Config) { c.Subjects = nil }, "`subjects`: names none")
	f(func(c *Config) { c.Subjects = []string{"a", "b..c"} }, "`subjects.1`: has an empty token")
	f(func(c *Config) { c.Subjects = []string{"a b"} }, "`subjects.0`: has a space")
	f(func(c *Config) { c.Subjects = []string{"a.>.b"} }, "`subjects.0`: has a > that is not at its end")
	f(func(c *Config) { c.Subjects = []string{"a*.b"} }, "`subjects.0`: has a * or a > that is no token")
	f(func(c *Config) { c.JetStream, c.QueueGroup = true, "x" }, "`queue_group`: is not for jetstream")
	f(func(c *Config) { c.QueueGroup = "a b" }, "`queue_group`: has a space")
	f(func(c *Config) { c.Stream = "x" }, "`stream`: is for jetstream")
	f(func(c *Config) { c.JetStream, c.Stream = true, "a.b" }, "`stream`: is no name")
	f(func(c *Config) { c.Consumer = "a b" }, "`consumer`: is no name")
	f(func(c *Config) { c.Consumer = "" }, "`consumer`: is no name")
	f(func(c *Config) { c.URL = "" }, "`url`: is required")
}
