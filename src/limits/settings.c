/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The configuration: read once, by the library and by the launcher alike.
 */
#include "limits/settings.h"

#include <string.h>

#include "base/libc.h"
#include "limits/machine.h"
#include "limits/nearest.h"
#include "base/text.h"

/* How much of a name or a value is worth repeating. */
#define SHOWN 60

/* What can be set apart from limits. A taker changes the settings only if it returns true; NULL: see take_rules(). */
static bool take_log(struct settings *settings, const char *value)
{
	const size_t length = strnlen(value, LOG_PATH_SIZE);

	if (*value == '/') {
		char *path = MAP_FAILED;

		if (length < LOG_PATH_SIZE)
			path = libc.mmap(NULL, LOG_PATH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (path == MAP_FAILED)
			return false;
		settings->log = LOG_TO_FILE;
		settings->log_path = memcpy(path, value, length + 1);
	} else if (strcmp(value, "stderr") == 0)
		settings->log = LOG_TO_STDERR;
	else if (strcmp(value, "syslog") == 0)
		settings->log = LOG_TO_SYSLOG;
	else if (strcmp(value, "off") == 0)
		settings->log = LOG_TO_NOTHING;
	else
		return false;
	return true;
}

static bool take_log_format(struct settings *settings, const char *value)
{
	if (strcmp(value, "text") == 0)
		settings->log_format = LOG_AS_TEXT;
	else if (strcmp(value, "json") == 0)
		settings->log_format = LOG_AS_JSON;
	else
		return false;
	return true;
}

static bool take_switch(bool *on, const char *value)
{
	if ((*value != '0' && *value != '1') || value[1] != '\0')
		return false;
	*on = *value == '1';
	return true;
}

/* In the order of their names. */
enum { RULES, CONFIG, LOG, LOG_FORMAT, VERBOSE, DRY_RUN, SUMMARY, NAMES = OTHER_COUNT + LIMIT_COUNT };
_Static_assert(SUMMARY + 1 == OTHER_COUNT, "one for each name");

/* Any of them but rules. */
static bool take_other(struct settings *settings, size_t other, const char *value)
{
	switch (other) {
	case LOG: return take_log(settings, value);
	case LOG_FORMAT: return take_log_format(settings, value);
	case VERBOSE: return take_switch(&settings->verbose, value);
	case DRY_RUN: return take_switch(&settings->dry_run, value);
	default: return take_switch(&settings->summary, value);
	}
}

static const char *other_accepted(size_t other)
{
	switch (other) {
	case LOG: return "stderr, syslog, off, or a path that begins with /";
	case LOG_FORMAT: return "text or json";
	default: return "1 or 0";
	}
}

static bool is_capital(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (name[i] != '_' && (name[i] < 'A' || name[i] > 'Z'))
			return false;
	}
	return true;
}

/* Whether @p variable begins as all of ours do. */
static bool is_ours(const char *variable)
{
	size_t i = 0;

	while (i < strlen(SETTINGS_PREFIX) && variable[i] == SETTINGS_PREFIX[i])
		i++;
	return i == strlen(SETTINGS_PREFIX);
}

/* The bytes of a variable's name; of all of it if it has no value. */
static size_t name_length(const char *variable)
{
	size_t length = 0;

	while (variable[length] && variable[length] != '=')
		length++;
	return length;
}

/* The setting called by the first @p length bytes of @p name, PREFIX and all. */
static size_t find(const char *name, size_t length)
{
	const size_t prefix = strlen(SETTINGS_PREFIX);

	if (length <= prefix || memcmp(name, SETTINGS_PREFIX, prefix) != 0)
		return NAMES;
	name += prefix;
	length -= prefix;
	return is_capital(name, length) ? name_index(setting_names, NAMES, name, length) : NAMES;
}

/* Rules tell of their mistakes themselves. */
struct relay {
	struct settings *settings;
	settings_complain *complain;
	void *context;
};

