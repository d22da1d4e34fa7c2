package pipeline

import (
	"hash/fnv"
	"time"
)

// phase returns the instant of each interval at which an output of a host delivers. The windows of all hosts end
// together, so that results can be compared; a fleet that delivered them together, too, would meet its server once
// a window and leave it idle in between. The instant comes from the names alone: it is the same after a restart, and
// spread evenly over hosts.
func phase(host, output string, interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	h := fnv.New64a()
	for _, s := range []string{host, "\x00", output} {
		_, _ = h.Write([]byte(s))
	}
	return time.Duration(h.Sum64() % uint64(interval))
}
