/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The socket options by which the kernel itself gives a connection up.
 */
#include "outside/arm.h"

#include <time.h>

#include "base/clock.h"
#include "connection/socket.h"
#include "connection/stall.h"
#include "limits/configured.h"

/** The verdict is put on when so much of the limit has passed without progress, in percent. */
#define ARMED_AFTER 40
/** Looks that are left for the answer to the last try, and before the timer of that try runs out. */
#define SLICES_AFTER 4
#define SLICES_BEFORE 6
/** No window is probed sooner than this after it was shut (TCP_RTO_MIN). */
#define PROBE_LEAST_NS (200 * NS_PER_MS)
/** Nobody knows when. */
#define LONG_AGO_NS 1
/** Doublings that are counted; the timer is at its most long before. */
#define BACKOFF_MOST 12
/** What is known better by less than this is not worth two system calls. */
#define BETTER_MS 10
/** Of the kernel's clock, where that does not tell. */
#define TICK_NS (10 * NS_PER_MS)
/** Timers are kept in a wheel of so many ticks, what is further off in one that turns so many times slower, and so on; none runs out
 * too soon (kernel/time/timer.c). */
#define WHEEL_TICKS 63
#define WHEEL_SLOWER 8
/** What the timer doubles to (net.ipv4.tcp_rto_max_ms). */
#define RTO_MAX_NS (120 * NS_PER_S)

static uint32_t least(uint32_t one, uint32_t other)
{
	return one < other ? one : other;
}

bool arm_user_timeout(struct watched *w, int at, enum armed which, int32_t ms)
{
	int now_ms;

	if (settings.dry_run || ms <= 0 || !socket_user_timeout(at, &now_ms))
		return false;
	if (!w->armed)
		w->own_ms = now_ms;
	else if (now_ms != w->armed_ms)
		return false;
	/* A send's would be counted from another moment than the program's own. */
	if (w->own_ms && (which == ARMED_SEND || w->own_ms <= ms))
		return false;
	if (now_ms != ms && !socket_set_user_timeout(at, ms))
		return false;
	w->armed = which;
	w->armed_ms = ms;
	return true;
}

void arm_take_off(struct watched *w, int at)
{
	int ms;

	if (w->armed && socket_user_timeout(at, &ms) && ms == w->armed_ms)
		socket_set_user_timeout(at, w->own_ms);
	w->armed = 0;
}

static int64_t tick_ns(void)
{
	static int64_t known_ns;
	struct timespec tick;

	if (!known_ns)
		known_ns = clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 ? tick.tv_nsec : TICK_NS;
	return known_ns;
}

/** What a timer may be late. */
static int64_t late_ns(int64_t timer_ns)
{
	int64_t step_ns = tick_ns();

	while (timer_ns >= WHEEL_TICKS * step_ns)
		step_ns *= WHEEL_SLOWER;
	return step_ns + tick_ns();
}

/** How long the kernel's timer takes from when it runs out first until it has done so @p times more, at most. With something in
 * flight the timer that is told is the doubled one already. */
static int64_t timers_ns(const struct look *look, uint32_t times)
{
	const int64_t first_ns = look->in_flight ? look->rto_ns >> least(look->retransmits, BACKOFF_MOST) : look->rto_ns;
	int64_t timer_ns = first_ns, sum_ns = late_ns(first_ns);

	for (uint32_t i = 0; i < times; i++) {
		timer_ns = 2 * timer_ns < RTO_MAX_NS ? 2 * timer_ns : RTO_MAX_NS;
		sum_ns += timer_ns + late_ns(timer_ns);
	}
	return sum_ns;
}

/**
 * With nothing in flight the kernel counts from the first window probe since there was none to send at all
 * (icsk_probes_tstamp), which may be long ago, however well the peer read since. So it has to be known whether the window was
 * probed before: it was if it was shut for long enough at a time that this stall does not account for.
 */
