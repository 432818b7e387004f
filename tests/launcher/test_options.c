/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The command line: what is refused, what is shown, and whose exit status it is.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "src/duration.h"

#define MOST 8

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
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&plain, cases[i].arguments);

		cr_expect_eq(outcome.exit_status, 125, "case %zu: %d", i, outcome.exit_status);
		cr_expect(strstr(outcome.err, cases[i].err), "case %zu: %s", i, outcome.err);
		cr_expect_str_empty(outcome.out);
	}
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
	}
}

Test(options, version)
{
	static const char *const spellings[] = {"-V", "--version"};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct outcome outcome = run(&plain, ARGUMENTS(spellings[i]));

		cr_expect_eq(outcome.exit_status, 0);
		cr_expect_eq(strncmp(outcome.out, "sndtimeo ", 9), 0, "%s", outcome.out);
		cr_expect(strstr(outcome.out, text("\nlibrary: %s\n", needed("SNDTIMEO_TEST_LIBRARY"))), "%s",
		          outcome.out);
	}
}

Test(options, output_that_cannot_be_written_is_a_failure)
{
	static const char *const spellings[] = {"-h", "-V"};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct outcome outcome = run(&(struct invocation){.output = "/dev/full"}, ARGUMENTS(spellings[i]));

		cr_expect_eq(outcome.exit_status, 125);
		cr_expect_str_eq(outcome.err, "sndtimeo: standard output: No space left on device\n");
	}
}
