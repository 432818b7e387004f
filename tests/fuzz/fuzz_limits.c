/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Fuzzes everything that reads text somebody else wrote: settings, durations, and what is said of bad ones.
 *
 * An input is an environment: NAME=VALUE, one behind the other with a NUL in between. See `make fuzz`.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/duration.h"
#include "src/limits.h"
#include "src/text.h"

#define PREFIX "SNDTIMEO_"
#define MOST_VARIABLES 64
#define GUARD '#'

/* Not assert(), which NDEBUG takes away. */
#define HOLDS(condition)                                                                                           \
	do {                                                                                                       \
		if (!(condition)) {                                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);             \
			abort();                                                                                   \
		}                                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte printable, no newline, and the end within @p size. */
static void check_line(const char *line, size_t size)
{
	const size_t length = strnlen(line, size);

	HOLDS(length < size);
	for (size_t i = 0; i < length; i++)
		HOLDS(line[i] >= ' ' && line[i] <= '~');
}

static bool same(const struct limits *one, const struct limits *other)
{
	return one->connect_ms == other->connect_ms && one->send_ms == other->send_ms &&
	       one->policy == other->policy && one->log_off == other->log_off;
}

static void check_range(const struct limits *limits)
{
	HOLDS(limits->connect_ms >= 0);
	HOLDS(limits->send_ms >= 0);
	HOLDS(limits->policy == POLICY_REPLACE || limits->policy == POLICY_CAP);
}

/* ---- durations, against the C library's numbers ------------------------------------------------------------------ */

/* Milliseconds of @p text by another way than parse_duration()'s; negative if it is no duration. */
static long double other_way(const char *text)
{
	static const struct {
		const char *name;
		int ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;

	if (strcmp(text, "off") == 0)
		return 0;
	/* strtold() knows blanks, signs, infinities, hexadecimals and exponents, too. */
	if (text[strspn(text, "0123456789.msh")] != '\0' || (*text != '.' && (*text < '0' || *text > '9')))
		return -1;
	const long double number = strtold(text, &end);

	for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].name) == 0)
			return number * units[i].ms;
	return -1;
}

static void check_duration(const char *text)
{
	/* What a long double of 64 bits loses of ten digits, many times over. */
	const long double loss = 1e-6L, value = other_way(text);
	int32_t ms = -77, again = -77;
	char plain[32];

	if (!parse_duration(text, &ms)) {
		HOLDS(ms == -77);
		HOLDS(value < 0 || value > INT32_MAX - loss);
		return;
	}
	HOLDS(ms >= 0);
	HOLDS(value >= 0 && value < (long double)ms + loss && value > (long double)ms - 1 - loss);
	HOLDS(ms > 0 || value <= 0);
	snprintf(plain, sizeof plain, "%dms", ms);
	HOLDS(parse_duration(plain, &again) && again == ms);
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

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/** Set one by its name. @return limits_set()'s result */
static int set_one(struct limits *limits, const char *name, const char *value, size_t room)
{
	const struct limits before = *limits;
	char *complaint = malloc(room + 1);

	HOLDS(complaint);
	memset(complaint, GUARD, room + 1);
	const int result = limits_set(limits, name, value, complaint, room);

	HOLDS(result == 1 || result == 0 || result == -1);
	HOLDS(complaint[room] == GUARD);
	if (result == 1) {
		HOLDS(complaint[0] == GUARD);
	} else {
		check_line(complaint, room);
		HOLDS(same(limits, &before));
	}
	check_range(limits);
	free(complaint);
	return result;
}

struct complaints {
	size_t count;
};

static void count_line(const char *line, void *context)
{
	struct complaints *complaints = context;

	check_line(line, LIMITS_COMPLAINT_SIZE);
	/* Shorter than its room: nothing was cut off. */
	HOLDS(strlen(line) < LIMITS_COMPLAINT_SIZE - 1);
	HOLDS(strncmp(line, "sndtimeo: " PREFIX, strlen("sndtimeo: " PREFIX)) == 0);
	HOLDS(strstr(line, "ignored"));
	complaints->count++;
}

/* The whole environment must come to the same as its variables one by one. */
static void check_environment(char *const *environment, size_t room)
{
	struct limits whole, single = { 0 };
	struct complaints complaints = { 0 };
	size_t refused = 0;

	memset(&whole, 0x5a, sizeof whole);
	limits_from_environment(&whole, environment, count_line, &complaints);
	check_range(&whole);
	for (; *environment; environment++) {
		const char *equals = strchr(*environment, '=');

		if (!equals) {
			set_one(&(struct limits){ 0 }, *environment, *environment, room);
			continue;
		}
		char *name = strndup(*environment, (size_t)(equals - *environment));

		HOLDS(name);
		if (strncmp(*environment, PREFIX, strlen(PREFIX)) != 0) {
			HOLDS(set_one(&(struct limits){ 0 }, name, equals + 1, room) == -1);
		} else if (equals[1] != '\0') {
			refused += set_one(&single, name, equals + 1, room) != 1;
		}
		free(name);
	}
	HOLDS(same(&whole, &single));
	HOLDS(complaints.count == refused);
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
		environment[count++] = text + at;
	environment[count] = NULL;
	check_environment(environment, some + 1);
	check_environment(environment, LIMITS_COMPLAINT_SIZE);
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(environment[i], '=');

		check_duration(equals ? equals + 1 : environment[i]);
		check_foreign(environment[i], some, some + 1);
		check_foreign(environment[i], size, 64);
		check_foreign(environment[i], 60, 512);
	}
	free(text);
	return 0;
}
