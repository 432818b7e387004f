/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Durations and rates as people write them.
 */
#include "limits/quantity.h"

#include <stddef.h>
#include <string.h>

#define RATE_MOST (INT64_C(1) << 40)

struct unit {
	char name[4];
	int32_t worth;
};

/* What the unit called @p name is worth; 0 if there is no such unit. */
static int64_t worth_of(const char *name, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, units[i].name) == 0)
			return units[i].worth;
	}
	return 0;
}

static const char *skip_digits(const char *text)
{
	while (*text >= '0' && *text <= '9')
		text++;
	return text;
}

/* A decimal number with one of @p units, of @p most at most. */
static bool parse(const char *text, const struct unit *units, size_t count, int64_t most, int64_t *value)
{
	if (strcmp(text, "off") == 0) {
		*value = 0;
		return true;
	}

	const char *whole_end = skip_digits(text);
	const char *fraction = *whole_end == '.' ? whole_end + 1 : whole_end;
	const char *fraction_end = skip_digits(fraction);
	int64_t unit = worth_of(fraction_end, units, count);

	if (unit == 0 || (whole_end == text && fraction_end == fraction))
		return false;

	int64_t total = 0;

	for (const char *digit = text; digit < whole_end; digit++) {
		total = total * 10 + (*digit - '0') * unit;
		if (total > most)
			return false;
	}

	/* From the last digit to the first, rounding up at each: that is exact for any number of digits, because
	 * ceil((n + x) / 10) is ceil((n + ceil(x)) / 10) for a whole n. */
	int64_t part = 0;

	for (const char *digit = fraction_end; digit-- > fraction;)
		part = (part + (*digit - '0') * unit + 9) / 10;

	if (total + part > most)
		return false;
	*value = total + part;
	return true;
}

bool parse_duration(const char *text, int32_t *ms)
{
	static const struct unit units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
	int64_t value;

	if (!parse(text, units, sizeof units / sizeof units[0], INT32_MAX, &value))
		return false;
	*ms = (int32_t)value;
	return true;
}

bool parse_rate(const char *text, int64_t *bytes)
{
	static const struct unit units[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30},
	                                    {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}};

	return parse(text, units, sizeof units / sizeof units[0], RATE_MOST, bytes);
}
