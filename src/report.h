/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is said of each event, in a line of text or of JSON; src/log.c knows where it goes.
 *
 * Everything here is async-signal-safe and leaves errno alone.
 */
#ifndef SNDTIMEO_REPORT_H
#define SNDTIMEO_REPORT_H

#include <stdint.h>

#include "destination.h"
#include "reason.h"

struct stall;

/** What is wrong with a setting, to standard error. */
void report_complaint(const char *said);

/** The library is active under its settings, or has nothing to limit (verbose). */
void report_active(void);

/** @p fd is connected, accepted or inherited, and limited from now on (verbose). */
void report_armed(int fd);

/** A connect deadline has passed for @p fd after @p waited_ms; @p to is whom it connects to if the kernel does not know
 * any more, else unknown. */
void report_connect(int fd, const struct destination *to, int64_t waited_ms, enum reason reason);

/**
 * A send timed out.
 *
 * @param s the connection as it was found
 * @param waited_ns time without progress, or since it began to wait
 * @param accepted, asked bytes of the call; asked 0: a wait, not a call
 */
void report_send(const struct stall *s, int64_t waited_ns, uint64_t accepted, uint64_t asked);

/** The kernel ended a connection because SNDTIMEO_UNACKED, of @p limit_ms, ran out. */
void report_unacked(int fd, int64_t limit_ms);

#endif
