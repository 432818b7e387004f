/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the command leaves in the environment of the program it becomes.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "src/limits/quantity.h"

#define MOST 4
#define LOG "stderr, syslog, off, or a path that begins with /"
#define DESTINATION "a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or unix:@name"

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

/* What the child has in one variable; "unset" if that is not there. */
static char *in_the_child(const char *const *environment, const char *const *options, const char *variable)
{
	const char *arguments[4 * MOST] = {NULL};
	size_t n = 0;

	for (; options[n]; n++)
		arguments[n] = options[n];
	arguments[n++] = "sh";
	arguments[n++] = "-c";
	arguments[n] = text("printf %%s \"${%s-unset}\"", variable);
	/* What a verbose one says on standard error is not looked at here. */
	struct outcome outcome = run(&(struct invocation){.environment = environment}, arguments);

	cr_expect_eq(outcome.exit_status, 0, "%s: %d: %s", options[0] ? options[0] : "nothing", outcome.exit_status,
	             outcome.err);
	return outcome.out;
}

Test(environment, every_option_sets_its_variable)
{
	static const struct {
		const char *option;
		const char *variable;
		const char *value;       /* NULL: a switch */
		const char *other_value;
	} cases[] = {
		{"--connect", "SNDTIMEO_CONNECT", "3", "4s"},
		{"-c", "SNDTIMEO_CONNECT", "3", "off"},
		{"--send", "SNDTIMEO_SEND", "250ms", "1m"},
		{"-s", "SNDTIMEO_SEND", ".5h", "0"},
		{"--send-total", "SNDTIMEO_SEND_TOTAL", "5m", "off"},
		{"--min-rate", "SNDTIMEO_MIN_RATE", "64K", "1.5M"},
		{"--unacked", "SNDTIMEO_UNACKED", "2h", "1"},
		{"--policy", "SNDTIMEO_POLICY", "cap", "replace"},
		{"--log", "SNDTIMEO_LOG", "/dev/null", "off"},
		{"--log-format", "SNDTIMEO_LOG_FORMAT", "json", "text"},
		{"--verbose", "SNDTIMEO_VERBOSE", NULL, "0"},
		{"-v", "SNDTIMEO_VERBOSE", NULL, "0"},
		{"--dry-run", "SNDTIMEO_DRY_RUN", NULL, "0"},
		{"--summary", "SNDTIMEO_SUMMARY", NULL, "0"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *option = cases[i].option, *variable = cases[i].variable, *value = cases[i].value;
		const char *const *inherited = ARGUMENTS(text("%s=%s", variable, cases[i].other_value));
		const char *const *nothing = ARGUMENTS(NULL);
		const bool has_default = strstr(variable, "_CONNECT") || strcmp(variable, "SNDTIMEO_SEND") == 0;

		if (!has_default)
			cr_expect_str_eq(in_the_child(NULL, nothing, variable), "unset", "%s", variable);
		/* Inherited, and as it was. */
		cr_expect_str_eq(in_the_child(inherited, nothing, variable), cases[i].other_value, "%s", variable);
		if (!value) {
			cr_expect_str_eq(in_the_child(NULL, ARGUMENTS(option), variable), "1", "%s", option);
			cr_expect_str_eq(in_the_child(NULL, ARGUMENTS(option, option), variable), "1", "%s", option);
			cr_expect_str_eq(in_the_child(inherited, ARGUMENTS(option), variable), "1", "%s", option);
			continue;
		}
		const char *with_value = text(option[1] == '-' ? "%s=%s" : "%s%s", option, value);

		cr_expect_str_eq(in_the_child(NULL, ARGUMENTS(option, value), variable), value, "%s", option);
		cr_expect_str_eq(in_the_child(NULL, ARGUMENTS(with_value), variable), value, "%s", with_value);
		cr_expect_str_eq(in_the_child(inherited, ARGUMENTS(option, value), variable), value, "%s", option);
		/* The last one counts. */
		cr_expect_str_eq(in_the_child(NULL, ARGUMENTS(option, cases[i].other_value, with_value), variable),
		                 value, "%s", option);
		/* As with "$unset_variable". */
		cr_expect_str_eq(in_the_child(inherited, ARGUMENTS(option, ""), variable), cases[i].other_value, "%s",
		                 option);
		if (!has_default)
			cr_expect_str_eq(in_the_child(NULL, ARGUMENTS(option, ""), variable), "unset", "%s", option);
	}
}

Test(environment, rules_are_one_list)
{
	static const struct {
		const char *environment[MOST];
		const char *options[2 * MOST];
		const char *shown;
	} cases[] = {
		{{NULL}, {NULL}, "unset"},
		{{NULL}, {"--rule", "* off", NULL}, "* off"},
		{{NULL},
	         {"--rule", "10.0.0.0/8:443 send=5s", "--rule=*:1 off", NULL},
	         "10.0.0.0/8:443 send=5s\n*:1 off"},
		{{NULL},
	         {"--rule=*:1 off;*:2 off", "-s3", "--rule=*:3 off", "--rule=*:4 off", NULL},
	         "*:1 off;*:2 off\n*:3 off\n*:4 off"},
		{{"SNDTIMEO_RULES=*:9 off", NULL}, {NULL}, "*:9 off"},
		{{"SNDTIMEO_RULES=*:9 off", NULL}, {"--rule=*:1 off", NULL}, "*:1 off\n*:9 off"},
		{{"SNDTIMEO_RULES=*:8 off;*:9 off", NULL},
	         {"--rule=*:1 off", "--rule", "*:2 off", NULL},
	         "*:1 off\n*:2 off\n*:8 off;*:9 off"},
		{{"SNDTIMEO_RULES=", NULL}, {"--rule=*:1 off", NULL}, "*:1 off"},
		{{"SNDTIMEO_RULES=*:9 off", NULL}, {"--rule=", NULL}, "*:9 off"},
		{{NULL}, {"--rule=", NULL}, "unset"},
		{{NULL}, {"--rule=", "--rule=*:1 off", "--rule=", "--rule=*:2 off", NULL}, "*:1 off\n*:2 off"},
		/* A comment ends with its rule. */
		{{"SNDTIMEO_RULES=*:9 off", NULL}, {"--rule=*:1 off # slow", NULL}, "*:1 off # slow\n*:9 off"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_str_eq(in_the_child(cases[i].environment, cases[i].options, "SNDTIMEO_RULES"), cases[i].shown,
		                 "case %zu", i);
}

/* The program may go elsewhere before it reads it, and what it starts may. */
Test(environment, file_of_rules_is_absolute)
{
	static const char name[] = "environment_config.tmp", other[] = "environment_link.tmp";
	FILE *file = fopen(name, "w");

	cr_assert(file && fputs("* off\n", file) >= 0 && fclose(file) == 0);
	unlink(other);
	const char *whole = realpath(name, NULL);

	cr_assert(whole && *whole == '/');
	const char *const spellings[] = {name, text("./%s", name), text("./././%s", name), whole};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
		cr_expect_str_eq(in_the_child(NULL, ARGUMENTS("--config", spellings[i]), "SNDTIMEO_CONFIG"), whole,
		                 "%s", spellings[i]);
	/* In the place of an inherited one, not beside it. */
	cr_expect_str_eq(in_the_child(ARGUMENTS("SNDTIMEO_CONFIG=/no/such/file"), ARGUMENTS(text("--config=%s", name)),
	                              "SNDTIMEO_CONFIG"), whole);
	cr_expect_str_eq(
		in_the_child(ARGUMENTS(text("SNDTIMEO_CONFIG=%s", whole)), ARGUMENTS("--config="), "SNDTIMEO_CONFIG"),
		whole);
	/* Whatever name it is reached by, it is the same file from anywhere. */
	cr_assert_eq(symlink(name, other), 0);
	const char *through = in_the_child(NULL, ARGUMENTS("--config", other), "SNDTIMEO_CONFIG");

	cr_expect_eq(*through, '/');
	cr_expect_eq(access(through, R_OK), 0);
	unlink(other);
	unlink(name);
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
		{"SNDTIMEO_LOG=loud", "sndtimeo: SNDTIMEO_LOG='loud': expected " LOG "\n"},
		{"SNDTIMEO_LOG=log", "sndtimeo: SNDTIMEO_LOG='log': expected " LOG "\n"},
		{"SNDTIMEO_LOG_FORMAT=xml", "sndtimeo: SNDTIMEO_LOG_FORMAT='xml': expected text or json\n"},
		{"SNDTIMEO_SEND_TOTAL=5d", "sndtimeo: SNDTIMEO_SEND_TOTAL='5d': expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_MIN_RATE=64KB", "sndtimeo: SNDTIMEO_MIN_RATE='64KB': expected " RATE_ACCEPTED "\n"},
		{"SNDTIMEO_UNACKED=597h", "sndtimeo: SNDTIMEO_UNACKED='597h': expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_VERBOSE=yes", "sndtimeo: SNDTIMEO_VERBOSE='yes': expected 1 or 0\n"},
		{"SNDTIMEO_DRY_RUN=2", "sndtimeo: SNDTIMEO_DRY_RUN='2': expected 1 or 0\n"},
		{"SNDTIMEO_SUMMARY=1\n", "sndtimeo: SNDTIMEO_SUMMARY='1?': expected 1 or 0\n"},
		{"SNDTIMEO_RULES=* off; nowhere off",
	         "sndtimeo: SNDTIMEO_RULES:1:8: 'nowhere': expected " DESTINATION "\n"},
		{"SNDTIMEO_RULES=* off\n * send=3x",
	         "sndtimeo: SNDTIMEO_RULES:2:9: 'send=3x': expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_CONFIG=/no/such/file", "sndtimeo: /no/such/file: No such file or directory\n"},
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
		{"SNDTIMEO_SNED=3",
	         "sndtimeo: SNDTIMEO_SNED is not a setting of this version (did you mean SNDTIMEO_SEND?): ignored\n"},
		{"SNDTIMEO_CONECT=3",
	         "sndtimeo: SNDTIMEO_CONECT is not a setting of this version (did you mean SNDTIMEO_CONNECT?): "
	         "ignored\n"},
		{"SNDTIMEO_SENDTOTAL=3",
	         "sndtimeo: SNDTIMEO_SENDTOTAL is not a setting of this version (did you mean SNDTIMEO_SEND_TOTAL?): "
	         "ignored\n"},
		{"SNDTIMEO_LOGFORMAT=json",
	         "sndtimeo: SNDTIMEO_LOGFORMAT is not a setting of this version (did you mean SNDTIMEO_LOG_FORMAT?): "
	         "ignored\n"},
		{"SNDTIMEO_RULE=* off",
	         "sndtimeo: SNDTIMEO_RULE is not a setting of this version (did you mean SNDTIMEO_RULES?): ignored\n"},
		{"SNDTIMEO_send=3",
	         "sndtimeo: SNDTIMEO_send is not a setting of this version (did you mean SNDTIMEO_SEND?): ignored\n"},
		{"SNDTIMEO_TIMEOUT=3", "sndtimeo: SNDTIMEO_TIMEOUT is not a setting of this version: ignored\n"},
		{"SNDTIMEO_=3", "sndtimeo: SNDTIMEO_ is not a setting of this version: ignored\n"},
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

	/* A command that is built with AddressSanitizer has its runtime first. */
	if (strcmp(needed("SNDTIMEO_TEST_INSTRUMENTED"), "no") == 0)
		cr_expect_str_eq(preload.out, needed("SNDTIMEO_TEST_LIBRARY"));
	cr_expect_str_eq(limits.out, "4 3 unset\n");
}

/* Nor does it to the rules, apart from its own, which come first. */
Test(environment, a_second_command_keeps_the_rules)
{
	const char *launcher = needed("SNDTIMEO_TEST_LAUNCHER");

	cr_expect_str_eq(in_the_child(NULL, ARGUMENTS("--rule=*:1 off", launcher), "SNDTIMEO_RULES"), "*:1 off");
	cr_expect_str_eq(in_the_child(NULL, ARGUMENTS("--rule=*:1 off", launcher, "--rule=*:2 off"), "SNDTIMEO_RULES"),
	                 "*:2 off\n*:1 off");
	cr_expect_str_eq(in_the_child(NULL, ARGUMENTS("--dry-run", launcher, "--log=off"), "SNDTIMEO_DRY_RUN"), "1");
}

/* A mistake in what is inherited is one beside good options, too. */
Test(environment, bad_rules_beside_good_ones)
{
	struct outcome outcome = run(&(struct invocation){.environment = ARGUMENTS("SNDTIMEO_RULES=nowhere off")},
	                             ARGUMENTS("--rule=* off", "echo", "started"));

	cr_expect_eq(outcome.exit_status, 125);
	cr_expect_str_eq(outcome.err, "sndtimeo: SNDTIMEO_RULES:2:1: 'nowhere': expected " DESTINATION "\n");
	cr_expect_str_empty(outcome.out);
}
