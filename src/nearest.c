/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What somebody may have meant by a word that is unknown.
 */
#include "nearest.h"

#include <stdbool.h>
#include <string.h>

/** Longer names are never near. */
#define NAME_MOST 64u
#define DISTANCE_MOST 2u

static char folded(char c)
{
	if (c == '-')
		return '_';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char one, char other)
{
	return folded(one) == folded(other);
}

static unsigned least(unsigned one, unsigned other)
{
	return one < other ? one : other;
}

/** How many letters away: row i of the usual table is about the first i bytes of @p word, and only three are needed. */
static unsigned distance(const char *word, size_t length, const char *name, size_t name_length)
{
	unsigned rows[3][NAME_MOST + 1];
	for (size_t j = 0; j <= name_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= length; i++) {
		const unsigned *above = rows[(i - 1) % 3], *above_that = rows[(i + 1) % 3];
		unsigned *row = rows[i % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= name_length; j++) {
			row[j] = least(above[j - 1] + !same(word[i - 1], name[j - 1]), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(word[i - 1], name[j - 2]) && same(word[i - 2], name[j - 1]))
				row[j] = least(row[j], above_that[j - 2] + 1);
		}
	}
	return rows[length % 3][name_length];
}

const char *nearest(const char *word, size_t length, const char *const *names, size_t count)
{
	const char *found = NULL;
	unsigned nearest_yet = DISTANCE_MOST + 1;
	for (size_t i = 0; i < count; i++) {
		const size_t name_length = strnlen(names[i], NAME_MOST + 1);
		/* Without this a long word would cost its length. */
		if (name_length > NAME_MOST || length > name_length + DISTANCE_MOST || name_length > length + DISTANCE_MOST)
			continue;
		const unsigned away = distance(word, length, names[i], name_length);
		if (away < nearest_yet) {
			nearest_yet = away;
			found = names[i];
		}
	}
	return found;
}
