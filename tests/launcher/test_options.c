/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The command line: what is refused, what is shown, and whose exit status it is.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "src/limits/quantity.h"

#define MOST 8
#define LOG "stderr, syslog, off, or a path that begins with /"
#define DESTINATION "a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or unix:@name"

static const struct invocation plain;

Test(options, refused)
{
	static const struct {
		const char *arguments[MOST];
		const char *err; /* part of it */
	} cases[] = {
		{{NULL}, "sndtimeo: no COMMAND to run\nTry 'sndtimeo --help'.\n"},
		{{"--", NULL}, "sndtimeo: no COMMAND to run\n"},
		{{"-s", "3", NULL}, "sndtimeo: no COMMAND to run\n"},
		{{"-s", NULL}, "requires an argument"},
		{{"--nope", "true", NULL}, "Try 'sndtimeo --help'.\n"},
		{{"-s", "3x", "true", NULL}, "sndtimeo: --send='3x': expected " DURATION_ACCEPTED "\n"},
		{{"--send=3x", "true", NULL}, "sndtimeo: --send='3x': expected " DURATION_ACCEPTED "\n"},
		{{"-c", "-1", "true", NULL}, "sndtimeo: --connect='-1': expected " DURATION_ACCEPTED "\n"},
		{{"-c", "597h", "true", NULL}, "sndtimeo: --connect='597h': expected " DURATION_ACCEPTED "\n"},
		{{"--policy", "both", "true", NULL}, "sndtimeo: --policy='both': expected replace or cap\n"},
		{{"-s", "1\n2", "true", NULL}, "sndtimeo: --send='1?2': expected "},
		{{"-v", NULL}, "sndtimeo: no COMMAND to run\n"},
		{{"--check", NULL}, "sndtimeo: no COMMAND to run\nTry 'sndtimeo --help'.\n"},
		{{"--force", "--", NULL}, "sndtimeo: no COMMAND to run\nTry 'sndtimeo --help'.\n"},
		{{"--rule", NULL}, "requires an argument"},
		{{"--status", NULL}, "requires an argument"},
		{{"--verbose=1", "true", NULL}, "doesn't allow an argument"},
		{{"--dry-run=0", "true", NULL}, "doesn't allow an argument"},
		{{"--summary=1", "true", NULL}, "doesn't allow an argument"},
		{{"--check=1", "true", NULL}, "doesn't allow an argument"},
		{{"--se", "3", "true", NULL}, "ambiguous"},
		{{"--send_total", "3", "true", NULL}, "Try 'sndtimeo --help'.\n"},
		{{"--send-total", "5d", "true", NULL}, "sndtimeo: --send-total='5d': expected " DURATION_ACCEPTED "\n"},
		{{"--min-rate=64KB", "true", NULL}, "sndtimeo: --min-rate='64KB': expected " RATE_ACCEPTED "\n"},
		{{"--unacked", "-1", "true", NULL}, "sndtimeo: --unacked='-1': expected " DURATION_ACCEPTED "\n"},
		{{"--log", "loud", "true", NULL}, "sndtimeo: --log='loud': expected " LOG "\n"},
		{{"--log", "./log", "true", NULL}, "sndtimeo: --log='./log': expected " LOG "\n"},
		{{"--log-format", "xml", "true", NULL}, "sndtimeo: --log-format='xml': expected text or json\n"},
		{{"--rule", "nowhere off", "true", NULL},
	         "sndtimeo: --rule:1:1: 'nowhere': expected " DESTINATION "\n"},
		{{"--rule", "* send=3x", "true", NULL},
	         "sndtimeo: --rule:1:8: 'send=3x': expected " DURATION_ACCEPTED "\n"},
		{{"--rule=# one\n*", "true", NULL},
	         "sndtimeo: --rule:2:1: '*': expected a limit behind it, such as send=5s, or off\n"},
		{{"--rule", "* sned=3", "true", NULL}, "; did you mean send?\n"},
		/* Columns count through all of them. */
		{{"--rule", "* off", "--rule", "*:0 off", "true", NULL},
	         "sndtimeo: --rule:2:3: '*:0': expected a port from 1 to 65535, or a range of ports FIRST-LAST\n"},
		{{"--config", "no-such-file", "true", NULL}, "sndtimeo: no-such-file: No such file or directory\n"},
		{{"--config=/", "true", NULL}, "sndtimeo: /: not a file\n"},
		{{"--config", "/dev/null", "true", NULL}, "sndtimeo: /dev/null: not a file\n"},
		{{"-s", "off", "--min-rate", "64K", "true", NULL},
	         "sndtimeo: SNDTIMEO_MIN_RATE: it limits nothing without a send timeout (SNDTIMEO_SEND)\n"},
		/* All of them are told, in the order of the help. */
		{{"--log=x", "--rule=x", "-s3x", "-c3x", "true", NULL},
	         "sndtimeo: --connect='3x': expected " DURATION_ACCEPTED "\n"
	         "sndtimeo: --send='3x': expected " DURATION_ACCEPTED "\n"
	         "sndtimeo: --rule:1:1: 'x': expected " DESTINATION "\n"
	         "sndtimeo: --log='x': expected " LOG "\n"},
		{{"--status", "1", "true", NULL},
	         "sndtimeo: --status: looks at a process that runs, and takes no COMMAND\n"},
		{{"--status=1", "--", "true", NULL},
	         "sndtimeo: --status: looks at a process that runs, and takes no COMMAND\n"},
		{{"--status", "1", "-c", "3", "true", NULL}, "sndtimeo: --status: looks at a process that runs"},
		/* What is only checked has to be right, too. */
		{{"--check", "-s", "3x", "true", NULL}, "sndtimeo: --send='3x': expected " DURATION_ACCEPTED "\n"},
		{{"--force", "--rule=* of", "true", NULL}, "sndtimeo: --rule:1:3: 'of': expected "},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&plain, cases[i].arguments);

		cr_expect_eq(outcome.exit_status, 125, "case %zu: %d", i, outcome.exit_status);
		cr_expect(strstr(outcome.err, cases[i].err), "case %zu: %s", i, outcome.err);
		cr_expect_str_empty(outcome.out);
	}
}

