package nats

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// A hub that may not read is told so, and by what name.
func TestRightsThatAreMissing(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "admin", Password: "p"},
			{Username: "hub", Password: "p", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"$JS.API.CONSUMER.MSG.NEXT.>", "$JS.API.STREAM.NAMES"}},
			}},
		}
	})
	admin := s.JetStream(nats.UserInfo("admin", "p"))
	if _, err := admin.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GPULINE", Subjects: []string{"gpu.>"}}); err != nil {
		t.Fatal(err)
	}
	f := func(stream, want string) {
		t.Helper()
		h := open(t, func(c *Config) {
			jetStream(s)(c)
			c.User, c.Password, c.Stream = "hub", sdk.NewSecret("p"), stream
		})
		if _, _, err := h.readFor(time.Minute); !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("", "$JS.API.STREAM.NAMES")
	f("GPULINE", "$JS.API.CONSUMER.MSG.NEXT.GPULINE.gpuline")
}
