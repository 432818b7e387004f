/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which of a list of names a word is, or may have been meant to be.
 *
 * A list is one string, in which each name ends with a NUL: an array of pointers would be relocated in every program.
 * Capital and small letters are the same, and '-' and '_' are. All here is async-signal-safe.
 */
#ifndef SNDTIMEO_NEAREST_H
#define SNDTIMEO_NEAREST_H

#include <stddef.h>

/**
 * Find the name that a mistyped word is nearest to: two letters away at most, one of which is missing, too many, wrong,
 * or changed places with its neighbour.
 *
 * @param word of @p length bytes; need not end with a NUL
 * @return the first of the nearest; NULL if none is near, as for every word of more than 66 bytes
 */
const char *nearest(const char *word, size_t length, const char *names, size_t count);

/** The name with number @p i, from 0. */
const char *name_at(const char *names, size_t i);
/** The number of the name that the @p length bytes of @p word are; @p count if they are none. */
size_t name_index(const char *names, size_t count, const char *word, size_t length);

#endif
