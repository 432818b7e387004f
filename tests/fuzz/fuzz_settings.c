/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Fuzzes everything that reads settings somebody else wrote: names, durations, rates, and what is said of bad
 * ones. Rules have a fuzzer of their own.
 *
 * An input is an environment: NAME=VALUE, one behind the other with a NUL in between. See `make fuzz`.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holds.h"
#include "src/limits/quantity.h"
#include "src/limits/settings.h"
#include "src/base/text.h"
/* A program reads its rules once and keeps them; here their pages have to go again, and only this knows how many. */
#include "src/limits/rules.c"

#define PREFIX "SNDTIMEO_"
#define MOST_VARIABLES 64
#define RATE_MOST (INT64_C(1) << 40)
#define GUARD '#'

/* Every byte printable, no newline, and the end within @p size. */
static void check_line(const char *line, size_t size)
{
	const size_t length = strnlen(line, size);

	HOLDS(length < size);
	for (size_t i = 0; i < length; i++)
		HOLDS(line[i] >= ' ' && line[i] <= '~');
}

static bool same_limits(const struct limits *one, const struct limits *other)
{
	return one->connect_ms == other->connect_ms && one->send_ms == other->send_ms &&
	       one->send_total_ms == other->send_total_ms && one->unacked_ms == other->unacked_ms &&
	       one->min_rate == other->min_rate && one->policy == other->policy;
}

/* All but the rules. */
static bool same_settings(const struct settings *one, const struct settings *other)
{
	return same_limits(&one->limits, &other->limits) && one->log == other->log &&
	       one->log_format == other->log_format && (one->log_path ? other->log_path && strcmp(one->log_path, other->log_path) == 0 : !other->log_path) &&
	       one->verbose == other->verbose && one->dry_run == other->dry_run && one->summary == other->summary;
}

static bool same_rule(const struct rule *one, const struct rule *other)
{
	return memcmp(one->address, other->address, sizeof one->address) == 0 &&
	       memcmp(one->mask, other->mask, sizeof one->mask) == 0 && one->first == other->first &&
	       one->last == other->last && one->kinds == other->kinds && one->named == other->named;
}

static bool same_rules(const struct rules *one, const struct rules *other)
{
	if (one->count != other->count || one->names_unix != other->names_unix)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (!same_rule(&one->all[i], &other->all[i]) || !same_limits(&limits_of(one)[i], &limits_of(other)[i]))
			return false;
	return true;
}

static void free_rules(struct rules *rules)
{
	if (rules->room)
		munmap(rules->all, rules->room * ROOM_FOR_ONE);
	*rules = (struct rules){ 0 };
}

static void check_limits(const struct limits *limits)
{
	HOLDS(limits->connect_ms >= 0);
	HOLDS(limits->send_ms >= 0);
	HOLDS(limits->send_total_ms >= 0);
	HOLDS(limits->unacked_ms >= 0);
	HOLDS(limits->min_rate >= 0 && limits->min_rate <= RATE_MOST);
	HOLDS(limits->policy == POLICY_REPLACE || limits->policy == POLICY_CAP);
}

static void check_range(const struct settings *settings)
{
	check_limits(&settings->limits);
	for (size_t i = 0; i < settings->rules.count; i++)
		check_limits(&limits_of(&settings->rules)[i]);
	HOLDS(settings->log == LOG_TO_STDERR || settings->log == LOG_TO_SYSLOG || settings->log == LOG_TO_FILE ||
	      settings->log == LOG_TO_NOTHING);
	HOLDS(settings->log_format == LOG_AS_TEXT || settings->log_format == LOG_AS_JSON);
	HOLDS(settings->log != LOG_TO_FILE || settings->log_path);
	HOLDS(!settings->log_path || (*settings->log_path == '/' && strnlen(settings->log_path, LOG_PATH_SIZE) < LOG_PATH_SIZE));
}

/* ---- quantities, against the C library's numbers ----------------------------------------------------------------- */

struct unit_worth {
	const char *name;
	long worth;
};

