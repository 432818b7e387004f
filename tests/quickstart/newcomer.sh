#!/bin/bash
# SPDX-License-Identifier: MIT
# A clean clone where a newcomer may put it and where nobody of us works: in a path with blanks and letters that are not
# ASCII, with umask 077, in a dumb terminal, in foreign locales, and (as root) without Python. Needs localedef's sources
# (Debian: locales) and all that the tests need.
#
#     newcomer.sh     from anywhere; the last line is "N passed, N failed, N skipped"
set -u

source=$(cd "$(dirname "$0")/../.." && pwd) || exit
work=$(mktemp -d "${TMPDIR:-/tmp}/newcomer.XXXXXX") || exit
passed=0 failed=0 skipped=0
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# result NAME STATUS: with what was said in $work/said.
result() {
	if [ "$2" = 0 ]; then
		echo "PASS: $1"
		passed=$((passed + 1))
	else
		grep -av '^PASS: ' "$work/said" | tail -n 60
		echo "FAIL: $1"
		failed=$((failed + 1))
	fi
}

# tests NAME COMMAND...: it runs tests, of which some passed and none failed.
tests() {
	local name=$1
	shift
	"$@" >"$work/said" 2>&1 && grep -aq '^# PASS:  *[1-9]' "$work/said" && ! grep -aq '^# FAIL:  *[1-9]' "$work/said"
	result "$name" $?
}

export LOCPATH=$work/locales TERM=dumb CRITERION_JOBS=${CRITERION_JOBS-8} CFLAGS=-O1
mkdir "$LOCPATH"
for locale in tr_TR ja_JP de_DE; do
	localedef -i $locale -f UTF-8 "$LOCPATH/$locale.UTF-8" >"$work/said" 2>&1 # its warnings are not ours
	LC_ALL=$locale.UTF-8 locale charmap 2>/dev/null | grep -qx UTF-8
	result "the locale $locale.UTF-8 is made" $?
done

umask 077
place="$work/a path with blänks"
git clone -q "$source" "$place" && cd "$place" || exit
some='tests/unit/unit tests/launcher/launcher tests/layers/layers.test'
all="$some tests/docs/docs.test tests/demo/demo.test"
# And only the programs that these need: the others take a minute to build.
programs='tests/unit/unit tests/launcher/launcher tests/launcher/bare tests/behaviour/tester tests/behaviour/static_writer tests/peers/serve'
only="check_PROGRAMS=${programs// /\\ } check_DATA="
export MAKEFLAGS=$only
MAKEFLAGS="$only TESTS=${all// /\\ }" LC_ALL=tr_TR.UTF-8 ./quickstart check >"$work/said" 2>&1
result 'quickstart check: a path with blanks, umask 077, a dumb terminal, Turkish' $?
LC_ALL=C grep -q "$(printf '[\033\r]')" "$work/said"
result 'and plain lines' $((! $?))
grep -q '^# PASS:  *[1-9][0-9][0-9]' "$work/said"
result 'and hundreds of tests passed' $?

cd build || exit
for locale in tr_TR ja_JP de_DE; do
	tests "make check in $locale" env LC_ALL=$locale.UTF-8 make -s check TESTS="$some"
done

# Whatever is called Python is an empty file, which cannot be run.
pythons=$(for name in python3 python; do type -ap $name; done | sort -u)
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
	# shellcheck disable=SC2016,SC2086 # for the inner sh; words
	tests 'make check without Python' unshare --mount sh -c '
		make="make -s check PYTHON="; tests=$1; shift
		for python; do mount --bind /dev/null "$(readlink -f "$python")" || exit; done
		! python3 -c "" 2>/dev/null && $make TESTS="$tests"' sh "$some tests/docs/docs.test tests/quickstart/quickstart.test" $pythons
	grep -q '^SKIP: .*python3' "$work/said"
	result 'and says what is skipped for want of it' $?
else
	echo 'SKIP: without Python: it takes root, or a system that lets users mount'
	skipped=$((skipped + 1))
fi

printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
exit $((failed > 0))
