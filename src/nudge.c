/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Makes the kernel try again shortly before a verdict.
 */
#include "nudge.h"

#include <errno.h>
#include <stddef.h>

#include "clock.h"
#include "place.h"
#include "start.h"

/** TCP_USER_TIMEOUT is taken off so many looks before the timer runs out: a thread may be late by one or two. */
#define SLICES_BEFORE 3
/** Looks are no longer apart than this while it is on: the timer of window probes, which takes 200 ms at least, must not
 * run out before a look has found that the link is back. */
#define NUDGED_SLICE_NS (100 * NS_PER_MS)
/** Looks that are left for the answer's coming in. */
#define SLICES_AFTER 4

static void take_off(int fd, struct memory *m)
{
	int ms;
	if (!memory_has(m, MEMORY_NUDGED))
		return;
	if (socket_user_timeout(fd, &ms) && user_timeout_ours(ms))
		socket_set_user_timeout(fd, user_timeout_for(limits_for(fd)->unacked_ms));
	memory_clear(m, MEMORY_NUDGED);
}

/** Have the timer run out when @p ns have passed since the first time it did, or will. */
static void put_on(int fd, struct memory *m, int64_t ns)
{
	int ms;
	/* A program's own is not ours to change, and neither is that of a connect. */
	if (memory_has(m, MEMORY_CONNECTING) || !socket_user_timeout(fd, &ms) || (ms && !user_timeout_ours(ms)))
		return;
	const int nudge_ms = user_timeout_for((int32_t)(ns / NS_PER_MS));
	/* SNDTIMEO_UNACKED may be sooner. */
	if ((!ms || nudge_ms < ms || memory_has(m, MEMORY_NUDGED)) && socket_set_user_timeout(fd, nudge_ms))
		memory_set(m, MEMORY_NUDGED);
}

/** Whether what is in flight takes so long that the retransmission timer is about to run out, or has. With nothing in
 * flight it is the timer of window probes that runs; that one counts TCP_USER_TIMEOUT from long ago, and ends healthy
 * connections. */
static bool is_late(const struct look *look, int64_t since_ns, int64_t now_ns)
{
	const int64_t late_ns = look->rto_ns / 2;
	return look->in_flight && look->window &&
	       (look->lost || (look->last_sent_ns > late_ns && now_ns - since_ns > late_ns));
}

void nudge(const struct stall *s, int64_t now_ns, int64_t left_ns)
{
	struct memory *m = s->memory;
	if (!m || !s->look.established || s->cause != STALL_NO_PROGRESS || left_ns == NEVER_NS || settings.dry_run)
		return;
	const int64_t until_ns = now_ns + left_ns, since_ns = until_ns - s->limits->send_ms * NS_PER_MS;
	/* The answer takes a round trip, and somebody has to look. */
	const int64_t again_ns = until_ns - SLICES_AFTER * stall_slice_ns(s) - s->look.rtt_ns;
	if (s->look.undisturbed)
		atomic_store_explicit(&m->calm_ns, now_ns, memory_order_relaxed);
	const int64_t calm_ns = atomic_load_explicit(&m->calm_ns, memory_order_relaxed);
	/* The kernel counts from when the timer ran out first, and ends a connection at once for which that is longer ago
	 * than we know: hence only if we have seen it calm since the last progress. */
	if (!is_late(&s->look, since_ns, now_ns) || calm_ns < since_ns ||
	    now_ns >= again_ns - SLICES_BEFORE * stall_slice_ns(s))
		take_off(s->fd, m);
	else if (s->look.undisturbed || !memory_has(m, MEMORY_NUDGED))
		put_on(s->fd, m, again_ns - calm_ns);
}

int64_t nudge_slice_ns(const struct stall *s)
{
	const int64_t slice_ns = stall_slice_ns(s);
	return memory_has(s->memory, MEMORY_NUDGED) && slice_ns > NUDGED_SLICE_NS ? NUDGED_SLICE_NS : slice_ns;
}

void nudge_take_all_off(void)
{
	const int before = errno;
	struct memory *m;
	size_t position = 0;
	while ((m = memory_next(&position, MEMORY_NUDGED))) {
		uint64_t cookie;
		const int fd = atomic_load_explicit(&m->fd, memory_order_relaxed);
		if (socket_cookie(fd, &cookie) && cookie == atomic_load_explicit(&m->cookie, memory_order_relaxed))
			take_off(fd, m);
		else
			memory_clear(m, MEMORY_NUDGED);
	}
	errno = before;
}
