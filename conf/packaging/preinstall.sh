#!/bin/sh
# Makes the user that the agent runs as, before the files that it owns are unpacked.
set -e
getent group gpuline >/dev/null || groupadd --system gpuline
getent passwd gpuline >/dev/null || useradd --system --gid gpuline --no-create-home \
	--home-dir /var/lib/gpuline --shell /usr/sbin/nologin --comment "gpuline agent" gpuline
