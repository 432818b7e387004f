#!/bin/sh
# SPDX-License-Identifier: MIT
# Whether sndtimeo works on this machine, as TAP, in less than a minute: for packagers. It takes a shell and a C compiler, and
# loopback. All of it is said by variables:
#
#   SNDTIMEO   the command to try (the one in PATH)
#   SCENE      scene.c, compiled (it is compiled by $CC, cc)
#   MANUALS    folders with the manual pages (those of the system)
#   VERSION    what it has to be (anything)
#   INSTALLED  not empty: the library is to be found by its bare name, too
set -u

here=$(cd "$(dirname "$0")" && pwd) || exit 1
sndtimeo=${SNDTIMEO-sndtimeo}
manuals=${MANUALS-/usr/share/man/man1 /usr/share/man/man7}
work=$(mktemp -d) || exit 1
started=
finish() {
	# shellcheck disable=SC2086 # numbers
	[ -z "$started" ] || kill $started 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
# Settings of whoever runs this.
for name in $(env | sed -n 's/^\(SNDTIMEO_[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done
unset LD_PRELOAD
LC_ALL=C
export LC_ALL

number=0 failed=0
# result NAME STATUS [FILE...]: the files say what went wrong.
result() {
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $number - $1"
	shift 2
	[ $# = 0 ] || sed 's/^/# /' "$@"
}

# says NAME PATTERN FILE: whether a line of the file is like that.
says() {
	grep -q -- "$2" "$3"
	result "$1" $? "$3"
}

scene=${SCENE-}
if [ -z "$scene" ]; then
	scene=$work/scene
	# shellcheck disable=SC2086 # flags are words
	${CC-cc} -D_GNU_SOURCE ${CFLAGS-} -o "$scene" "$here/scene.c" || exit 1
fi

# Bare, they hang: else what follows would show nothing. Meanwhile the rest.
"$scene" stall >"$work/bare-stall" 2>&1 &
bare_stall=$!
"$scene" full-queue >"$work/bare-queue" 2>&1 &
bare_queue=$!
started="$bare_stall $bare_queue"

"$sndtimeo" --version >"$work/version" 2>&1
result '--version' $? "$work/version"
says "--version says that it is sndtimeo${VERSION+ $VERSION}" "^sndtimeo ${VERSION-}" "$work/version"
says '--version has a library, without a complaint' '^library: /[^:]*libsndtimeo\.so$' "$work/version"

"$sndtimeo" --check -s 5 -- "$scene" stall >"$work/check" 2>&1
result '--check' $? "$work/check"
says '--check says that a program can be limited' ': can be limited$' "$work/check"
says '--check says by what' '^limits: connect=10s send=5s ' "$work/check"
"$sndtimeo" -s 3x -- "$scene" stall >"$work/bad" 2>&1
[ $? = 125 ]
result 'a bad value is refused' $? "$work/bad"

"$sndtimeo" -s 5 -- "$scene" healthy >"$work/healthy" 2>&1
result 'a healthy upload arrives' $? "$work/healthy"
says 'it was under the library, and nothing is said of it' '^[36][24] bits with whole$' "$work/healthy"

"$sndtimeo" -s 1 -- "$scene" stall >"$work/stall" 2>&1
says 'a send that stalls ends with ETIMEDOUT' 'ETIMEDOUT$' "$work/stall"
says 'and one line says so' 'sndtimeo: scene\[[0-9]*\]: send to 127\.0\.0\.1:[0-9]* timed out after ' "$work/stall"

"$sndtimeo" -c 1 -- "$scene" full-queue >"$work/queue" 2>&1
says 'a connect to a full queue ends with ETIMEDOUT' 'ETIMEDOUT$' "$work/queue"
says 'and one line says so' 'sndtimeo: scene\[[0-9]*\]: connect to 127\.0\.0\.1:[0-9]* timed out after ' "$work/queue"

if [ -n "${INSTALLED-}" ]; then
	LD_PRELOAD=libsndtimeo.so SNDTIMEO_SEND=1 "$scene" stall >"$work/bare-name" 2>&1
	says 'LD_PRELOAD=libsndtimeo.so limits, too' 'ETIMEDOUT$' "$work/bare-name"
	! grep -q 'ld\.so' "$work/bare-name"
	result 'and the loader has nothing to say' $? "$work/bare-name"
fi

"$sndtimeo" -s 1h -- "$scene" stall >"$work/watched" 2>&1 &
watched=$!
started="$started $watched"
# It says what it is once the library has started.
tries=0
until grep -q bits "$work/watched" || [ $tries = 10 ]; do
	tries=$((tries + 1))
	sleep 1
done
"$sndtimeo" --status $watched >"$work/status" 2>&1
result '--status' $? "$work/status" "$work/watched"
says '--status says that it is active' "^sndtimeo is active in process $watched (scene)" "$work/status"
kill $watched 2>/dev/null

for page in sndtimeo.1 libsndtimeo.7; do
	found=1
	for folder in $manuals; do
		for file in "$folder/$page" "$folder/$page".*; do
			[ ! -s "$file" ] || found=0
		done
	done
	result "there is a manual page $page" $found
done

wait $bare_stall
says 'without sndtimeo, the send would have hung' '^[36][24] bits without late$' "$work/bare-stall"
wait $bare_queue
says 'without sndtimeo, the connect would have hung' '^[36][24] bits without late$' "$work/bare-queue"

echo "1..$number"
[ $failed = 0 ]
