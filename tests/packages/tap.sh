# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For the tests of this folder, which are run as NAME.test TARBALL, in a folder of their own, $work, that is gone afterwards.

tarball=$(realpath "$1") || exit 1
work=$(mktemp -d "$PWD/packages-test.XXXXXX") || exit 1
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
LC_ALL=C
export LC_ALL
unset LD_PRELOAD MAKEFLAGS MAKELEVEL DESTDIR
number=0 failed=0

# check NAME COMMAND...: it has to succeed.
check() {
	number=$((number + 1))
	name=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		tail -n 30 "$work/log" | sed 's/^/# /'
	fi
}

# is NAME WANTED COMMAND...: its output, of errors, too, is that.
is() {
	number=$((number + 1))
	name=$1 wanted=$2
	shift 2
	got=$("$@" 2>&1)
	if [ "$got" = "$wanted" ]; then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		printf 'wanted: %s\ngot: %s\n' "$wanted" "$got" | sed 's/^/# /'
	fi
}

end() {
	echo "1..$number"
	[ $failed = 0 ]
}

# unpack FOLDER: the source, into $work/FOLDER.
unpack() {
	mkdir -p "$work/$1" && tar -xf "$tarball" -C "$work/$1" --strip-components=1
}
