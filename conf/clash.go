package conf

import (
	"fmt"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// claims notes where what only one instance may have was given.
type claims map[[2]string]string

// take claims a thing of a kind, or returns where it was taken.
func (c claims) take(kind, id string, in *instance) (first string, taken bool) {
	key := [2]string{kind, id}
	if first, taken = c[key]; !taken {
		c[key] = in.doc.where(in.path)
	}
	return first, taken
}

// alias reports an alias that another instance of the plugin has.
func (c claims) alias(at place, in *instance, alias string) {
	if alias == "" {
		return
	}
	id := pathID([]string{in.role.String(), in.name, alias})
	if first, taken := c.take("alias", id, in); taken {
		at.report(nil, sdk.Fault{Path: []string{"alias"}, Problem: fmt.Sprintf("%q is taken by the %s at %s", alias, singular(in.role), first)})
	}
}

// page reports a page on the agent's server that another plugin has.
func (c claims) page(at place, in *instance, config any) {
	pager, ok := config.(sdk.Pager)
	if !ok {
		return
	}
	key, path := pager.Page()
	if first, taken := c.take("page", path, in); taken {
		at.report(nil, sdk.Fault{
			Path: []string{key}, Problem: fmt.Sprintf("%s is the page of the %s at %s", path, singular(in.role), first),
			Remedy: "give each a path of its own",
		})
	}
}

// pagesWithoutAServer warns of plugins whose page nobody will serve.
func (b *builder) pagesWithoutAServer() {
	for _, in := range b.instances {
		if _, ok := in.config.(sdk.Pager); ok {
			in.place().warn(sdk.Fault{Problem: "cannot start: its page is on the agent's server, which is off", Remedy: `set [agent] http, such as http = "127.0.0.1:9445"`})
		}
	}
}

// folder reports a queue in the folder of another output's.
func (c claims) folder(at place, in *instance, disk string) {
	if disk == "" {
		return
	}
	if first, taken := c.take("folder", queue.Canonical(disk), in); taken {
		at.report(nil, sdk.Fault{
			Path: []string{"queue", "disk"}, Problem: fmt.Sprintf("is the folder of the output at %s", first), Remedy: "give each output a folder of its own",
		})
	}
}
