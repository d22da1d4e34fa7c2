package conf

import (
	"cmp"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// elsewhere says what to write in place of a key that other agents have, such as Telegraf and Vector.
var elsewhere = map[string]string{
	"include":     "name further files and folders with -c",
	"global_tags": "write [agent.tags]",
	"aggregators": "windows are processors: [[processors.average]], [[processors.peak]]",
	"sources":     "write [[inputs.NAME]]",
	"transforms":  "write [[processors.NAME]]",
	"sinks":       "write [[outputs.NAME]]",
	"rules":       "rules stand in [[processors.threshold]], as [[processors.threshold.rules]]",
	"data_dir":    "a queue on disk is an output's: queue = { disk = \"/var/lib/gpuline/NAME\" }",

	"namepass": "write filter = { metrics = [\"NAME\"] }", "namedrop": "write filter = { metrics = [\"!NAME\"] }",
	"fieldpass": "write filter = { fields = [\"NAME\"] }", "fielddrop": "write filter = { fields = [\"!NAME\"] }",
	"fieldinclude": "write filter = { fields = [\"NAME\"] }", "fieldexclude": "write filter = { fields = [\"!NAME\"] }",
	"tagpass": "write filter = { tags = { TAG = [\"VALUE\"] } }", "tagdrop": "write filter = { tags = { TAG = [\"!VALUE\"] } }",

	"metric_batch_size": "each output has its batch_size", "metric_buffer_limit": "each output has its queue = { max_bytes = \"16MB\" }",
	"flush_interval": "each output has its own", "flush_jitter": "an output's flush_interval differs from host to host already",
	"collection_jitter": "each input has its jitter", "omit_hostname": "the tag host is on every metric",
	"debug": "write log_level = \"debug\"", "quiet": "write log_level = \"error\"", "logfile": "messages go to standard error",

	"organization": "write org = \"NAME\"", "servers": "write urls = [\"nats://HOST:4222\"]",
	"[[outputs.prometheus]] listen": ownServer, "[[outputs.prometheus]] port": ownServer, "[[outputs.prometheus]] address": ownServer,
	"tls_ca": "write tls = { ca = \"FILE\" }", "tls_cert": "write tls = { cert = \"FILE\", key = \"FILE\" }", "tls_key": "write tls = { cert = \"FILE\", key = \"FILE\" }",

	"scrape_interval": "write interval = \"15s\"", "gpus": "write devices = [\"0\", \"1\"]",
	"expr": "write when = \"CONDITION\"", "labels": "write tags = { NAME = \"VALUE\" }",
	"tags": "tags stand in [agent.tags], or with an input", "interval": "inputs have one; an output has its flush_interval, a window its period",
}

const ownServer = "the page is on the agent's server: write [agent] http = \"HOST:PORT\""

const allKeys = "`gpuline plugins docs` lists the keys"

// known adds to the fault of an unknown key what it is called here, where nothing nearer is known.
func known(heading string, f sdk.Fault) sdk.Fault {
	if n := len(f.Path); f.Problem == unknownKey && n > 0 && !strings.HasPrefix(f.Remedy, "did you mean") && !strings.HasPrefix(f.Remedy, "it belongs under") {
		f.Remedy = cmp.Or(elsewhere[heading+" "+f.Path[n-1]], elsewhere[f.Path[n-1]], f.Remedy, allKeys)
	}
	return f
}

// meantRole reports whether a key at the top was meant for a table of a role.
func meantRole(key string, role sdk.Role) bool {
	switch key {
	case "sources":
		return role == sdk.RoleInput
	case "sinks":
		return role == sdk.RoleOutput
	}
	return sdk.Nearest(key, rootKeys) == role.String()
}
