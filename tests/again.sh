#!/bin/sh
# SPDX-License-Identifier: MIT
# again.sh PROGRAM: run a Criterion program, and what failed in it once or twice more, beside nothing else. On a slow machine
# the tests that wait take the processor from each other for longer than a limit's tolerance; what is broken fails alone, too.
# What the first try said is printed and stays in the log. Where many fail there is nothing to find out by a second try.
"$@" 2>&1 | PROGRAM=$1 awk -v most=8 '
	/^not ok - / && !/# (SKIP|TODO)/ {
		if (!failures[$4]++)
			names[++count] = $4
		print "# at the first try: " $0
		in_failure = 1
		next
	}
	in_failure && /^ / { print "#" $0; next }
	{ in_failure = 0 }
	/^#$/ || /^# (Criterion|Running) / { next }
	{ print; fflush() }
	function again(name,    part, line, good, bad, command) {
		split(name, part, "::")
		command = "CRITERION_JOBS=2 \"$PROGRAM\" --filter \"" part[1] "/" part[2] "\" 2>&1"
		while ((command | getline line) > 0) {
			if (line ~ /^ /)
				print "#" line
			else if (line !~ / # SKIP test was skipped$/) {
				good += line ~ /^ok - /
				bad += line ~ /^not ok - /
			}
		}
		close(command)
		return good && !bad
	}
	END {
		for (i = 1; i <= count; i++) {
			passed = count <= most && (again(names[i]) || again(names[i]))
			while (failures[names[i]]-- > 0)
				print passed ? "ok - " names[i] "  (again, alone)" : "not ok - " names[i]
		}
	}'
