#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as it was built here beside the libc of Debian 11 (glibc 2.31), in which libpthread and libdl are libraries
# of their own; and the command, built there. As root, because debootstrap needs that.
#
#     debian11.sh FOLDER    where Debian 11 is, or is put: some 450 MB
#
# From the environment: SNDTIMEO_TEST_SRCDIR, SNDTIMEO_TEST_LIBRARY, and DEBIAN_MIRROR (else the one that apt uses).
set -u

root=${1:?FOLDER}
here=$SNDTIMEO_TEST_SRCDIR library=$SNDTIMEO_TEST_LIBRARY
passed=0 failed=0 skipped=0 seconds=300
# The library says what it thinks of settings that it does not know.
# shellcheck disable=SC2046 # words
unset $(env | sed -n 's/^\(SNDTIMEO_[A-Z_]*\)=.*/\1/p') nothing

sum() {
	printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
	exit $((failed > 0))
}

skip() {
	echo "SKIP: debian11: $*"
	skipped=$((skipped + 1))
	sum
}

# inside COMMAND...: in Debian 11, in a network of its own, for so many seconds at most.
inside() {
	# shellcheck disable=SC2016 # for the inner sh
	timeout -k 5 $seconds unshare --net --mount --pid --fork --kill-child sh -c '
		mount -t proc proc "$0/proc" && ip link set lo up && chroot "$0" "$@"; exit' \
		"$root" sh -c 'cd /sndtimeo && "$@"; exit' sh "$@" 2>&1 </dev/null
}

# check NAME PATTERN COMMAND...: what the command says, in a line, is as an extended regular expression.
check() {
	name=$1 pattern=$2
	shift 2
	said=$(inside "$@" | tr '\n' ' ')
	if printf '%s\n' "$said" | grep -Eq "$pattern"; then
		echo "PASS: debian11: $name"
		passed=$((passed + 1))
	else
		echo "FAIL: debian11: $name: $said"
		failed=$((failed + 1))
	fi
}

# limited NAME PATTERN SETTING... PROGRAM...: the same under the library.
limited() {
	name=$1 pattern=$2
	shift 2
	check "$name" "$pattern" env LD_PRELOAD=/sndtimeo/libsndtimeo.so SNDTIMEO_LOG=stderr "$@"
}

[ "$(id -u)" = 0 ] || skip 'it takes root'
if [ ! -e "$root/sndtimeo/made" ]; then
	command -v debootstrap >/dev/null || skip 'there is no debootstrap'
	mirror=${DEBIAN_MIRROR-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)}
	echo "debootstrap to $root"
	# shellcheck disable=SC2086 # none, or one
	timeout 600 debootstrap --variant=minbase --include=gcc,libc6-dev,python3-minimal bullseye "$root" $mirror \
		>"$root.log" 2>&1 || skip "debootstrap does not come to an end: $root.log"
	mkdir -p "$root/sndtimeo"
	: >"$root/sndtimeo/made"
fi
for folder in src tests; do
	rm -rf "${root:?}/sndtimeo/$folder"
