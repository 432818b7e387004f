#!/bin/sh
# SPDX-License-Identifier: MIT
# What was built for other machines: that it builds without a warning, exports and takes the names that it should
# (tests/libc/names.py), passes the unit tests, under qemu-user where it is of another processor, and, where a Debian of
# that machine can be unpacked (root, debootstrap), limits an upload of Python's requests there.
#
#     foreign.sh FOLDER [MACHINE...]    FOLDER keeps the builds and the Debians, some 300 MB each
#
# From the environment: SNDTIMEO_TEST_SRCDIR, PYTHON, and DEBIAN_MIRROR (else the one that apt uses).
set -u

folder=${1:?FOLDER}
shift
[ $# -gt 0 ] || set -- arm64 riscv64 s390x armhf armhf-time64 i386 i386-time64 musl
here=$SNDTIMEO_TEST_SRCDIR
passed=0 failed=0 skipped=0
time64='-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64'

say() { # RESULT NAME
	echo "$1: foreign: $2"
	case $1 in
	PASS) passed=$((passed + 1)) ;;
	FAIL) failed=$((failed + 1)) ;;
	*) skipped=$((skipped + 1)) ;;
	esac
}

# judge NAME COMMAND...: what it says is kept, and shown if it fails.
judge() {
	name=$1
	shift
	if "$@" >"$folder/$machine.log" 2>&1; then
		say PASS "$machine: $name"
	else
		say FAIL "$machine: $name"
		tail -n 30 "$folder/$machine.log" | sed 's/^/    /'
		return 1
	fi
}

build() {
	rm -rf "${folder:?}/$machine" && mkdir "$folder/$machine" && cd "$folder/$machine" || return
	# shellcheck disable=SC2086 # words
	$cc -std=gnu11 -Wall -Wextra -Werror -O2 -c -o criterion.o "$here/tests/foreign/criterion.c" &&
		"$here/configure" --host="$host" --enable-werror CC="$cc" CFLAGS='-g -O2 -fstack-protector-strong' \
			CPPFLAGS="$cppflags" CRITERION_CFLAGS="-I$here/tests/foreign" CRITERION_LIBS="$PWD/criterion.o" &&
		make -j "$(nproc)" && make -j "$(nproc)" tests/unit/unit
}

# What cannot pass there: qemu-user has no MADV_WIPEONFORK and no RLIMIT_AS; and /bin/sh is this machine's.
cannot_there='reach::this_machines_programs rules::without_memory summary::fork_child_starts_with_nothing summary::vfork_child_cannot_claim'

# Without an emulator the processor does it by itself.
unit() {
	cd "$folder/$machine" || return
	$emulator tests/unit/unit >unit.log
	cat unit.log
	wrong=$(sed -n 's/^not ok [0-9]* - //p' unit.log)
	cannot=$cannot_there
	[ "$emulator" ] || cannot=reach::this_machines_programs
	# musl writes ::192.0.2.7 as ::c000:207.
	[ "$machine" != musl ] || cannot=destination::text
	for one in $wrong; do
		case " $cannot " in
		*" $one "*) ;;
		*) return 1 ;;
		esac
	done
	grep -q '^1\.\.' unit.log && echo "$(grep -c '^ok' unit.log) passed; as expected there, not: $(echo $wrong)"
}

names() {
	symbols=$folder/$machine/src/preload/exported.sym
	[ -e "$symbols" ] || symbols=$here/src/preload/libsndtimeo.sym
	SNDTIMEO_TEST_SYMBOLS=$symbols SNDTIMEO_TEST_LIBRARY=$folder/$machine/.libs/libsndtimeo.so \
		SNDTIMEO_TEST_INSTRUMENTED=no CC="$cc" "$PYTHON" -B "$here/tests/libc/names.py"
}

