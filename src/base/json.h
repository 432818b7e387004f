/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One JSON object in one line (RFC 8259), of strings, whole numbers and null. Async-signal-safe.
 */
#ifndef SNDTIMEO_JSON_H
#define SNDTIMEO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

void json_begin(struct text *t);
/** @param most at most so many bytes of @p value; every byte that is not printable ASCII becomes '?'. NULL: null */
void json_string(struct text *t, const char *key, const char *value, size_t most);
/** Below 0: null. */
void json_number(struct text *t, const char *key, int64_t value);
void json_bool(struct text *t, const char *key, bool value);
void json_end(struct text *t);

#endif
