#!/bin/sh
# Tells systemd that the unit has gone. `apt-get purge` removes what the agent has queued, too. The user
# stays: files elsewhere may belong to it.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
if [ "$1" = purge ]; then
	rm -rf /var/lib/gpuline
fi