/* What @p text is by another way than parse_duration()'s and parse_rate()'s; negative if it is none. */
static long double other_way(const char *text, const char *letters, const struct unit_worth *units, size_t count)
{
	char *end;

	if (strcmp(text, "off") == 0)
		return 0;
	/* strtold() knows blanks, signs, infinities, hexadecimals and exponents, too. */
	const char *rest = text + strspn(text, "0123456789.");

	if (rest[strspn(rest, letters)] != '\0' || (*text != '.' && (*text < '0' || *text > '9')))
		return -1;
	const long double number = strtold(text, &end);

	for (size_t i = 0; end != text && i < count; i++)
		if (strcmp(end, units[i].name) == 0)
			return number * units[i].worth;
	return -1;
}

/* What a long double of 64 bits loses of thirteen digits, and more. */
#define LOSS 1e-6L

/* Rounded up, and never to no limit. */
static void check_rounded(long double value, int64_t quantity)
{
	HOLDS(quantity >= 0);
	HOLDS(value >= 0 && value < (long double)quantity + LOSS && value > (long double)quantity - 1 - LOSS);
	HOLDS(quantity > 0 || value <= 0);
}

static void check_duration(const char *text)
{
	static const struct unit_worth units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};
	const long double value = other_way(text, "msh", units, sizeof units / sizeof *units);
	int32_t ms = -77, again = -77;
	char plain[32];

	if (!parse_duration(text, &ms)) {
		HOLDS(ms == -77);
		HOLDS(value < 0 || value > INT32_MAX - LOSS);
		return;
	}
	check_rounded(value, ms);
	snprintf(plain, sizeof plain, "%dms", ms);
	HOLDS(parse_duration(plain, &again) && again == ms);
}

static void check_rate_of(const char *text)
{
	static const struct unit_worth units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 },
		{ "k", 1 << 10 }, { "m", 1 << 20 }, { "g", 1 << 30 },
	};
	const long double value = other_way(text, "KMGkmg", units, sizeof units / sizeof *units);
	int64_t rate = -77, again = -77;
	char plain[32];

	if (!parse_rate(text, &rate)) {
		HOLDS(rate == -77);
		HOLDS(value < 0 || value > RATE_MOST - LOSS);
		return;
	}
	HOLDS(rate <= RATE_MOST);
	check_rounded(value, rate);
	snprintf(plain, sizeof plain, "%lld", (long long)rate);
	HOLDS(parse_rate(plain, &again) && again == rate);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void check_foreign(const char *string, size_t most, size_t size)
{
	char *buffer = malloc(size + 1); /* exactly: the address sanitizer watches its end */
	struct text line;

	HOLDS(buffer);
	buffer[size] = GUARD;
	text_start(&line, buffer, size);
	text_add_foreign(&line, string, most);
	check_line(buffer, size);
	HOLDS(line.length == strlen(buffer));
	HOLDS(line.length <= most + strlen("..."));
	HOLDS(buffer[size] == GUARD);
	if (strlen(string) <= most && strlen(string) < size)
		HOLDS(line.length == strlen(string));
	free(buffer);
}

static void tell_nobody(const char *line, void *context)
{
	(void)line;
	(void)context;
	HOLDS(!"a rule that the library wrote has a mistake");
}

/* Limits as the library shows them are a rule's, and mean the same. */
static void check_written(const struct limits *limits)
{
	static struct rules rules;
	const struct destination anywhere = { .kind = DESTINATION_IPV4, .port = 1 };
	char buffer[2 + LIMITS_SIZE];
	struct text line;

	text_start(&line, buffer, sizeof buffer);
	text_add(&line, "* ");
	text_add_limits(&line, limits);
	check_line(buffer, sizeof buffer - 1);
	rules.count = 0; /* its room stays */
	HOLDS(rules_add(&rules, buffer, line.length, "here", tell_nobody, NULL) == 0);
	rules_complete(&rules, &(struct limits){ 0 });
	const struct limits *again = rules_find(&rules, &anywhere, NULL);

	HOLDS(again);
	HOLDS(same_limits(again, limits_any(limits) ? limits : &(struct limits){ 0 }));
}

/* ---- complaints -------------------------------------------------------------------------------------------------- */

struct complaints {
	size_t room;              /* for a line that is cut */
	bool foreign;             /* a name may be anybody's */
	size_t count;
	size_t of[SETTINGS_RULE + 1];
	uint64_t all;             /* a hash of all lines, in their order */
};

