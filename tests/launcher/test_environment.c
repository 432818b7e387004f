/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the command leaves in the environment of the program it becomes.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "src/duration.h"

#define MOST 4

/* Print the limits, in the child, as it sees them. */
#define SHOW "sh", "-c", "echo ${SNDTIMEO_CONNECT-unset} ${SNDTIMEO_SEND-unset} ${SNDTIMEO_POLICY-unset}"
#define SHOW_PRELOAD "sh", "-c", "printf %s \"$LD_PRELOAD\""

Test(environment, limits)
{
	static const struct {
		const char *environment[MOST];
		const char *options[2 * MOST];
		const char *shown;
	} cases[] = {
		{{NULL}, {NULL}, "10s 30s unset\n"},
		{{NULL}, {"-c", "3", "-s", "250ms", NULL}, "3 250ms unset\n"},
		{{NULL}, {"--connect=1m", "--send=2", "--policy=cap", NULL}, "1m 2 cap\n"},
		{{NULL}, {"-c", "3", "-c", "4", NULL}, "4 30s unset\n"},
		{{"SNDTIMEO_CONNECT=3", "SNDTIMEO_SEND=4", "SNDTIMEO_POLICY=replace", NULL}, {NULL}, "3 4 replace\n"},
		{{"SNDTIMEO_CONNECT=3", "SNDTIMEO_SEND=4", "SNDTIMEO_POLICY=replace", NULL},
	         {"-c", "5", "--policy", "cap", NULL},
	         "5 4 cap\n"},
		{{"SNDTIMEO_CONNECT=", "SNDTIMEO_SEND=", NULL}, {NULL}, "10s 30s unset\n"},
		{{"SNDTIMEO_CONNECT=0", "SNDTIMEO_SEND=off", NULL}, {NULL}, "0 off unset\n"},
		{{NULL}, {"-c", "0", "-s", "off", NULL}, "0 off unset\n"},
		{{"SNDTIMEO_SEND=3x", NULL}, {"-s", "3", NULL}, "10s 3 unset\n"},
		/* As with "$unset_variable". */
		{{"SNDTIMEO_SEND=4", NULL}, {"-c", "", "-s", "", "--policy=", NULL}, "10s 4 unset\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		static const char *const show[] = {SHOW};
		const char *arguments[4 * MOST] = {NULL};
		size_t n = 0;

		for (; cases[i].options[n]; n++)
			arguments[n] = cases[i].options[n];
		memcpy(arguments + n, show, sizeof show);
		struct outcome outcome = run(&(struct invocation){.environment = cases[i].environment}, arguments);

		cr_expect_str_eq(outcome.out, cases[i].shown);
		cr_expect_eq(outcome.exit_status, 0);
		cr_expect_str_empty(outcome.err);
	}
}

Test(environment, bad_value_is_refused)
{
	static const struct {
		const char *variable;
		const char *err;
	} cases[] = {
		{"SNDTIMEO_SEND=3x", "sndtimeo: SNDTIMEO_SEND='3x': expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_CONNECT= 5", "sndtimeo: SNDTIMEO_CONNECT=' 5': expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_POLICY=a=b", "sndtimeo: SNDTIMEO_POLICY='a=b': expected replace or cap\n"},
		{"SNDTIMEO_LOG=loud", "sndtimeo: SNDTIMEO_LOG='loud': expected stderr or off\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&(struct invocation){.environment = ARGUMENTS(cases[i].variable)},
		                             ARGUMENTS("echo", "started"));

		cr_expect_eq(outcome.exit_status, 125);
		cr_expect_str_eq(outcome.err, cases[i].err);
		cr_expect_str_empty(outcome.out);
	}
}

Test(environment, unknown_name_is_told_and_the_program_runs)
{
	static const struct {
		const char *variable;
		const char *err;
	} cases[] = {
		{"SNDTIMEO_SNED=3", "sndtimeo: SNDTIMEO_SNED is not a setting of this version: ignored\n"},
		{"SNDTIMEO_A\nB=3", "sndtimeo: SNDTIMEO_A?B is not a setting of this version: ignored\n"},
		{"SNDTIMEO_EMPTY=", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(&(struct invocation){.environment = ARGUMENTS(cases[i].variable)},
		                             ARGUMENTS("echo", "started"));

		cr_expect_eq(outcome.exit_status, 0);
		/* The library repeats it for its own part. */
		cr_expect_eq(strncmp(outcome.err, cases[i].err, strlen(cases[i].err)), 0, "%s", outcome.err);
		cr_expect_str_eq(outcome.out, "started\n");
	}
}

Test(environment, library_comes_first_in_ld_preload)
{
	const char *ours = needed("SNDTIMEO_TEST_LIBRARY");
	const struct {
		const char *before;
		const char *after;
	} cases[] = {
		{NULL, ours},
		{"LD_PRELOAD=", ours},
		{"LD_PRELOAD=/no/other.so", text("%s:/no/other.so", ours)},
		{"LD_PRELOAD=/no/one.so /no/two.so", text("%s:/no/one.so /no/two.so", ours)},
		{text("LD_PRELOAD=%s", ours), ours},
		{text("LD_PRELOAD=%s:/no/other.so", ours), text("%s:/no/other.so", ours)},
		{text("LD_PRELOAD=%s /no/other.so", ours), text("%s /no/other.so", ours)},
		{text("LD_PRELOAD=%s.not", ours), text("%s:%s.not", ours, ours)},
		{text("LD_PRELOAD=/no/other.so:%s", ours), text("%s:/no/other.so:%s", ours, ours)},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome =
			run(&(struct invocation){.environment = ARGUMENTS(cases[i].before)}, ARGUMENTS(SHOW_PRELOAD));

		cr_expect_str_eq(outcome.out, cases[i].after);
	}
}

Test(environment, long_ld_preload)
{
	enum { SIZE = 100000 };
	char *before = calloc(1, SIZE + 1);

	cr_assert(before);
	memset(before, ':', SIZE);
	memcpy(before, "LD_PRELOAD=", strlen("LD_PRELOAD="));
	struct outcome outcome = run(&(struct invocation){.environment = ARGUMENTS(before)}, ARGUMENTS(SHOW_PRELOAD));

	cr_expect_str_eq(outcome.out, text("%s:%s", needed("SNDTIMEO_TEST_LIBRARY"), before + strlen("LD_PRELOAD=")));
}

Test(environment, a_second_command_adds_nothing)
{
	const char *launcher = needed("SNDTIMEO_TEST_LAUNCHER");
	struct outcome preload = run(&(struct invocation){0}, ARGUMENTS(launcher, SHOW_PRELOAD));
	struct outcome limits = run(&(struct invocation){0}, ARGUMENTS("-s", "3", launcher, "-c", "4", SHOW));

	cr_expect_str_eq(preload.out, needed("SNDTIMEO_TEST_LIBRARY"));
	cr_expect_str_eq(limits.out, "4 3 unset\n");
}
