/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The settings that are given as options, and how they get to the program.
 */
#include "given.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fail.h"
#include "limits/configured.h"
#include "limits/machine.h"
#include "limits/program.h"

#define P SETTINGS_PREFIX

/* Every setting's option. */
static struct setting {
	const char *option;
	int letter;           /* of the short option, or a number of its own above all letters */
	const char *variable;
	bool is_switch;
	const char *fallback; /* what counts if nobody says */
	const char *given;    /* the option's value; NULL or empty: not given */
} settings_of_options[] = {
	{"connect", 'c', P "CONNECT", false, "10s", NULL},
	{"send", 's', P "SEND", false, "30s", NULL},
	{"send-total", 256, P "SEND_TOTAL", false, NULL, NULL},
	{"min-rate", 257, P "MIN_RATE", false, NULL, NULL},
	{"unacked", 258, P "UNACKED", false, NULL, NULL},
	{"policy", 259, P "POLICY", false, NULL, NULL},
	{"rule", 260, P "RULES", false, NULL, NULL},
	{"config", 261, P "CONFIG", false, NULL, NULL},
	{"log", 262, P "LOG", false, NULL, NULL},
	{"log-format", 263, P "LOG_FORMAT", false, NULL, NULL},
	{"verbose", 'v', P "VERBOSE", true, NULL, NULL},
	{"dry-run", 264, P "DRY_RUN", true, NULL, NULL},
	{"summary", 265, P "SUMMARY", true, NULL, NULL},
};

enum { RULE = 260, CONFIG = 261 };
_Static_assert(sizeof settings_of_options / sizeof *settings_of_options == GIVEN_COUNT, "one for each");

/* Several rules are one list, of lines: a comment ends with its own. */
static const char *joined(const char *before, const char *rule)
{
	char *list;

	if (!before || !*before)
		return rule;
	if (!rule || !*rule)
		return before;
	if (asprintf(&list, "%s\n%s", before, rule) < 0)
		fail_memory();
	return list;
}

void given_options(struct option options[GIVEN_COUNT])
{
	for (size_t i = 0; i < GIVEN_COUNT; i++) {
		const struct setting *setting = &settings_of_options[i];

		options[i] = (struct option){setting->option, setting->is_switch ? no_argument : required_argument, NULL,
		                             setting->letter};
	}
}

void given_take(int letter, const char *value)
{
	for (size_t i = 0; i < GIVEN_COUNT; i++) {
		struct setting *setting = &settings_of_options[i];

		if (setting->letter != letter)
			continue;
		if (letter == RULE)
			setting->given = joined(setting->given, value);
		else
			setting->given = setting->is_switch ? "1" : value;
	}
}

/* @p context: whether anything was bad. An unknown name may be meant for a newer version, so it is no error. */
static void complain(enum settings_fault fault, const char *what, const char *why, void *context)
{
	bool *bad = context;
	char buffer[SETTINGS_COMPLAINT_SIZE];
	struct text line;

	if (fault != SETTINGS_UNKNOWN)
		*bad = true;
	text_start(&line, buffer, sizeof buffer);
	settings_complaint(&line, fault, what, why, fault == SETTINGS_UNKNOWN);
	fprintf(stderr, "sndtimeo: %s\n", buffer);
}

static void set_variable(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		fail(name, strerror(errno));
}

/* A path counts from where we are, and the program may go elsewhere. */
static const char *absolute(const char *path)
{
	char *whole = settings_names_machine(path) ? NULL : realpath(path, NULL);

	return whole ? whole : path;
}

/* What counts if nobody says. It is in the environment, and so it would count before what a file says. */
static void apply_fallbacks(bool machine_wide)
{
	static struct settings seen;
	const char *config = getenv(P "CONFIG");
	bool may_be_in_a_file = machine_wide || (config && *config);

	for (struct setting *setting = settings_of_options; setting < settings_of_options + GIVEN_COUNT; setting++) {
		const char *set = getenv(setting->variable);

		if (!setting->fallback || (set && *set))
			continue;
		if (may_be_in_a_file)
			settings_read(&seen, environ, machine_wide, settings_unheard, NULL);
		may_be_in_a_file = false;
		if (!settings_is_given(&seen, setting->variable))
			set_variable(setting->variable, setting->fallback);
	}
}

/* Check the options' values, and put them into the environment. A file is checked where it counts. */
static void apply(bool *bad)
{
	static struct settings scratch;

	for (struct setting *setting = settings_of_options; setting < settings_of_options + GIVEN_COUNT; setting++) {
		const char *inherited = getenv(setting->variable), *value = setting->given && *setting->given ? setting->given : NULL;
		char shown[40];

		if (setting->letter == CONFIG) {
			if (value || (inherited && *inherited))
				set_variable(setting->variable, absolute(value ? value : inherited));
			continue;
		}
		snprintf(shown, sizeof shown, "--%s", setting->option);
		if (value && settings_set(&scratch, setting->variable, shown, value, complain, bad))
			set_variable(setting->variable, setting->letter == RULE ? joined(value, inherited) : value);
	}
}

void given_apply(bool or_none)
{
	const bool machine_wide = machine_preloads_us();
	bool bad = false;

	apply(&bad);
	if (or_none)
		settings_read(&settings, environ, machine_wide, settings_unheard, NULL);
	if (!or_none || settings_limit(&settings))
		apply_fallbacks(machine_wide);
	settings_read(&settings, environ, machine_wide, complain, &bad);
	if (bad)
		exit(EXIT_OWN_FAILURE);
}

void given_read_for(const char *file, const char *name)
{
	if (!settings.rules.names_programs)
		return;
	/* It stays: what is read last is what is asked. */
	program_assume(file ? realpath(file, NULL) : NULL, name);
	settings_read(&settings, environ, machine_preloads_us(), settings_unheard, NULL);
}
