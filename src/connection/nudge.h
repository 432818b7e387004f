/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Makes the kernel try again shortly before a verdict, so that a link that came back is not taken for a dead one.
 *
 * While nothing is acknowledged the kernel's retransmission timer doubles (RFC 6298, 5.5), and nothing else asks whether
 * the link is there. After an outage of 1.5 s it may try again only 2.3 s or 3 s after the last progress: a send timeout
 * of 2 s would cut a peer that was away for less.
 *
 * The means is TCP_USER_TIMEOUT: the kernel never sets the timer beyond it. It is taken off before the timer runs out, so
 * that it ends nothing, and one more segment is on its way when the verdict is near. Only where the program has none.
 */
#ifndef SNDTIMEO_NUDGE_H
#define SNDTIMEO_NUDGE_H

#include <stdint.h>

#include "connection/connection.h"

/**
 * The caller waits for room on a connection, has looked and will look again in nudge_slice_ns(): see to it that the
 * kernel tries again in time, if it would not. Whoever calls this calls nudge_no_more() when it stops waiting.
 *
 * @param left_ns what connection_left_ns() said
 */
void nudge(struct connection *c, int64_t left_ns);

/** Nobody waits for room on @p c any more. */
void nudge_off(struct connection *c);

void nudge_take_all_off(void);

/** When to look again: stall_slice_ns(), or sooner while the kernel is being nudged. */
int64_t nudge_slice_ns(const struct connection *c);

/** Nobody is going to look for a while: no TCP_USER_TIMEOUT of ours may be left. Keeps errno. */
static inline void nudge_no_more(void)
{
	if (__builtin_expect(atomic_load_explicit(&memory_nudged, memory_order_relaxed) != 0, 0))
		nudge_take_all_off();
}

#endif
