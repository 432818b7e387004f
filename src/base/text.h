/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A bounded line of text, built without stdio and without memory from the heap.
 *
 * Everything here is async-signal-safe. Text that does not fit is cut, never an error: a line that is too long is
 * still worth more to its reader than none.
 */
#ifndef SNDTIMEO_TEXT_H
#define SNDTIMEO_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *at;        /**< the buffer; always NUL-terminated */
	size_t size;     /**< bytes in the buffer, the NUL included */
	size_t length;   /**< bytes in use, the NUL excluded */
};

/** Start an empty line in @p buffer of @p size bytes (at least 1). */
void text_start(struct text *t, char *buffer, size_t size);
/** Append a string as it is. */
void text_add(struct text *t, const char *string);
/** Append as printf(3) would; %s and %jd are all there is. */
void text_add_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Append at most @p most bytes of a string that somebody else wrote: every byte that is not printable ASCII becomes
 * '?', so that one event stays one line on any terminal and in any log; what is cut is marked with "...". */
void text_add_foreign(struct text *t, const char *string, size_t most);
/** Append a whole number in decimal. */
void text_add_number(struct text *t, int64_t number);
/** Append milliseconds (not negative) as seconds, rounded to one decimal place: 30000 gives "30.0 s". */
void text_add_seconds(struct text *t, int64_t ms);
/** Append what an errno means, where it is one that opening a file gives, else "error 5". */
void text_add_error(struct text *t, int error);
/** Append bytes as people read them, rounded down: "512 bytes", "1.2 MiB". */
void text_add_bytes(struct text *t, uint64_t bytes);

#endif
