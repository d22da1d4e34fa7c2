package nats_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// The rights that docs/fleet.md names are enough, from making stream and consumer to the last ack.
func TestRights(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) {
		account := server.NewAccount("fleet")
		o.Accounts = []*server.Account{account}
		user := func(name string, publish ...string) *server.User {
			return &server.User{Username: name, Password: name, Account: account, Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: publish},
				Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
			}}
		}
		o.Users = []*server.User{
			user("edge", "gpu.>", "$JS.API.STREAM.INFO.GPULINE", "$JS.API.STREAM.CREATE.GPULINE"),
			user("hub", "$JS.API.CONSUMER.INFO.GPULINE.influxdb", "$JS.API.CONSUMER.CREATE.GPULINE.influxdb",
				"$JS.API.CONSUMER.DURABLE.CREATE.GPULINE.influxdb", "$JS.API.CONSUMER.MSG.NEXT.GPULINE.influxdb", "$JS.ACK.GPULINE.influxdb.>"),
		}
	})
	s.EnableJetStream("fleet")
	here := run(t, new(collector), edge("n1", s.URL(), `
encoding = "record"
jetstream = true
stream = { create = true }
user = "edge"
password = "edge"`))
	here.wait(500)
	here.stop()
	there := run(t, new(collector), hub(s.URL(), `
jetstream = true
stream = "GPULINE"
consumer = "influxdb"
ack_wait = "1s"
user = "hub"
password = "hub"`, ""))
	want := len(here.collector.sorted())
	there.wait(want)
	l := there.stop()
	if delivered, dropped := counts(l, "outputs.collector"); delivered != uint64(want) || dropped != 0 {
		t.Errorf("%s, want %d", l.String(), want)
	}
	// A second hub gets nothing: all is acknowledged.
	again := run(t, new(collector), hub(s.URL(), `
jetstream = true
stream = "GPULINE"
consumer = "influxdb"
user = "hub"
password = "hub"`, ""))
	quiet(t, again)
}
