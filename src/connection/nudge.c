/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Makes the kernel try again shortly before a verdict.
 */
#include "connection/nudge.h"

#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "connection/socket.h"
#include "limits/configured.h"

/** TCP_USER_TIMEOUT is taken off so many looks before the timer runs out: a thread may be late by one or two. */
#define SLICES_BEFORE 3
/** Looks are no longer apart than this while it is on: the timer of window probes, which takes 200 ms at least, must not
 * run out before a look has found that the link is back. */
#define NUDGED_SLICE_NS (100 * NS_PER_MS)
/** Looks that are left for the answer's coming in. */
#define SLICES_AFTER 4

/** The TCP_USER_TIMEOUT that a connection has when nobody nudges: the program has none of its own. */
static int resting_ms(const struct connection *c)
{
	return memory_has(c->memory, MEMORY_UNACKED) ? c->limits->unacked_ms : 0;
}

void nudge_off(struct connection *c)
{
	int ms;
	if (!memory_has(c->memory, MEMORY_NUDGED))
		return;
	/* Unless the program has set its own since. */
	if (connection_hold(c) && socket_user_timeout(connection_at(c), &ms) &&
	    ms == atomic_load(&c->memory->user_timeout_ms))
		socket_set_user_timeout(connection_at(c), resting_ms(c));
	memory_clear(c->memory, MEMORY_NUDGED);
}

/** Have the timer run out when @p ns have passed since the first time it did, or will. */
static void put_on(struct connection *c, int64_t ns)
{
	int ms;
	const int nudge_ms = (int)(ns / NS_PER_MS), resting = resting_ms(c);
	const bool nudged = memory_has(c->memory, MEMORY_NUDGED);
	if (memory_has(c->memory, MEMORY_CONNECTING) || nudge_ms <= 0 || !connection_hold(c) ||
	    !socket_user_timeout(connection_at(c), &ms))
		return;
	/* A program's own is not ours to change; SNDTIMEO_UNACKED may be sooner. */
	if (ms != (nudged ? atomic_load(&c->memory->user_timeout_ms) : resting) || (resting && nudge_ms >= resting))
		return;
	atomic_store(&c->memory->user_timeout_ms, nudge_ms);
	memory_set(c->memory, MEMORY_NUDGED);
	if (!socket_set_user_timeout(connection_at(c), nudge_ms))
		memory_clear(c->memory, MEMORY_NUDGED);
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

__attribute__((cold)) void nudge(struct connection *c, int64_t left_ns)
{
	struct memory *m = c->memory;
	if (m == &c->own || settings.dry_run)
		return;
	if (!c->look.established || c->look.partial || c->cause != STALL_NO_PROGRESS || left_ns == NEVER_NS) {
		nudge_off(c);
		return;
	}
	const int64_t now_ns = c->looked_ns, until_ns = now_ns + left_ns;
	const int64_t since_ns = until_ns - c->limits->send_ms * NS_PER_MS, slice_ns = stall_slice_ns(c->limits);
	/* The answer takes a round trip, and somebody has to look. */
	const int64_t again_ns = until_ns - SLICES_AFTER * slice_ns - c->look.rtt_ns;
	if (c->look.undisturbed)
		atomic_store_explicit(&m->clock.calm_ns, now_ns, memory_order_relaxed);
	const int64_t calm_ns = atomic_load_explicit(&m->clock.calm_ns, memory_order_relaxed);
	/* The kernel counts from when the timer ran out first, and ends a connection at once for which that is longer ago
	 * than we know: hence only if we have seen it calm since the last progress. */
	if (!is_late(&c->look, since_ns, now_ns) || calm_ns < since_ns || now_ns >= again_ns - SLICES_BEFORE * slice_ns)
		nudge_off(c);
	else if (c->look.undisturbed || !memory_has(m, MEMORY_NUDGED))
		put_on(c, again_ns - calm_ns);
}

int64_t nudge_slice_ns(const struct connection *c)
{
	const int64_t slice_ns = stall_slice_ns(c->limits);
	return memory_has(c->memory, MEMORY_NUDGED) && slice_ns > NUDGED_SLICE_NS ? NUDGED_SLICE_NS : slice_ns;
}

void nudge_take_all_off(void)
{
	const int before = errno;
	struct memory *m;
	unsigned position = 0;
	while ((m = memory_next(&position))) {
		struct connection c;
		if (!memory_has(m, MEMORY_NUDGED))
			continue;
		connection_open(&c, m->fd, descriptor_word(m->fd), 0);
		if (c.memory == m)
			nudge_off(&c);
		else
			memory_clear(m, MEMORY_NUDGED);
		connection_release(&c);
	}
	errno = before;
}