# Unpacked is enough for Python: nothing of it has to be set up.
unpack() {
	[ ! -e "$root/unpacked" ] || return 0
	mirror=${DEBIAN_MIRROR-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)}
	rm -rf "${root:?}"
	# shellcheck disable=SC2086 # none, or one
	timeout 600 debootstrap --foreign --variant=minbase --arch="$machine" --include=python3,python3-requests trixie \
		"$root" $mirror || return
	for package in "$root"/var/cache/apt/archives/*.deb; do
		dpkg-deb -x "$package" "$root" || return
	done
	# requests does not start without, and a package makes it when it is set up.
	cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt" || return
	: >"$root/unpacked"
}

smoke() {
	# The library says what it thinks of settings that it does not know.
	# shellcheck disable=SC2046 # words
	cp "$(command -v "${emulator%% *}")" "$root/emulator" && cp "$folder/$machine/.libs/libsndtimeo.so" "$root/" &&
		timeout 700 env $(env | sed -n 's/^\(SNDTIMEO_[A-Z_]*\)=.*/-u \1/p') unshare --net sh -c 'ip link set lo up && exec "$@"' sh "$PYTHON" -B "$here/tests/foreign/smoke.py" \
			chroot "$root" /emulator
}

check() {
	host=$1 emulator=$2 cppflags=$3
	: "${cc:=$host-gcc}"
	if ! command -v "${cc%% *}" >/dev/null; then
		say SKIP "$machine: there is no ${cc%% *}"
		return
	fi
	judge 'builds without a warning' build || return
	judge 'names' names
	if [ "$emulator" ] && ! command -v "${emulator%% *}" >/dev/null; then
		say SKIP "$machine: there is no ${emulator%% *} (Debian: qemu-user-static)"
		return
	fi
	judge 'unit tests' unit && echo "    $(tail -n 1 "$folder/$machine.log")"
	case $machine in
	arm64 | riscv64) ;;
	*) return ;;
	esac
	if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
		say SKIP "$machine: a Debian of it takes root and debootstrap"
		return
	fi
	root=$folder/$machine.root
	judge 'Debian is unpacked' unpack && judge 'uploads of requests' smoke && sed 's/^/    /' "$folder/$machine.log"
}

mkdir -p "$folder" || exit
folder=$(cd "$folder" && pwd)
for machine; do
	began=$(date +%s)
	cc=
	case $machine in
	arm64) check aarch64-linux-gnu 'qemu-aarch64-static -L /usr/aarch64-linux-gnu' '' ;;
	riscv64) check riscv64-linux-gnu 'qemu-riscv64-static -L /usr/riscv64-linux-gnu' '' ;;
	s390x) check s390x-linux-gnu 'qemu-s390x-static -L /usr/s390x-linux-gnu' '' ;;
	armhf) check arm-linux-gnueabihf 'qemu-arm-static -L /usr/arm-linux-gnueabihf' '' ;;
	armhf-time64) check arm-linux-gnueabihf 'qemu-arm-static -L /usr/arm-linux-gnueabihf' "$time64" ;;
	i386 | i386-time64)
		# Debian's gcc-multilib, which would say where these headers are, cannot be installed beside cross compilers.
		cc="gcc -m32 -idirafter /usr/include/$(gcc -print-multiarch)"
		[ "$machine" = i386 ] && time64_or_not='' || time64_or_not=$time64
		if echo 'int main(void) { return 0; }' | $cc -x c -o /dev/null - 2>/dev/null; then
			check i686-linux-gnu '' "$time64_or_not"
		else
			say SKIP "$machine: gcc cannot do 32 bits (Debian: gcc-12-multilib)"
		fi
		;;
	musl)
		# The kernel's headers are behind glibc's.
		cc="musl-gcc -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)"
		check "$(uname -m)-linux-musl" '' ''
		;;
	*)
		echo "foreign.sh: there is no $machine" >&2
		exit 2
		;;
	esac
	echo "    $(($(date +%s) - began)) s"
done
printf 'Testsuite summary for foreign machines\n# PASS: %d\n# FAIL: %d\n# SKIP: %d\n' $passed $failed $skipped
exit $((failed > 0))
