#!/bin/sh
# Tells systemd of the unit. An upgrade restarts an agent that runs; a first install starts none, since
# nobody has looked at the configuration yet. dpkg says "configure" and the version before, rpm the
# number of versions there are.
set -e
upgrade=no
case "$1" in
configure) [ -z "$2" ] || upgrade=yes ;;
1) ;;
*) upgrade=yes ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	[ $upgrade = no ] || systemctl try-restart gpuline.service
fi
if [ $upgrade = no ]; then
	echo "gpuline: look at /etc/gpuline/gpuline.toml, then: systemctl enable --now gpuline"
fi
