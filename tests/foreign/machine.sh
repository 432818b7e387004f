#!/bin/sh
# SPDX-License-Identifier: MIT
# Run a command in a fresh Debian of another release or processor, in a copy of this source, with all that README's commands
# need and no network but its own. As root, because debootstrap needs that.
#
#     machine.sh FOLDER SUITE ARCHITECTURE COMMAND...    FOLDER is made, some 700 MB, or used again
#
#     machine.sh /tmp/debian13 trixie amd64 ./quickstart check
#     machine.sh /tmp/i386 bookworm i386 env CPPFLAGS='-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64' ./quickstart check
#
# From the environment: DEBIAN_MIRROR (else the one that apt uses).
set -u

root=${1:?FOLDER} suite=${2:?SUITE} architecture=${3:?ARCHITECTURE}
shift 3
here=$(cd "$(dirname "$0")/../.." && pwd)
packages=autoconf,automake,ca-certificates,curl,gcc,git,iproute2,libc6-dev,libcriterion-dev,libtool,make,openssl,pkgconf,procps,python3,python3-requests,strace

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
	echo 'machine.sh: it takes root and debootstrap' >&2
	exit 125
fi
if [ ! -e "$root/made" ]; then
	mirror=${DEBIAN_MIRROR-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)}
	echo "debootstrap to $root"
	rm -rf "${root:?}"
	# shellcheck disable=SC2086 # none, or one
	if ! timeout 600 debootstrap --variant=minbase --arch="$architecture" --include="$packages" "$suite" "$root" $mirror \
		>"$root.log" 2>&1; then
		tail -n 20 "$root.log" >&2
		echo 'machine.sh: debootstrap does not come to an end' >&2
		exit 125
	fi
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	: >"$root/made"
fi
rm -rf "${root:?}/sndtimeo" && mkdir "$root/sndtimeo" || exit
# What is not under git is left behind, above all what was built here.
(cd "$here" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T - -f -) | tar -x -C "$root/sndtimeo" || exit
bits=linux64
[ "$architecture" != i386 ] || bits=linux32
# shellcheck disable=SC2016 # for the inner sh
exec unshare --net --mount --pid --fork --kill-child sh -c '
	mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && mount -t devtmpfs devtmpfs "$0/dev" &&
		mount -t tmpfs tmpfs "$0/dev/shm" && mount -t devpts devpts "$0/dev/pts" && ip link set lo up && exec chroot "$0" "$@"' \
	"$root" "$bits" sh -c 'cd /sndtimeo && exec "$@"' sh "$@"