/* A mistake in a file of rules has its absolute name. */
Test(options, file_of_rules_is_refused)
{
	static const char name[] = "options_refused.tmp";
	char folder[] = "/tmp/options.XXXXXX";

	/* What is not ASCII in a name is told otherwise, and this may be in a folder of any name. */
	cr_assert(mkdtemp(folder) && chdir(folder) == 0);
	FILE *file = fopen(name, "w");

	cr_assert(file && fputs("# rules\n* off\n\n 10.0.0.0/33 off\n* send=3x\n", file) >= 0 && fclose(file) == 0);
	const char *whole = realpath(name, NULL);

	cr_assert(whole);
	const char *wanted = text("sndtimeo: %s:4:11: '10.0.0.0/33': expected a prefix length from 0 to 32\n"
	                          "sndtimeo: %s:5:8: 'send=3x': expected " DURATION_ACCEPTED "\n", whole, whole);
	const char *const spellings[] = {name, text("./%s", name), whole};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS("--config", spellings[i], "echo", "started"));

		cr_expect_eq(outcome.exit_status, 125);
		cr_expect_str_eq(outcome.err, wanted);
		cr_expect_str_empty(outcome.out);
	}
	unlink(name);
	rmdir(folder);
}

Test(options, exit_status_is_as_env_has_it)
{
	static const struct {
		const char *arguments[MOST];
		int exit_status;
		const char *err;
	} cases[] = {
		{{"true", NULL}, 0, ""},
		{{"sh", "-c", "exit 7", NULL}, 7, ""},
		{{"sh", "-c", "exit 125", NULL}, 125, ""},
		{{"./no-such-command", NULL},
	         127,
	         "sndtimeo: cannot run './no-such-command': No such file or directory\n"},
		{{"no-such-command", NULL}, 127, "sndtimeo: cannot run 'no-such-command': No such file or directory\n"},
		{{"", NULL}, 127, "sndtimeo: cannot run '': No such file or directory\n"},
		{{"/", NULL}, 126, "sndtimeo: cannot run '/': Permission denied\n"},
		{{"/dev/null", NULL}, 126, "sndtimeo: cannot run '/dev/null': Permission denied\n"},
		{{"/dev/null/x", NULL}, 126, "sndtimeo: cannot run '/dev/null/x': Not a directory\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		/* A folder in PATH that may not be searched would make the command's status 126 (execvp(3)). */
		struct outcome outcome = run(&(struct invocation){.environment = ARGUMENTS("PATH=/usr/bin:/bin")},
		                             cases[i].arguments);

		cr_expect_eq(outcome.exit_status, cases[i].exit_status, "case %zu: %d", i, outcome.exit_status);
		cr_expect_str_eq(outcome.err, cases[i].err);
	}
}

Test(options, a_signal_ends_it_like_the_program)
{
	struct outcome outcome = run(&plain, ARGUMENTS("sh", "-c", "kill -TERM $$"));

	cr_expect_eq(outcome.signal, SIGTERM);
}

Test(options, no_child)
{
	struct outcome outcome = run(&plain, ARGUMENTS("-s", "3", "sh", "-c", "echo $$"));

	cr_expect_str_eq(outcome.out, text("%d\n", (int)outcome.pid));
	cr_expect_str_empty(outcome.err);
}

Test(options, the_command_keeps_its_own)
{
	static const char *const cases[][MOST] = {
		{"sh", "-c", "echo \"$@\"", "sh", "-s", "3x", "--help", NULL},
		{"--", "sh", "-c", "echo \"$@\"", "sh", "-s", "3x", "--help"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *arguments[MOST + 1] = {NULL};

		memcpy(arguments, cases[i], sizeof cases[i]);
		struct outcome outcome = run(&plain, arguments);

		cr_expect_str_eq(outcome.out, "-s 3x --help\n");
		cr_expect_eq(outcome.exit_status, 0);
	}
}

Test(options, help_is_one_screen)
{
	static const char *const spellings[] = {"-h", "--help"};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS(spellings[i]));
		int lines = 0;

		cr_expect_eq(outcome.exit_status, 0);
		cr_expect_str_empty(outcome.err);
		cr_expect_eq(strncmp(outcome.out, "Usage: sndtimeo ", 16), 0);
		for (const char *line = outcome.out; *line; line += strcspn(line, "\n") + 1, lines++)
			cr_expect_leq(strcspn(line, "\n"), 80, "wide: %s", line);
		cr_expect_leq(lines, 24);
		cr_expect_gt(lines, 10);
		cr_expect_eq(outcome.out[strlen(outcome.out) - 1], '\n');
	}
}