static void relay(const char *line, void *context)
{
	const struct relay *to = context;

	to->complain(SETTINGS_RULE, line, NULL, to->context);
}

/* A setting that stands in a file: what the environment says counts instead. */
static const char *take_from_file(const char *name, size_t length, const char *value, void *context)
{
	struct settings *settings = ((const struct relay *)context)->settings;
	const size_t which = name_index(setting_names, OTHER_COUNT, name, length);

	if (which == OTHER_COUNT || which == RULES || which == CONFIG)
		return "";
	if (settings->given & 1u << which)
		return NULL;
	return take_other(settings, which, value) ? NULL : other_accepted(which);
}

bool settings_names_machine(const char *config)
{
	return strcmp(config, CONFIG_DEFAULT) == 0 || strcmp(config, CONFIG_OFF) == 0;
}

static bool take_rules(struct settings *settings, size_t which, const char *shown, const char *value,
                       settings_complain *complain, void *context)
{
	struct relay to = {settings, complain, context};

	if (which == CONFIG && strcmp(value, CONFIG_OFF) == 0)
		return true;
	if (which == CONFIG)
		return rules_add_file(&settings->rules, strcmp(value, CONFIG_DEFAULT) == 0 ? machine_config : value, relay, take_from_file, &to) == 0;
	return rules_add(&settings->rules, value, strlen(value), shown, relay, &to) == 0;
}

__attribute__((cold)) static void tell_bad(const char *shown, const char *value, const char *accepted, settings_complain *complain,
                     void *context)
{
	char buffer[3 * SHOWN], reason[3 * SHOWN];
	struct text line, why;

	text_start(&line, buffer, sizeof buffer);
	text_add_foreign(&line, shown, SHOWN);
	text_add(&line, "='");
	text_add_foreign(&line, value, SHOWN);
	text_add(&line, "'");
	text_start(&why, reason, sizeof reason);
	text_add_format(&why, "expected %s", accepted);
	complain(SETTINGS_BAD, buffer, reason, context);
}

__attribute__((cold)) static void tell_unknown(const char *name, settings_complain *complain, void *context)
{
	char shown[2 * SHOWN], reason[3 * SHOWN];
	const char *const own = is_ours(name) ? name + strlen(SETTINGS_PREFIX) : "";
	const char *near = nearest(own, strlen(own), setting_names, NAMES);
	struct text what, why;

	text_start(&what, shown, sizeof shown);
	text_add_foreign(&what, name, SHOWN);
	text_start(&why, reason, sizeof reason);
	text_add(&why, "is not a setting of this version");
	if (near) {
		text_add(&why, " (did you mean " SETTINGS_PREFIX);
		for (; *near; near++)
			text_add(&why, (const char[]){*near >= 'a' && *near <= 'z' ? (char)(*near - 'a' + 'A') : *near, '\0'});
		text_add(&why, "?)");
	}
	complain(SETTINGS_UNKNOWN, shown, reason, context);
}

void settings_unheard(enum settings_fault fault, const char *what, const char *why, void *context)
{
	(void)fault;
	(void)what;
	(void)why;
	(void)context;
}

void settings_complaint(struct text *line, enum settings_fault fault, const char *what, const char *why, bool ignored)
{
	text_add(line, what);
	if (fault == SETTINGS_BAD)
		text_add(line, ignored ? " ignored: " : ": ");
	if (fault == SETTINGS_UNKNOWN)
		text_add(line, " ");
	if (why)
		text_add(line, why);
	if (ignored && fault != SETTINGS_BAD)
		text_add(line, ": ignored");
}

