#!/bin/sh
# SPDX-License-Identifier: MIT
# CPython's own tests, bare and under the library: each must have the same outcome. Every run has a network of its own.
#
#     cpython.sh [TEST...]    as in python3 -m test TEST...
#
# From the environment: PYTHONS, the interpreters (make check-cpython: the one that configure found), and
# SNDTIMEO_TEST_LIBRARY.
set -u

here=$(cd "$(dirname "$0")" && pwd) || exit 1
[ $# -gt 0 ] || set -- test_socket test_ssl test_httplib
passed=0 failed=0 skipped=0
# Longer than any of the suites takes in all.
limit_s=900
# How often both are run again that did not agree.
again=5
modes='inert cap replace'
library=${SNDTIMEO_TEST_LIBRARY-}
instrumented=${SNDTIMEO_TEST_PRELOAD_FIRST-}
# The library would tell every Python that it knows none of these.
# shellcheck disable=SC2046 # words
unset $(env | sed -n 's/^\(SNDTIMEO_[A-Z_]*\)=.*/\1/p') nothing

# Tests that assert a timeout of CPython's own while it sends, which replace is there to replace. sendfile() goes on
# after its 10 ms, until the peer, who reads no more, is gone a second later.
on_purpose() {
	[ "$1 $2" = 'replace test.test_socket.SendfileUsingSendfileTest.testWithTimeoutTriggeredSend' ]
}

sum() {
	printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
	exit $((failed > 0))
}

skip() {
	echo "SKIP: cpython: $*"
	skipped=$((skipped + 1))
}

environment() {
	case $1 in
	bare) ;;
	inert) echo "LD_PRELOAD=$library" ;;
	*) echo "LD_PRELOAD=$library SNDTIMEO_CONNECT=10 SNDTIMEO_SEND=30 SNDTIMEO_POLICY=$1" ;;
	esac
}

# run MODE NAME ARGUMENT...: run tests of $python in a folder of their own; the outcomes go to $work/NAME.xml.
run() {
	mode=$1 name=$2
	shift 2
	mkdir -p "$work/tmp.$name"
	# shellcheck disable=SC2046 # words
	set -- $(environment "$mode") "TMPDIR=$work/tmp.$name" "$python" -m test --timeout 180 \
		--junit-xml "$work/$name.xml" "$@"
	# shellcheck disable=SC2016,SC2086 # for the inner sh; words
	(cd "$work/tmp.$name" &&
		exec timeout -k 10 $limit_s $namespace sh -c 'ip link set lo up && exec env "$@"' sh "$@") \
		>"$work/$name.log" 2>&1 </dev/null &
	echo $! >"$work/$name.pid"
	wait $!
	rm "$work/$name.pid"
}

outcomes() {
	"$python" "$here/outcomes.py" "$@"
}

# of TEST MODE: its outcomes.
of() {
	grep "^$1 " "$work/$2.outcomes" | cut -d ' ' -f 2 | xargs
}

# repeats MODE TEST: whether the test, run again, still has an outcome that it never has bare.
repeats() {
	suite=${2#test.} suite=${suite%%.*}
	rm -f "$work"/again.*.xml
	i=0
	while [ $((i += 1)) -le $again ]; do
		run bare again.bare.$i -m "$2" "$suite"
		run "$1" "again.$1.$i" -m "$2" "$suite"
	done
	for name in bare "$1"; do
		for file in "$work/again.$name".*.xml; do
			[ ! -s "$file" ] || outcomes "$file"
		done >"$work/again.$name"
	done
	grep "^$2 " "$work/bare.outcomes" >>"$work/again.bare"
	# Where a run did not end, or had no such test, the difference stands.
	[ "$(wc -l <"$work/again.$1")" -lt $again ] || grep -vqxFf "$work/again.bare" "$work/again.$1"
}

# compare MODE: the outcomes of a mode with those of the bare runs.
compare() {
	differing=
	both=$(cat "$work/bare.outcomes" "$work/$1.outcomes" | sort | uniq -d)
	same=$(printf '%s\n' "$both" | grep -c ' [pf]a[a-z]*$')
	skips=$(printf '%s\n' "$both" | grep -c ' skipped$')
	for test in $(cat "$work/bare.outcomes" "$work/$1.outcomes" | sort | uniq -u | cut -d ' ' -f 1 | uniq); do
		if on_purpose "$1" "$test"; then
			differing="$differing    $test: differs on purpose\n"
			same=$((same + 1))
		elif repeats "$1" "$test"; then
			failed=$((failed + 1))
			differing="$differing    $test: $(of "$test" bare) bare, $(of "$test" "$1") here\n"
		else
			differing="$differing    $test: differed once, and not in $again runs again\n"
			same=$((same + 1))
		fi
	done
	passed=$((passed + same)) skipped=$((skipped + skips))
	printf '%s, %s: %d the same, %d skipped in both\n%b' "$python" "$1" "$same" "$skips" "$differing"
}

check() {
	if ! command -v "$python" >/dev/null; then
		skip "there is no $python"
		return
	elif ! "$python" -c 'from importlib import util; exit(not util.find_spec("test.test_socket"))' 2>/dev/null; then
		skip "$python has no test package (Debian: libpython3-testsuite)"
		return
	fi
	rm -rf "${work:?}"/*
	for mode in bare $modes; do
		# VSOCK has no namespaces: the one port that is used is the whole machine's. Not beside -m: Pythons before
		# 3.13 heed one of both.
		run "$mode" "$mode" --ignore '*VSOCK*' "$@" &
	done
	wait
	for mode in bare $modes; do
		if [ -s "$work/$mode.xml" ]; then
			outcomes "$work/$mode.xml" >"$work/$mode.outcomes"
		elif [ "$mode" = bare ]; then
			tail -n 40 "$work/bare.log"
			skip "the tests of $python do not end, bare"
			return
		fi
	done
	for mode in $modes; do
		if [ -f "$work/$mode.outcomes" ]; then
			compare "$mode"
		else
			failed=$((failed + 1))
			echo "$python, $mode: the tests do not end, which they do bare"
			tail -n 40 "$work/$mode.log" | sed 's/^/    /'
		fi
	done
}

namespace='unshare -n'
$namespace true 2>/dev/null || namespace='unshare -rn'
# shellcheck disable=SC2086 # words
if [ -z "${PYTHONS-}" ]; then
	skip 'there is no python3'
	sum
elif [ -n "$instrumented" ]; then
	skip 'a Python without a sanitizer cannot load a library with one'
	sum
elif ! $namespace sh -c 'ip link set lo up' 2>/dev/null; then
	skip 'no network namespace may be made here'
	sum
fi
work=$(mktemp -d) || exit 1
trap 'cat "$work"/*.pid 2>/dev/null | xargs -r kill; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
for python in $PYTHONS; do
	check "$@"
done
sum
