/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Durations and rates as people write them: "250ms", "2.5", "1m", "64K", "off".
 */
#ifndef SNDTIMEO_QUANTITY_H
#define SNDTIMEO_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/** What parse_duration() accepts, for messages. */
#define DURATION_ACCEPTED "a decimal number with ms, s, m or h (default s), at most 24 days, or 0 or off for no limit"
/** What parse_rate() accepts. */
#define RATE_ACCEPTED "bytes a second, a decimal number with K, M or G (1024-based), or 0 or off for no limit"

/**
 * Read @p text as a duration: a decimal number ("30", "2.5", ".5") and a unit, `ms`, `s` (the default), `m` or `h`;
 * `0` and `off` mean no limit. No blanks, no sign, no exponent. A positive value below one millisecond is one
 * millisecond; a fraction of a millisecond is rounded up, so that no limit is shorter than it was written.
 *
 * @param[out] ms milliseconds, 0 for no limit; untouched unless true is returned
 * @return whether @p text is a duration. At most INT32_MAX ms, because poll(2) and TCP_USER_TIMEOUT count in an int.
 *
 * Async-signal-safe; reads each byte of @p text three times at most, whatever its length.
 */
bool parse_duration(const char *text, int32_t *ms);

/**
 * The same for bytes a second: no unit, `K`, `M` or `G` (1024-based; small letters, too). A fraction of a byte is rounded
 * up. At most 1024G.
 */
bool parse_rate(const char *text, int64_t *bytes);

#endif