Test(options, help_has_them_all)
{
	static const char *const names[] = {
		"-c, --connect ", "-s, --send ", "--send-total ", "--min-rate ", "--unacked ", "--policy replace|cap ",
		"--rule ", "--config ", "--log stderr|syslog|/PATH|off", "--log-format text|json", "-v, --verbose", "--inside, --outside ", "--attach PID", "--for DUR",
		"--dry-run ", "--summary ", "--check ", "--force ", "--status PID ", "-h, --help", "-V, --version",
	};
	struct outcome outcome = run(&plain, ARGUMENTS("--help"));

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		cr_expect(strstr(outcome.out, names[i]), "no %s", names[i]);
}

Test(options, version)
{
	static const char *const spellings[] = {"-V", "--version"};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS(spellings[i]));

		cr_expect_eq(outcome.exit_status, 0);
		const char *library = text("\nlibrary: %s\n", needed("SNDTIMEO_TEST_LIBRARY"));
		const char *second = strstr(outcome.out, library);

		cr_expect_eq(strncmp(outcome.out, "sndtimeo ", 9), 0, "%s", outcome.out);
		cr_assert(second && second == strchr(outcome.out, '\n'), "%s", outcome.out);
		/* One more line, and it says which libc the command itself has. */
		const char *third = second + strlen(library);

#ifdef __GLIBC__
		cr_expect_eq(strncmp(third, "libc: glibc 2.", 14), 0, "%s", outcome.out);
#else
		cr_expect_eq(strncmp(third, "libc: ", 6), 0, "%s", outcome.out);
#endif
		cr_expect_eq(strcspn(third, "\n") + 1, strlen(third), "%s", outcome.out);
		cr_expect_str_empty(outcome.err);
	}
}

