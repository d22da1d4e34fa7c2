#!/bin/sh
# Stops the agent when the package goes for good: dpkg says "remove", rpm that no version is left.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now gpuline.service || true
	fi
	;;
esac
