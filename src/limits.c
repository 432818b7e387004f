/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The configuration: parsed once, by the library and by the launcher alike, and never changed afterwards.
 */
#include "limits.h"

#include <string.h>

#include "duration.h"
#include "text.h"

#define PREFIX "SNDTIMEO_"

/* How much of a name or a value is worth repeating. */
#define SHOWN 60

static bool take_connect(struct limits *limits, const char *value)
{
	return parse_duration(value, &limits->connect_ms);
}

static bool take_send(struct limits *limits, const char *value)
{
	return parse_duration(value, &limits->send_ms);
}

static bool take_policy(struct limits *limits, const char *value)
{
	if (strcmp(value, "replace") == 0)
		limits->policy = POLICY_REPLACE;
	else if (strcmp(value, "cap") == 0)
		limits->policy = POLICY_CAP;
	else
		return false;
	return true;
}

static bool take_log(struct limits *limits, const char *value)
{
	if (strcmp(value, "stderr") == 0)
		limits->log_off = false;
	else if (strcmp(value, "off") == 0)
		limits->log_off = true;
	else
		return false;
	return true;
}

/* Everything that can be set. A taker changes the limits only if it returns true. */
static const struct setting {
	const char *name; /* after PREFIX */
	bool (*take)(struct limits *limits, const char *value);
	const char *accepted;
} settings[] = {
	{"CONNECT", take_connect, DURATION_ACCEPTED},
	{"SEND", take_send, DURATION_ACCEPTED},
	{"POLICY", take_policy, "replace or cap"},
	{"LOG", take_log, "stderr or off"},
};

/* The setting called by the first @p length bytes of @p name, NULL if there is none. */
static const struct setting *find_setting(const char *name, size_t length)
{
	size_t prefix = strlen(PREFIX);

	if (length < prefix || memcmp(name, PREFIX, prefix) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		const char *own = settings[i].name;

		if (strlen(own) == length - prefix && memcmp(own, name + prefix, length - prefix) == 0)
			return &settings[i];
	}
	return NULL;
}

static void add_value(struct text *line, const char *value)
{
	text_add(line, "'");
	text_add_foreign(line, value, SHOWN);
	text_add(line, "'");
}

int limits_set(struct limits *limits, const char *name, const char *value, char *complaint, size_t complaint_size)
{
	const struct setting *setting = find_setting(name, strlen(name));
	struct text line;

	if (setting && setting->take(limits, value))
		return 1;

	text_start(&line, complaint, complaint_size);
	if (!setting) {
		text_add(&line, "is not a setting of this version");
		return -1;
	}
	add_value(&line, value);
	text_add(&line, ": expected ");
	text_add(&line, setting->accepted);
	return 0;
}

/* Take one NAME=VALUE whose NAME has @p length bytes; tell @p complain if that cannot be done. */
static void take_variable(struct limits *limits, const char *variable, size_t length, limits_complain *complain,
                          void *context)
{
	const struct setting *setting = find_setting(variable, length);
	const char *value = variable + length + 1;
	char buffer[LIMITS_COMPLAINT_SIZE];
	struct text line;

	if (*value == '\0' || (setting && setting->take(limits, value)))
		return;

	text_start(&line, buffer, sizeof buffer);
	text_add(&line, "sndtimeo: ");
	if (setting) {
		text_add(&line, PREFIX);
		text_add(&line, setting->name);
		text_add(&line, "=");
		add_value(&line, value);
		text_add(&line, " ignored: expected ");
		text_add(&line, setting->accepted);
	} else {
		char name[SHOWN + 2]; /* one byte more than is shown, so that a cut is seen */
		struct text shown;

		text_start(&shown, name, length < sizeof name ? length + 1 : sizeof name);
		text_add(&shown, variable);
		text_add_foreign(&line, name, SHOWN);
		text_add(&line, " is not a setting of this version: ignored");
	}
	complain(buffer, context);
}

void limits_from_environment(struct limits *limits, char *const *environment, limits_complain *complain, void *context)
{
	memset(limits, 0, sizeof *limits);
	for (; environment && *environment; environment++) {
		const char *equals = strchr(*environment, '=');

		if (equals && strncmp(*environment, PREFIX, strlen(PREFIX)) == 0)
			take_variable(limits, *environment, (size_t)(equals - *environment), complain, context);
	}
}
