package natsclient

import (
	"context"
	"errors"
	"time"
)

// provePatience is how long a server that is in doubt may take to answer.
const provePatience = 2 * time.Second

// Doubt says that the server was asked for something and has not answered at all. A connection that carries
// nothing any more, though nobody has closed it, looks like that: the next Ready makes sure, and makes another one
// where nothing comes back. The client's own pings would find that out after half a minute.
func (k *Conn) Doubt() { k.doubtful = true }

// prove asks the server for an answer. It takes at most half of the time that there is.
func (k *Conn) prove(ctx context.Context) {
	k.doubtful = false
	patience := provePatience
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/2)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	nc := k.nc.Load()
	before := nc.Stats().InMsgs
	err := nc.FlushWithContext(limited)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil || nc.Stats().InMsgs != before {
		return
	}
	k.log.Warn("the server has not answered for long; another connection is made", "server", nc.ConnectedUrlRedacted())
	k.here.set(away)
	if err := nc.ForceReconnect(); err != nil {
		k.log.Debug("no new connection is made now", "err", err) // it is over, and Ready sees to it
	}
}