Test(options, output_that_cannot_be_written_is_a_failure)
{
	static const char *const spellings[] = {"-h", "-V", "--check"};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct outcome outcome =
			run(&(struct invocation){.output = "/dev/full"}, ARGUMENTS(spellings[i], "true"));

		cr_expect_eq(outcome.exit_status, 125);
		cr_expect_str_eq(outcome.err, "sndtimeo: standard output: No space left on device\n");
	}
}

/* env(1) runs another program, which has its own rules; a script's interpreter has the script's. */
Test(options, check_of_a_rule_for_a_program)
{
	static const struct {
		const char *rule, *command[3];
		bool off;
	} cases[] = {
		{"--rule=program=env off", {"env", "true"}, false},
		{"--rule=program=true off", {"env", "true"}, true},
		{"--rule=program=check-test-script off", {"./check-test-script"}, true},
		{"--rule=program=check-test-env off", {"./check-test-env"}, false},
		{"--rule=program=sh off", {"./check-test-env"}, true},
	};

	for (int i = 0; i < 2; i++) {
		const char *name = i ? "check-test-env" : "check-test-script";
		FILE *script = fopen(name, "w");

		cr_assert(script);
		fputs(i ? "#!/usr/bin/env sh\n" : "#!/bin/sh\n", script);
		cr_assert(fclose(script) == 0 && chmod(name, 0700) == 0);
	}
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS(cases[i].rule, "--inside", "--check", "--", cases[i].command[0], cases[i].command[1]));

		cr_expect_eq(strstr(outcome.out, "limits: off") != NULL, cases[i].off, "%zu: %s%s", i, outcome.out, outcome.err);
	}
	unlink("check-test-env");
	unlink("check-test-script");
}

/* A rule without a send timeout has no use for the rate that is for all others. */
Test(options, a_rate_beside_a_rule_without_a_send_timeout)
{
	struct outcome outcome = run(&plain, ARGUMENTS("-s", "30", "--min-rate", "64K", "--rule", "*:5432 send=off", "--check", "--", "true"));

	cr_expect_str_empty(outcome.err);
	cr_expect_eq(outcome.exit_status, 0);
}

/* ---- --check and --force ----------------------------------------------------------------------------------------- */

