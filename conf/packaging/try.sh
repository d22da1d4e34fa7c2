#!/bin/sh
# Installs the package for this host from bin/, runs the agent from its unit's command line as its user,
# and purges it. For a Debian machine that may be changed, such as CI's, as root.
set -eu
cd "$(dirname "$0")/../.."
say() { echo "packages: $*" >&2; }
fail() { say "$*" && exit 1; }

arch=$(dpkg --print-architecture)
deb=$(ls bin/gpuline_*_"$arch".deb)
[ ! -e /etc/gpuline ] && [ ! -e /usr/bin/gpuline ] || fail "gpuline is installed here already"

dpkg-deb -f "$deb" Package Version Architecture
dpkg -i "$deb"
trap 'dpkg --purge gpuline >/dev/null 2>&1 || true; userdel gpuline 2>/dev/null || true' EXIT
[ "$(stat -c '%a %U:%G' /etc/gpuline /etc/gpuline/gpuline.toml | tr '\n' ' ')" = "750 root:gpuline 640 root:gpuline " ] ||
	fail "/etc/gpuline has other rights: $(stat -c '%n %a %U:%G' /etc/gpuline /etc/gpuline/*)"

if command -v systemd-analyze >/dev/null; then
	found=$(systemd-analyze verify --man=no gpuline.service 2>&1 | grep gpuline || true)
	[ -z "$found" ] || fail "$found"
else
	say "systemd-analyze is missing: the unit is not verified"
fi

start=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/gpuline.service)
said=$(mktemp)
status=0
# shellcheck disable=SC2086 # the words of a command line
timeout -s TERM 3 setpriv --reuid gpuline --regid gpuline --clear-groups --no-new-privs $start \
	>/dev/null 2>"$said" || status=$?
[ $status = 124 ] || fail "$start ended by itself: $(cat "$said")"
tail -n 1 "$said" | grep -q '^ledger read=.* balance=ok$' || fail "$start: $(cat "$said")"
rm "$said"

echo '# changed' >>/etc/gpuline/gpuline.toml
dpkg -i "$deb" >/dev/null
tail -n 1 /etc/gpuline/gpuline.toml | grep -q '^# changed$' || fail "an upgrade loses the configuration"
dpkg --purge gpuline >/dev/null
[ ! -e /etc/gpuline ] || fail "a purge leaves $(find /etc/gpuline)"

if command -v rpm >/dev/null; then
	for file in bin/gpuline_*.rpm; do
		[ "$(rpm -qpc "$file")" = /etc/gpuline/gpuline.toml ] || fail "$file: $(rpm -qpc "$file")"
		rpm -qplv "$file" | grep -q '^-rw-r----- .* root  *gpuline .* /etc/gpuline/gpuline.toml$' ||
			fail "$file: $(rpm -qplv "$file")"
	done
else
	say "rpm is missing: its packages are not looked into"
fi
say "ok"