/* Not of a file of rules: that would be opened. */
static bool is_config(const char *variable)
{
	const size_t length = strcspn(variable, "=");

	return length == strlen(PREFIX "CONFIG") && memcmp(variable, PREFIX "CONFIG", length) == 0;
}

static void is_known(enum settings_fault fault, const char *what, const char *why, void *context)
{
	(void)what;
	(void)why;
	(void)context;
	HOLDS(fault != SETTINGS_UNKNOWN);
}

/* What is suggested has to be a setting. */
static void check_suggestion(const char *why)
{
	static struct settings scratch;
	const char *begin = strstr(why, "did you mean ");
	char name[64];

	if (!begin)
		return;
	HOLDS(sscanf(begin, "did you mean %63[A-Z_]?)", name) == 1);
	HOLDS(strncmp(name, PREFIX, strlen(PREFIX)) == 0);
	if (!is_config(name))
		settings_set(&scratch, name, name, "\1", is_known, NULL);
}

/* The same in less room is a part of it. */
static void check_cut(const char *line, enum settings_fault fault, const char *what, const char *why, size_t room)
{
	char *cut = malloc(room + 1); /* exactly: the address sanitizer watches its end */
	struct text text;

	HOLDS(cut);
	cut[room] = GUARD;
	text_start(&text, cut, room);
	settings_complaint(&text, fault, what, why, true);
	check_line(cut, room);
	HOLDS(strncmp(cut, line, strlen(cut)) == 0);
	HOLDS(strlen(cut) == (strlen(line) < room ? strlen(line) : room - 1));
	HOLDS(cut[room] == GUARD);
	free(cut);
}

