#!/bin/sh
# Packs bin/gpuline-linux-ARCH* into bin/gpuline_VERSION_ARCH.deb and .rpm. `make packages` runs it.
#
#   conf/packaging/build.sh VERSION static|cgo
#
# VERSION is what `git describe` says: v1.2.0 becomes 1.2.0, v1.2.0-rc.1 becomes 1.2.0~rc.1 (which is
# older), v1.2.0-4-gabc becomes 1.2.0+4.gabc (newer), and abc, where there is no tag, 0.0.0+0.abc.
set -eu
cd "$(dirname "$0")/../.."
PACKAGE_VERSION=$(echo "$1" | sed -E \
	-e 's/^v//' \
	-e '/^[0-9]+\.[0-9]+/!s/^/0.0.0-0-/' \
	-e 's/-([0-9]+)-(g?[0-9a-z]+)/+\1.\2/' \
	-e 's/-dirty$/.dirty/' \
	-e '/\+/!s/\.dirty$/+dirty/' \
	-e 's/-/~/' -e 's/-/./g')
export PACKAGE_VERSION
# The same sources make the same packages, to the byte.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
case "$2" in
static) suffix=-static ;;
cgo) suffix= ;;
*) echo "build.sh: the second argument is static or cgo, not $2" >&2 && exit 2 ;;
esac
rm -f bin/gpuline_*.deb bin/gpuline_*.rpm
for ARCH in amd64 arm64; do
	export ARCH BINARY="bin/gpuline-linux-$ARCH$suffix"
	for packager in deb rpm; do
		bin/nfpm package -f conf/packaging/nfpm.yaml -p $packager \
			-t "bin/gpuline_${PACKAGE_VERSION}_$ARCH.$packager"
	done
done
