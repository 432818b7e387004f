/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which of a list of names a word is, or may have been meant to be.
 */
#include "limits/nearest.h"

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

/** How many letters away: row i of the usual table is about the first i bytes of @p word. */
static unsigned distance(const char *word, size_t length, const char *name, size_t name_length)
{
	unsigned char away[NAME_MOST + DISTANCE_MOST + 1][NAME_MOST + 1];
	for (size_t i = 0; i <= length; i++)
		for (size_t j = 0; j <= name_length; j++) {
			if (!i || !j) {
				away[i][j] = (unsigned char)(i + j);
				continue;
			}
			unsigned least = away[i - 1][j - 1] + !same(word[i - 1], name[j - 1]);
			if (least > away[i - 1][j] + 1u)
				least = away[i - 1][j] + 1u;
			if (least > away[i][j - 1] + 1u)
				least = away[i][j - 1] + 1u;
			if (i > 1 && j > 1 && same(word[i - 1], name[j - 2]) && same(word[i - 2], name[j - 1]) &&
			    least > away[i - 2][j - 2] + 1u)
				least = away[i - 2][j - 2] + 1u;
			away[i][j] = (unsigned char)least;
		}
	return away[length][name_length];
}

const char *name_at(const char *names, size_t i)
{
	while (i-- > 0)
		names += strlen(names) + 1;
	return names;
}

size_t name_index(const char *names, size_t count, const char *word, size_t length)
{
	size_t i = 0;
	for (; i < count; i++, names += strlen(names) + 1) {
		size_t same_letters = 0;
		while (same_letters < length && names[same_letters] && same(names[same_letters], word[same_letters]))
			same_letters++;
		if (same_letters == length && !names[length])
			break;
	}
	return i;
}

__attribute__((cold)) const char *nearest(const char *word, size_t length, const char *names, size_t count)
{
	const char *found = NULL;
	unsigned nearest_yet = DISTANCE_MOST + 1;
	for (size_t name_length; count-- > 0; names += name_length + 1) {
		name_length = strlen(names);
		/* Without this a long word would cost its length. */
		if (name_length > NAME_MOST || length > name_length + DISTANCE_MOST || name_length > length + DISTANCE_MOST)
			continue;
		const unsigned away = distance(word, length, names, name_length);
		if (away < nearest_yet) {
			nearest_yet = away;
			found = names;
		}
	}
	return found;
}
