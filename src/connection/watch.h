/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The sockets that waits look after: those that were refused room, or whose room is awaited, those that connect, and
 * those whose reset waits for unread input.
 *
 * There is one list, and one time at which the next of them is due. Of all threads that wait, one looks; the others wait
 * long, and take over when that one is gone. Everything here is async-signal-safe and may change errno.
 */
#ifndef SNDTIMEO_WATCH_H
#define SNDTIMEO_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "connection/connection.h"

/** Longest slice of a wait that does not look, or during which another thread may be refused. */
#define WATCH_LONG_NS NS_PER_S

/** A wait that takes part; all zero at its beginning. */
struct watcher {
	bool looks;      /**< it is the one that does */
};

/** @p c was refused: look after it from now on. */
void watch_refused(struct connection *c);
/** An event loop waits for room at @p c, or wants none any more (@p awaited false). */
void watch_awaited(struct connection *c, bool awaited);

/** Whether there is anything to look after. */
static inline bool watch_any(void)
{
	return atomic_load_explicit(&memory_looked_after, memory_order_relaxed) != 0;
}

/** The caller is about to wait: look at what is due, if nobody else does. @return when to come back, at the latest */
int64_t watch_turn(struct watcher *w, int64_t now_ns);
/** It waits no more. */
void watch_leave(struct watcher *w);
/** A call that does not wait: look at what is due. */
void watch_pass(void);

/** Another program takes over, or may: take the deadlines of those off that are connected by now. */
void watch_settle(void);

/** Waits are over that may tell the program of any socket: learn of those that connect. */
void watch_learn(void);

#endif
