#!/bin/sh
# SPDX-License-Identifier: MIT
# The flags that distributions and people build with: each builds without a warning, gives a library that takes nothing
# more of a libc than src/base/optional.h lists, and that limits a send.
#
#     builds.sh FOLDER [NAME...]    the builds of that name alone
#
# From the environment: SNDTIMEO_TEST_SRCDIR, and COMPILERS (else those of gcc-12, gcc-13, gcc-14, gcc and clang that are
# there; each goes through all flags).
set -u

folder=${1:?FOLDER}
shift
only=$*
here=$SNDTIMEO_TEST_SRCDIR
passed=0 failed=0
# The library says what it thinks of settings that it does not know.
# shellcheck disable=SC2046 # words
unset $(env | sed -n 's/^\(SNDTIMEO_[A-Z_]*\)=.*/\1/p') nothing

undefined() {
	nm -D --undefined-only "$1" | awk '{ print $NF }' | sort
}

# What is wrong with the build in $work, if anything.
judge() {
	if ! (cd "$work" && "$here/configure" --enable-werror CC="$compiler" CFLAGS="$cflags" CPPFLAGS="$cppflags" LDFLAGS="$ldflags" &&
		make -j "$(nproc)") >"$work.log" 2>&1; then
		grep -E '(error|warning|undefined)' "$work.log" | head -n 5
		return
	fi
	undefined "$work/.libs/libsndtimeo.so" >"$work/undefined"
	# Compilers call more or fewer of these by themselves, so what counts is the list and not the plain build.
	new=$(comm -23 "$work/undefined" "$folder/optional" | xargs)
	[ -z "$new" ] || echo "takes $new"
	said=$(env -u LD_PRELOAD timeout 20 "$work/sndtimeo" -s 1 --log off -- "$folder/stalls")
	case $said in
	"110 "*) ;;
	*) echo "a send that stalls: $said" ;;
	esac
}

# build NAME CFLAGS [CPPFLAGS [LDFLAGS]]
build() {
	name=$compiler:$1 cflags=$2 cppflags=${3-} ldflags=${4-}
	case " ${only:-$1} " in *" $1 "*) ;; *) return ;; esac
	work=$folder/$(printf %s "$name" | tr ':/ ' '---')
	rm -rf "$work" && mkdir "$work" || exit
	wrong=$(judge)
	if [ "$wrong" ]; then
		echo "FAIL: builds: $name"
		printf '%s\n' "$wrong" | sed 's/^/    /'
		failed=$((failed + 1))
	else
		echo "PASS: builds: $name"
		passed=$((passed + 1))
	fi
	rm -rf "$work"
}

mkdir -p "$folder" || exit
folder=$(cd "$folder" && pwd)
cc -o "$folder/stalls" "$here/tests/launcher/musl.c" || exit
sed -n 's/^__asm__(".weak //p; s/^ *"\.weak //p' "$here/src/base/optional.h" | tr -cs 'A-Za-z_' '\n' | sort -u >"$folder/optional"
for compiler in ${COMPILERS-gcc-12 gcc-13 gcc-14 gcc clang}; do
	command -v "$compiler" >/dev/null || continue
	build plain '-g -O2'
	build O0 '-g -O0'
	build O2 '-O2'
	build O3 '-O3'
	build Os '-Os'
	case $compiler in
	clang*) lto='-O2 -flto=auto' ;;
	*) lto='-O2 -flto=auto -ffat-lto-objects' ;;
	esac
	build lto "$lto" '' '-flto=auto'
	build fortify2 '-O2 -D_FORTIFY_SOURCE=2'
	build fortify3 '-O2 -Wp,-D_FORTIFY_SOURCE=3'
	build fortify2-cpp '-O2' '-D_FORTIFY_SOURCE=2'
	build fortify3-cpp '-O2' '-D_FORTIFY_SOURCE=3'
	build cet '-O2 -fcf-protection'
	build lto-fortify3 '-O2 -flto=auto -D_FORTIFY_SOURCE=3 -fstack-protector-strong' '' '-flto=auto'
	if command -v dpkg-buildflags >/dev/null; then
		DEB_BUILD_MAINT_OPTIONS=hardening=+all
		export DEB_BUILD_MAINT_OPTIONS
		build hardening "$(dpkg-buildflags --get CFLAGS)" "$(dpkg-buildflags --get CPPFLAGS)" "$(dpkg-buildflags --get LDFLAGS)"
	fi
done
printf 'Testsuite summary for builds\n# PASS: %d\n# FAIL: %d\n# SKIP: 0\n' $passed $failed
exit $((failed > 0 || passed == 0))