Test(options, check)
{
	static const struct {
		const char *arguments[20];
		const char *out;
	} cases[] = {
		{{"--check", "/bin/sh", NULL},
	         "/bin/sh: can be limited\nlimits: connect=10s send=30s policy=replace\nrules: 0\nlog: stderr\n"},
		{{"--check", "--", "/bin/sh", "-c", "echo ran", NULL},
	         "/bin/sh: can be limited\nlimits: connect=10s send=30s policy=replace\nrules: 0\nlog: stderr\n"},
		{{"--check", "-c", "off", "-s", "0", "--log=off", "/bin/sh", NULL},
	         "/bin/sh: can be limited\nlimits: off\nrules: 0\nlog: off\n"},
		{{"--log=syslog", "--log-format=json", "-c1", "-s2", "--send-total=1m", "--min-rate=64K",
	          "--unacked=250ms", "--policy=cap", "--rule=* off;* off", "--rule=* send=1", "-v", "--dry-run",
	          "--summary", "--check", "/bin/sh", NULL},
	         "/bin/sh: can be limited\n"
	         "limits: connect=1s send=2s send_total=60s min_rate=64K unacked=250ms policy=cap\nrules: 3\n"
	         "log: syslog, json, verbose, dry run, summary\n"},
		{{"--log=/no/such/log", "--check", "/bin/sh", NULL},
	         "/bin/sh: can be limited\nlimits: connect=10s send=30s policy=replace\nrules: 0\nlog: /no/such/log\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&plain, cases[i].arguments);

		cr_expect_eq(outcome.exit_status, 0, "case %zu: %d", i, outcome.exit_status);
		cr_expect_str_eq(outcome.out, cases[i].out, "case %zu: %s", i, outcome.out);
		cr_expect_str_empty(outcome.err);
	}
}

/* What the environment says is part of it. */
Test(options, check_of_the_environment)
{
	struct outcome outcome =
		run(&(struct invocation){.environment = ARGUMENTS("SNDTIMEO_SEND=3", "SNDTIMEO_RULES=* off",
	                                                          "SNDTIMEO_SUMMARY=1")},
	            ARGUMENTS("--check", "-c", "4", "/bin/sh"));

	cr_expect_eq(outcome.exit_status, 0);
	cr_expect_str_eq(outcome.out, "/bin/sh: can be limited\nlimits: connect=4s send=3s policy=replace\nrules: 1\n"
	                              "log: stderr, summary\n");
}

/* Of the program that it is, by its own name or that of its file, and it is said that there are none. */
Test(options, rules_of_programs)
{
	struct outcome outcome = run(&plain, ARGUMENTS("--rule", "program=no-such off; program=sh send=2s", "--check", "/bin/sh"));

	cr_expect_str_eq(outcome.out, "/bin/sh: can be limited\nlimits: connect=10s send=2s policy=replace\nrules: 2\nlog: stderr\n");
	outcome = run(&plain, ARGUMENTS("--rule", "* send=3s; program=/bin/sh off", "--check", "/bin/sh"));
	cr_expect(strstr(outcome.out, "limits: off\nrules: 2\n"), "%s", outcome.out);
	outcome = run(&plain, ARGUMENTS("--rule", "program=sh off", "/bin/sh", "-c", "echo ran"));
	cr_expect_str_eq(outcome.out, "ran\n");
	cr_expect_str_eq(outcome.err, "sndtimeo: /bin/sh has no limits: rule 1 switches them off for this program\n");
	outcome = run(&plain, ARGUMENTS("--rule", "program=no-such off", "-s", "0", "-c", "0", "/bin/sh", "-c", "echo ran"));
	cr_expect_str_eq(outcome.err, "");
}

/* It leads through scripts and env(1). */
Test(options, check_of_a_script)
{
	static const char name[] = "options_check.tmp";
	FILE *file = fopen(name, "w");

	cr_assert(file && fputs("#!/bin/sh\necho ran\n", file) >= 0 && fchmod(fileno(file), 0755) == 0 &&
	          fclose(file) == 0);
	struct outcome outcome = run(&plain, ARGUMENTS("--check", "./options_check.tmp"));

	cr_expect_eq(outcome.exit_status, 0);
	cr_expect(strstr(outcome.out, "options_check.tmp -> /bin/sh: can be limited\n"), "%s", outcome.out);
	cr_expect_not(strstr(outcome.out, "ran"));
	unlink(name);
}

Test(options, check_of_no_program)
{
	static const char *const names[] = {"no-such-command", "./no-such-command"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		/* A folder in PATH that may not be searched would be what is in the way. */
		struct outcome outcome = run(&(struct invocation){.environment = ARGUMENTS("PATH=/usr/bin:/bin")},
		                             ARGUMENTS("--check", names[i]));

		cr_expect_eq(outcome.exit_status, 1);
		cr_expect(strstr(outcome.out,
		                 text("cannot be judged: '%s' cannot be run: No such file or directory\n", names[i])),
		          "%s", outcome.out);
		cr_expect(strstr(outcome.out, "limits: connect=10s send=30s policy=replace\n"));
		cr_expect_str_empty(outcome.err);
	}
}

/* ldconfig(8) is linked statically nearly everywhere, because it must run without the libraries it looks after. */
Test(options, unreached_program)
{
	static const char ldconfig[] = "/sbin/ldconfig";
	struct outcome check = run(&plain, ARGUMENTS("--inside", "--check", ldconfig));

	if (access(ldconfig, X_OK) != 0 || check.exit_status == 0)
		cr_skip_test("no statically linked program is to be had here");
	cr_expect_eq(check.exit_status, 1);
	cr_expect(strstr(check.out, "/sbin/ldconfig: cannot be limited: "), "%s", check.out);

	struct outcome refused = run(&plain, ARGUMENTS("--inside", ldconfig, "--version"));

	cr_expect_eq(refused.exit_status, 125);
	cr_expect_str_empty(refused.out);
	cr_expect(strstr(refused.err, "limit it from outside (--outside), or run it without limits (--force)\n"), "%s", refused.err);
	cr_expect_eq(strncmp(refused.err, "sndtimeo: ", 10), 0);

	struct outcome forced = run(&plain, ARGUMENTS("--inside", "--force", ldconfig, "--version"));

	cr_expect_eq(forced.exit_status, 0);
	cr_expect(strstr(forced.out, "ldconfig"), "%s", forced.out);
	cr_expect(strstr(forced.err, ": run all the same (--force), without limits\n"), "%s", forced.err);
	/* It changes nothing about what is only checked. */
	cr_expect_eq(run(&plain, ARGUMENTS("--inside", "--force", "--check", ldconfig)).exit_status, 1);

	/* Nobody need ask for it. */
	check = run(&plain, ARGUMENTS("--check", ldconfig));
	if (strstr(check.out, "and from outside: "))
		cr_skip_test("no process can be looked into here: %s", check.out);
	cr_expect_eq(check.exit_status, 0);
	cr_expect(strstr(check.out, "/sbin/ldconfig: can be limited from outside: "), "%s", check.out);

	struct outcome outside = run(&plain, ARGUMENTS("-v", ldconfig, "--version"));

	cr_expect_eq(outside.exit_status, 0);
	cr_expect(strstr(outside.out, "ldconfig"), "%s", outside.out);
	cr_expect(strstr(outside.err, "sndtimeo: limited from outside: "), "%s", outside.err);
}

/* Shells make children by fork() or by vfork(), whose memory is their own, and become the last command themselves: one line. */
Test(options, an_unreached_command_is_told_of_once)
{
	static const char *const shells[] = { "sh", "bash" };
	const char *program = needed("SNDTIMEO_TEST_STATIC");

	if (system(text("readelf -lW '%s' | grep -q INTERP", program)) == 0)
		cr_skip_test("no static program can be linked here");
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS("--inside", "--", shells[i], "-c", "$1; $1; ($1); $1 & wait; $1", "sh", program));
		const char *first = strstr(outcome.err, " cannot be limited from inside, ");

		cr_assert(first, "%s: %s", shells[i], outcome.err);
		cr_expect(!strstr(first + 1, " cannot be limited from inside, "), "%s: %s", shells[i], outcome.err);
	}
}

