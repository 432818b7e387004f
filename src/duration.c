/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Durations as people write them: "250ms", "2.5", "1m", "off".
 */
#include "duration.h"

#include <stddef.h>
#include <string.h>

#define DIGITS "0123456789"

/* Milliseconds in the unit called @p name; 0 if there is no such unit. */
static int64_t unit_ms(const char *name)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcmp(name, units[i].name) == 0)
			return units[i].ms;
	}
	return 0;
}

bool parse_duration(const char *text, int32_t *ms)
{
	if (strcmp(text, "off") == 0) {
		*ms = 0;
		return true;
	}

	const char *whole_end = text + strspn(text, DIGITS);
	const char *fraction = *whole_end == '.' ? whole_end + 1 : whole_end;
	const char *fraction_end = fraction + strspn(fraction, DIGITS);
	int64_t unit = unit_ms(fraction_end);

	if (unit == 0 || (whole_end == text && fraction_end == fraction))
		return false;

	int64_t total = 0;

	for (const char *digit = text; digit < whole_end; digit++) {
		total = total * 10 + (*digit - '0') * unit;
		if (total > INT32_MAX)
			return false;
	}

	/* From the last digit to the first, rounding up at each: that is exact for any number of digits, because
	 * ceil((n + x) / 10) is ceil((n + ceil(x)) / 10) for a whole n. */
	int64_t part = 0;

	for (const char *digit = fraction_end; digit-- > fraction;)
		part = (part + (*digit - '0') * unit + 9) / 10;

	if (total + part > INT32_MAX)
		return false;
	*ms = (int32_t)(total + part);
	return true;
}