static void follow_probes(struct watched *w, const struct look *look)
{
	bool probed = false;

	const bool probing = !look->in_flight && look->retransmits;
	/* It is not shut for longer in this stall than since data was last sent. */
	const int64_t earlier_ns = look->shut_ns - w->shut_ns - look->last_sent_ns;

	if (!w->followed)
		probed = earlier_ns >= PROBE_LEAST_NS;
	else if (look->progress != w->progress)
		probed = w->probing || earlier_ns >= PROBE_LEAST_NS;
	else
		probed = w->probing && !probing;
	/* The first of them, which is the one that counts, was sent after the last look, or is known already. */
	if (probed && !w->probed_ns)
		w->probed_ns = !w->followed ? LONG_AGO_NS : w->probing ? w->from_ns : w->looked_ns + PROBE_LEAST_NS;
	/* What there was of this stall at its first look is counted with the rest of it. */
	if (!w->followed || look->progress != w->progress)
		w->shut_ns = look->shut_ns - (look->in_flight || look->window ? 0 : look->last_sent_ns);
	w->followed = true;
	w->probing = probing;
	w->progress = look->progress;
}

void arm_follow(struct watched *w, const struct look *look, int64_t now_ns)
{
	const uint32_t ran_out = least(look->retransmits, BACKOFF_MOST);
	int64_t from_ns;

	follow_probes(w, look);
	if (look->undisturbed && !ran_out)
		from_ns = now_ns;
	else if (ran_out == w->ran_out + 1u && w->looked_ns)
		/* It did so since the last look. */
		from_ns = w->looked_ns - timers_ns(look, w->ran_out);
	else
		from_ns = now_ns - timers_ns(look, ran_out);
	/* A window is not probed sooner than a timer after data was last sent. */
	const int64_t sent_ns = now_ns - look->last_sent_ns + look->rto_ns - 2 * tick_ns();

	if (!look->in_flight && sent_ns > from_ns)
		from_ns = sent_ns < now_ns ? sent_ns : now_ns;
	if (from_ns > w->from_ns)
		w->from_ns = from_ns;
	w->ran_out = (uint8_t)ran_out;
}

void arm_for_verdict(struct watched *w, int at, const struct look *look, int64_t left_ns, int64_t now_ns)
{
	const int64_t limit_ns = w->limits->send_ms * NS_PER_MS, slice_ns = stall_slice_ns(w->limits);
	const int64_t until_ns = now_ns + left_ns, stalled_ns = limit_ns - left_ns;

	if (settings.dry_run || look->partial)
		return;
	const bool earlier = w->probed_ns && !look->in_flight;

	if (stalled_ns < limit_ns * ARMED_AFTER / 100 || (earlier && now_ns - stalled_ns - w->probed_ns > PROBE_LEAST_NS)) {
		/* There was progress, or the kernel counts from nobody knows when. */
		arm_take_off(w, at);
		return;
	}
	if (left_ns <= 0)
		return;
	/* What is in flight is tried once more (nudge.h): first so that the timer runs out in time for an answer, and then, long
	 * before it does, so that it ends nothing early. */
	const int64_t again_ns = until_ns - SLICES_AFTER * slice_ns - look->rtt_ns;
	const bool nudges = look->in_flight && look->window && now_ns < again_ns - SLICES_BEFORE * slice_ns;
	const int64_t from_ns = earlier && w->probed_ns < w->from_ns ? w->probed_ns : w->from_ns;
	const int32_t ms = (int32_t)(((nudges ? again_ns : until_ns) - from_ns) / NS_PER_MS);

	/* Once it is the verdict's, it is only made better. */
	if (w->armed == ARMED_SEND && !nudges && w->armed_ms == w->verdict_ms && ms > w->armed_ms - BETTER_MS)
		return;
	if (arm_user_timeout(w, at, ARMED_SEND, ms) && !nudges)
		w->verdict_ms = ms;
}