/* The program's process is as bare: no child of it is to be seen or heard of, whatever was closed, and it ends alone. */
Test(options, nobody_hears_of_the_watcher)
{
	static const char script[] =
		"SNDTIMEO=$1; exec 2>&1; export SNDTIMEO\n"
		"env --block-signal=CHLD \"$SNDTIMEO\" --outside -- grep SigPnd /proc/self/status\n"
		"env --block-signal=CHLD \"$SNDTIMEO\" --outside -- grep ShdPnd /proc/self/status\n"
		"\"$SNDTIMEO\" --outside -- \"$2\" -Sc 'import os\ntry: print(os.waitpid(-1, os.WNOHANG))\nexcept ChildProcessError: "
		"print(\"no child\")'\n"
		"(exec <&- >&-; \"$SNDTIMEO\" --outside -- true; echo closed $? >&2)\n"
		"(exec >&-; \"$SNDTIMEO\" --outside -- true; echo closed $? >&2)\n";
	const char *launcher = getenv("SNDTIMEO_TEST_LAUNCHER"), *python = getenv("PYTHON");

	if (run(&plain, ARGUMENTS("--outside", "--check", "--", "true")).exit_status != 0)
		cr_skip_test("no process can be looked into here");
	if (!python || !*python)
		cr_skip_test("no python3");
	struct outcome outcome = run(&plain, ARGUMENTS("--inside", "--", "sh", "-c", script, "sh", launcher, python));

	cr_expect_str_eq(outcome.out, "SigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nno child\nclosed 0\nclosed 0\n", "%s",
	                 outcome.out);
}

Test(options, attach_to_nobody)
{
	static const struct {
		const char *pid, *said;
	} wrong[] = {
		{ "0", "expected the number of a process" },
		{ "12x", "expected the number of a process" },
		{ "1,,2", "" },
		{ "999999999", "there is no process 999999999" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS("--attach", wrong[i].pid));

		cr_expect_eq(outcome.exit_status, 125, "%s", wrong[i].pid);
		cr_expect(strstr(outcome.err, wrong[i].said), "%s: %s", wrong[i].pid, outcome.err);
	}
}

/* Who is reached needs no force, and hears of none. */
Test(options, force_without_need)
{
	struct outcome outcome = run(&plain, ARGUMENTS("--force", "echo", "started"));

	cr_expect_eq(outcome.exit_status, 0);
	cr_expect_str_eq(outcome.out, "started\n");
	cr_expect_str_empty(outcome.err);
}