static void count_line(enum settings_fault fault, const char *what, const char *why, void *context)
{
	struct complaints *complaints = context;
	char line[SETTINGS_COMPLAINT_SIZE], other[SETTINGS_COMPLAINT_SIZE];
	struct text text;

	text_start(&text, line, sizeof line);
	settings_complaint(&text, fault, what, why, true);
	check_line(line, sizeof line);
	/* Shorter than its room: nothing was cut off. */
	HOLDS(text.length < sizeof line - 1);
	HOLDS(complaints->foreign || strncmp(line, PREFIX, strlen(PREFIX)) == 0 ||
	      strncmp(line, "min_rate of rule ", strlen("min_rate of rule ")) == 0);
	HOLDS(strstr(line, "ignored"));
	text_start(&text, other, sizeof other);
	settings_complaint(&text, fault, what, why, false);
	check_line(other, sizeof other);
	HOLDS(strlen(line) == strlen(other) + strlen(fault == SETTINGS_BAD ? " ignored" : ": ignored"));
	check_cut(line, fault, what, why, complaints->room);
	HOLDS((fault == SETTINGS_RULE) == (why == NULL));
	if (fault == SETTINGS_UNKNOWN)
		check_suggestion(why);
	complaints->count++;
	complaints->of[fault]++;
	for (const char *at = line; at == line || at[-1]; at++)
		complaints->all = (complaints->all ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/** Set one by its name. @return whether it was taken */
static bool set_one(struct settings *settings, const char *name, const char *value, struct complaints *complaints)
{
	const bool is_rules = strcmp(name, PREFIX "RULES") == 0;
	const size_t told = complaints->count, rules = settings->rules.count;
	struct settings *before = malloc(sizeof *before);

	HOLDS(before);
	*before = *settings;
	const bool taken = settings_set(settings, name, name, value, count_line, complaints);

	HOLDS(taken == (complaints->count == told));
	HOLDS(is_rules || complaints->count - told == !taken);
	if (!taken || is_rules)
		HOLDS(same_settings(settings, before));
	HOLDS(is_rules ? settings->rules.count >= rules : settings->rules.count == rules);
	check_range(settings);
	free(before);
	return taken;
}

/** A name that is none of ours, and so is none. */
static void set_none(const char *name, const char *value, size_t room)
{
	static struct settings none;
	struct complaints complaints = { .room = room, .foreign = true };

	memset(&none, 0, sizeof none);
	HOLDS(!set_one(&none, name, value, &complaints));
	HOLDS(complaints.of[SETTINGS_UNKNOWN] == 1);
}

/** A string without '=', as a name and as a value. */
static void set_bare(const char *string, size_t room)
{
	static struct settings settings;
	struct complaints complaints = { .room = room, .foreign = true };

	memset(&settings, 0, sizeof settings);
	set_one(&settings, string, string, &complaints);
	free_rules(&settings.rules);
}

/* What is said of a least rate that has no send timeout: of the one for all, unless a rule makes use of it or is for all, and of
 * the first rule with another one. */
static void expect_rates_told(const struct settings *settings, struct complaints *complaints)
{
	bool used = false;
	size_t first = 0;
	char what[60];

	for (size_t i = settings->rules.count; i-- > 0;) {
		const struct limits *limits = &limits_of(&settings->rules)[i];

		used |= limits->min_rate != 0 && limits->send_ms != 0;
		if (limits->min_rate && !limits->send_ms && limits->min_rate != settings->limits.min_rate)
			first = i + 1;
	}
	if (settings->limits.min_rate && !settings->limits.send_ms && !used && !settings->rules.last)
		count_line(SETTINGS_BAD, PREFIX "MIN_RATE", "it limits nothing without a send timeout (" PREFIX "SEND)",
		           complaints);
	snprintf(what, sizeof what, "min_rate of rule %zu", first);
	if (first)
		count_line(SETTINGS_BAD, what, "it limits nothing without a send timeout (send=DUR)", complaints);
}

/* The whole environment must come to the same as its variables one by one, the rules last. */
static void set_one_by_one(struct settings *settings, char *const *environment, struct complaints *complaints)
{
	const char *rules = NULL;

	for (; *environment; environment++) {
		const char *equals = strchr(*environment, '=');

		if (!equals) {
			set_bare(*environment, complaints->room);
			continue;
		}
		char *name = strndup(*environment, (size_t)(equals - *environment));

		HOLDS(name);
		if (strncmp(*environment, PREFIX, strlen(PREFIX)) != 0)
			set_none(name, equals + 1, complaints->room);
		else if (equals[1] != '\0' && strcmp(name, PREFIX "RULES") == 0)
			rules = equals + 1;
		else if (equals[1] != '\0')
			set_one(settings, name, equals + 1, complaints);
		free(name);
	}
	if (rules)
		set_one(settings, PREFIX "RULES", rules, complaints);
	rules_complete(&settings->rules, &settings->limits);
	expect_rates_told(settings, complaints);
}

static void check_environment(char *const *environment, size_t room)
{
	static struct settings whole, single;
	struct complaints of_whole = { .room = room }, of_single = { .room = room };

	memset(&whole, 0x5a, sizeof whole);
	settings_read(&whole, environment, false, count_line, &of_whole);
	check_range(&whole);
	memset(&single, 0, sizeof single);
	set_one_by_one(&single, environment, &of_single);
	HOLDS(same_settings(&whole, &single));
	HOLDS(same_rules(&whole.rules, &single.rules));
	HOLDS(of_whole.count == of_single.count);
	HOLDS(of_whole.all == of_single.all);
	HOLDS(settings_limit(&whole) == (limits_any(&whole.limits) || rules_limit(&whole.rules)));
	check_written(&whole.limits);
	if (whole.rules.count)
		check_written(&limits_of(&whole.rules)[0]);
	free_rules(&whole.rules);
	free_rules(&single.rules);
}

/** Where rules are another program's there is nothing to compare. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	program_assume_any();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *environment[MOST_VARIABLES + 1];
	const size_t some = size ? data[0] % 70 : 0;
	size_t count = 0;

	HOLDS(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t at = 0; at <= size && count < MOST_VARIABLES; at += strlen(text + at) + 1)
		if (!is_config(text + at))
			environment[count++] = text + at;
	environment[count] = NULL;
	check_environment(environment, some + 1);
	check_environment(environment, SETTINGS_COMPLAINT_SIZE);
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(environment[i], '='), *value = equals ? equals + 1 : environment[i];

		check_duration(value);
		check_rate_of(value);
		check_foreign(environment[i], some, some + 1);
		check_foreign(environment[i], size, 64);
		check_foreign(environment[i], 60, 512);
	}
	free(text);
	return 0;
}
