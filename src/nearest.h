/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What somebody may have meant by a word that is unknown.
 */
#ifndef SNDTIMEO_NEAREST_H
#define SNDTIMEO_NEAREST_H

#include <stddef.h>

/**
 * Find the name that a mistyped word is nearest to: two letters away at most, one of which is missing, too many, wrong,
 * or changed places with its neighbour. Capital and small letters are the same, and '-' and '_' are.
 *
 * @param word of @p length bytes; need not end with a NUL
 * @return the first of the nearest; NULL if none is near, as for every word of more than 66 bytes
 * Async-signal-safe.
 */
const char *nearest(const char *word, size_t length, const char *const *names, size_t count);

#endif