done
mkdir "$root/sndtimeo/src" "$root/sndtimeo/tests"
cp -r "$here"/src/* "$root/sndtimeo/src"
cp -r "$here/tests/launcher" "$here/tests/foreign" "$root/sndtimeo/tests"
cp "$library" "$root/sndtimeo/libsndtimeo.so"
# A command reads the settings of a library of its own version only.
version=$(sed -n 's/^AC_INIT(\[sndtimeo\], \[\(.*\)\])$/\1/p' "$here/configure.ac")
cat >"$root/sndtimeo/config.h" <<EOF
#define PACKAGE_VERSION "$version"
#define PACKAGE_STRING "sndtimeo $version"
EOF

# Programs with nothing but libc, with libpthread, and a library without DT_GNU_HASH.
check 'programs are built' '^$' sh -c '
	gcc -O2 -o plain tests/launcher/musl.c &&
	gcc -O2 -o threaded tests/launcher/musl.c -Wl,--no-as-needed -lpthread &&
	echo "int nothing;" | gcc -shared -fPIC -Wl,--hash-style=sysv -o oldhash.so -x c -'
check 'the command is built, of the sources that the Makefile gives it' '^$' sh -c '
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -U_FORTIFY_SOURCE -ffunction-sections -fdata-sections -Wl,--gc-sections \
		-I. -iquote src -DBUILD_DIR="\"/nowhere\"" -DLIBRARY_DIR="\"/sndtimeo\"" -o sndtimeo src/command/*.c src/outside/*.c \
		src/base/[!l]*.c src/limits/*.c src/tell/*.c src/connection/*.c'
check 'the library is built' '^$' sh -c '
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -U_FORTIFY_SOURCE -fPIC -shared -fvisibility=hidden -ftls-model=initial-exec \
		-I. -iquote src -include src/base/optional.h -nostdlib -Wl,-z,now -Wl,-Bsymbolic-functions -o built.so \
		src/preload/*.c src/base/*.c src/limits/*.c src/tell/*.c src/connection/*.c src/calls/*.c -lgcc'

seconds=60
stalled='(9[5-9][0-9]|1[0-9][0-9][0-9])'
limited 'nothing set, nothing said' '^hello $' echo hello
limited 'a send stalls, without libpthread' "plain\[[0-9]+\]: send to .* timed out after 1.*110 $stalled $" SNDTIMEO_SEND=1 ./plain
limited 'a send stalls, with libpthread' "threaded\[[0-9]+\]: send to .* timed out after 1.*110 $stalled $" SNDTIMEO_SEND=1 ./threaded
limited 'a send stalls, with an old hash table and no dlsym()' "timed out after 1.*110 $stalled $" \
	LD_PRELOAD='/sndtimeo/libsndtimeo.so /sndtimeo/oldhash.so' SNDTIMEO_SEND=1 ./plain
limited 'a send stalls, under the library that is built there' "timed out after 1.*110 $stalled $" \
	LD_PRELOAD=/sndtimeo/built.so SNDTIMEO_SEND=1 ./plain
scene='python3 tests/foreign/debian11.py'
# shellcheck disable=SC2086 # words
{
	limited 'connect()' 'connect to .* timed out after 1.*[^0-9][12]\.[0-9]* True TimeoutError 110 $' SNDTIMEO_CONNECT=1 $scene connect
	limited 'connect() with a timeout of the program' 'timed out after 1.*[^0-9][12]\.[0-9]* True TimeoutError 110 $' \
		SNDTIMEO_CONNECT=1 $scene connect-with-timeout
	limited 'connect() that does not block' 'timed out after 1.*[^0-9][12]\.[0-9]* True TimeoutError 110 $' \
		SNDTIMEO_CONNECT=1 $scene connect-and-poll
	limited 'sendall()' 'send to .* timed out after 1.*[^0-9][12]\.[0-9]* TimeoutError 110 $' SNDTIMEO_SEND=1 $scene stall
	limited 'sendall() with a timeout of the program' 'send to .* timed out after 2.*[^0-9][2-4]\.[0-9]* timeout None $' \
		SNDTIMEO_SEND=2 $scene stall-with-timeout
	limited 'a slow upload beyond a timeout of the program' '^[2-6]\.[0-9]* done $' SNDTIMEO_SEND=2 $scene slow
}
check 'a slow upload, bare' 'timeout None $' $scene slow
check 'the command runs a program' "timed out after 1.*110 $stalled $" ./sndtimeo -s 1 ./plain
check 'the command checks one' 'plain.* can be limited' ./sndtimeo --check ./plain
# shellcheck disable=SC2016 # for the inner sh
check 'the command tells of one' 'send=30s.*127\.0\.0\.1:[0-9]+' sh -c '
	./sndtimeo -s 30 ./plain & sleep 2; ./sndtimeo --status $!; kill $!'
sum