__attribute__((cold)) bool settings_set(struct settings *settings, const char *name, const char *shown, const char *value,
                  settings_complain *complain, void *context)
{
	const size_t which = find(name, strlen(name));

	if (which == NAMES) {
		tell_unknown(name, complain, context);
		return false;
	}
	if (which == RULES || which == CONFIG)
		return take_rules(settings, which, shown, value, complain, context);

	const enum limit limit = (enum limit)(which - OTHER_COUNT);
	const bool is_limit = which >= OTHER_COUNT;

	if (is_limit ? limit_take(&settings->limits, limit, value) : take_other(settings, which, value)) {
		settings->given |= 1u << which;
		return true;
	}
	tell_bad(shown, value, is_limit ? limit_accepted(limit) : other_accepted(which), complain, context);
	return false;
}

/* Take one NAME=VALUE whose NAME has @p length bytes. */
static void take_variable(struct settings *settings, const char *variable, size_t length, settings_complain *complain,
                          void *context)
{
	char name[SHOWN + 2]; /* one byte more than is shown, so that a cut is seen */
	struct text copy;

	text_start(&copy, name, length < sizeof name ? length + 1 : sizeof name);
	text_add(&copy, variable);
	settings_set(settings, name, name, variable + length + 1, complain, context);
}

#define IDLE_RATE "it limits nothing without a send timeout ("

/* A rate is counted beyond the send timeout. */
static void check_rate(const struct settings *settings, settings_complain *complain, void *context)
{
	char buffer[SHOWN];
	struct text what;
	bool counts;
	const size_t rule = rules_idle_rate(&settings->rules, settings->limits.min_rate, &counts);

	/* A rule may have the send timeout for it. */
	if (settings->limits.min_rate && !settings->limits.send_ms && !counts && !settings->rules.last)
		complain(SETTINGS_BAD, SETTINGS_PREFIX "MIN_RATE", IDLE_RATE SETTINGS_PREFIX "SEND)", context);
	if (rule) {
		text_start(&what, buffer, sizeof buffer);
		text_add_format(&what, "min_rate of rule %jd", (intmax_t)rule);
		complain(SETTINGS_BAD, buffer, IDLE_RATE "send=DUR)", context);
	}
}

bool settings_given(char *const *environment)
{
	while (environment && *environment && !is_ours(*environment))
		environment++;
	return environment && *environment;
}

__attribute__((cold)) void settings_read(struct settings *settings, char *const *environment, bool machine_wide, settings_complain *complain, void *context)
{
	const char *variables[2] = {NULL};

	*settings = (struct settings){.log = LOG_TO_STDERR};
	for (; environment && *environment; environment++) {
		if (!is_ours(*environment))
			continue;

		const size_t length = name_length(*environment), which = find(*environment, length);

		if (!(*environment)[length] || !(*environment)[length + 1])
			continue;

		if (which == RULES || which == CONFIG)
			variables[which] = *environment;
		else
			take_variable(settings, *environment, length, complain, context);
	}
	/* In this order, whatever the environment's. */
	for (size_t i = RULES; i <= CONFIG; i++) {
		if (variables[i])
			take_variable(settings, variables[i], name_length(variables[i]), complain, context);
	}
	if (!variables[CONFIG] && machine_wide && machine_has_config())
		take_rules(settings, CONFIG, NULL, machine_config, complain, context);
	for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
		if (settings->rules.named & 1u << limit && !(settings->given & 1u << (OTHER_COUNT + limit))) {
			limit_copy(&settings->limits, &settings->rules.otherwise, limit);
			settings->given |= 1u << (OTHER_COUNT + limit);
		}
	rules_complete(&settings->rules, &settings->limits);
	const struct limits *for_all = rules_for_all(&settings->rules);

	/* So a program that a rule switches off is as one without any settings. */
	if (for_all)
		settings->limits = *for_all;
	check_rate(settings, complain, context);
}

bool settings_is_given(const struct settings *settings, const char *name)
{
	return settings->given & 1u << find(name, strlen(name));
}

struct limits settings_shortest(const struct settings *settings)
{
	struct limits shortest = settings->limits;
	rules_shorten(&settings->rules, &shortest);
	return shortest;
}

bool settings_limit(const struct settings *settings)
{
	return limits_any(&settings->limits) || rules_limit(&settings->rules);
}
