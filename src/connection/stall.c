/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The stall clock.
 */
#include "connection/stall.h"

#include "base/clock.h"

/** Looks in the time of one limit; the more, the smaller the error, and each costs two system calls. */
#define LOOKS 40
/** Looking more often than this tells nothing: acknowledgements are delayed by up to 40 ms (RFC 9293, 3.8.6.3). */
#define SLICE_LEAST_NS (5 * NS_PER_MS)
/** Answers to window probes that are counted: a timer that is doubled more often is longer than any quiet time. */
#define ANSWERED_MOST 8

#define STAMP_MASK ((UINT64_C(1) << STALL_STAMP_BITS) - 1)

/** Whoever is refused again within so many slices, and let the connection have no rest meanwhile, is in one wait. */
#define WAIT_SLICES 2
/** A loop may come back so late from what it did between two looks. */
#define LATE_NS (500 * NS_PER_MS)
/** A program that comes by is late after so many times what it took before. */
#define TIMES_USUAL 4
/** A connection may have been without anything outstanding for so long and count as busy: the kernel counts in ticks. */
#define REST_NS (50 * NS_PER_MS)

void stall_forget(struct stall_clock *clock)
{
	_Atomic int64_t *const times[] = {&clock->looked_ns, &clock->gap_ns, &clock->granted_ns, &clock->wait_ns, &clock->refused_ns,
	                                  &clock->refused_busy_ns, &clock->calm_ns};
	atomic_store(&clock->moved, 0);
	atomic_store(&clock->wait_acked, 0);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		atomic_store(times[i], 0);
}

static uint64_t stamp_of(const struct look *look, uint64_t key)
{
	return ((look->progress ^ key) * UINT64_C(0xd6e8feb86659fd93)) >> (64 - STALL_STAMP_BITS);
}

static uint64_t packed(int64_t moved_ns, uint64_t stamp)
{
	return (uint64_t)(moved_ns / NS_PER_MS) << STALL_STAMP_BITS | stamp;
}

static int64_t since_ns(const struct stall_clock *clock)
{
	return stall_since_ms(atomic_load_explicit(&clock->moved, memory_order_relaxed)) * NS_PER_MS;
}

int64_t stall_slice_ns(const struct limits *limits)
{
	const int32_t limit_ms = limits->send_ms ? limits->send_ms : limits->send_total_ms;
	const int64_t slice_ns = limit_ms * NS_PER_MS / LOOKS;
	return slice_ns < SLICE_LEAST_NS ? SLICE_LEAST_NS : slice_ns;
}

int64_t stall_answers_ns(const struct look *look)
{
	/* Without timestamps an acknowledgement of new data need not set back what the timer was doubled by before. */
	if (look->partial || look->in_flight || look->window || !look->has_timestamps || look->retransmits <= look->probes)
		return 0;
	const uint32_t answered = look->retransmits - look->probes;
	const int64_t timers_ns = look->rto_ns * ((INT64_C(1) << (answered < ANSWERED_MOST ? answered : ANSWERED_MOST)) - 1);
	/* What was sent last was acknowledged later, be it by a probe. */
	const int64_t most_ns = look->last_sent_ns > look->last_ack_ns ? look->last_sent_ns - look->last_ack_ns : 0;
	return timers_ns < most_ns ? timers_ns : most_ns;
}

/** Whether a refusal that began at @p refused_ns belongs to the wait that is remembered. */
static bool goes_on(const struct stall_clock *clock, const struct look *look, const struct limits *limits,
                    int64_t refused_ns, int64_t now_ns)
{
	const int64_t before_ns = atomic_load(&clock->refused_ns);
	const int64_t busy_ns = look->busy_ns - atomic_load(&clock->refused_busy_ns);
	return before_ns && refused_ns - before_ns <= WAIT_SLICES * stall_slice_ns(limits) + REST_NS &&
	       (!look->busy_ns || now_ns - before_ns - busy_ns <= REST_NS);
}

/** Keep account of the wait: when it began, and what was acknowledged by then. @return whether it begins now */
static bool follow_wait(struct stall_clock *clock, const struct look *look, const struct limits *limits,
                        int64_t refused_ns, int64_t now_ns)
{
	const bool begins = !goes_on(clock, look, limits, refused_ns, now_ns);
	if (begins) {
		/* In this order, and read in the other: who sees half of it takes the peer for faster than it is. */
		atomic_store(&clock->wait_ns, refused_ns);
		atomic_store(&clock->wait_acked, look->acked);
	}
	atomic_store(&clock->refused_ns, now_ns);
	atomic_store(&clock->refused_busy_ns, look->busy_ns);
	return begins;
}

/** Time until the peer was too slow over this wait: the send timeout, and what its bytes may take at the least rate. */
static int64_t rate_left_ns(const struct stall_clock *clock, const struct look *look, const struct limits *limits,
                            int64_t now_ns)
{
	const int64_t rate = limits->min_rate;
	if (!rate || !limits->send_ms || look->is_unix || look->partial)
		return NEVER_NS;
	const uint64_t acked = look->acked - atomic_load(&clock->wait_acked);
	const double may_take_ns = (double)acked * NS_PER_S / (double)rate;
	const int64_t end_ns = atomic_load(&clock->wait_ns) + limits->send_ms * NS_PER_MS;
	return may_take_ns >= (double)(NEVER_NS - end_ns) ? NEVER_NS : end_ns + (int64_t)may_take_ns - now_ns;
}

/** So long nothing had moved, and then it did. Before it had to wait nothing had to move. */
static int64_t pause_ns(const struct stall_clock *clock, int64_t before_ns, int64_t moved_ns)
{
	const int64_t began_ns = atomic_load(&clock->wait_ns), from_ns = before_ns > began_ns ? before_ns : began_ns;
	return before_ns && moved_ns > from_ns ? moved_ns - from_ns : 0;
}

/** A verdict is due, but who looks so long after the look before cannot know what would have been seen in between: one more
 * slice, once in a stall. @return what is left */
static int64_t if_not_late_ns(struct stall_clock *clock, const struct look *look, const struct limits *limits,
                              int64_t looked_before_ns, int64_t usual_ns, int64_t moved_ns, int64_t now_ns)
{
	const int64_t slice_ns = stall_slice_ns(limits) + look->rtt_ns;
	const int64_t granted_ns = atomic_load(&clock->granted_ns);
	if (granted_ns > moved_ns && granted_ns <= now_ns)
		return granted_ns + slice_ns - now_ns;
	if (now_ns - looked_before_ns <= usual_ns + WAIT_SLICES * slice_ns + REST_NS)
		return 0;
	atomic_store(&clock->granted_ns, now_ns);
	return slice_ns;
}

int64_t stall_left_ns(struct stall_clock *clock, const struct look *look, const struct limits *limits, uint64_t key,
                      int64_t floor_ns, int64_t now_ns, bool waits, struct stall_news *news)
{
	const uint64_t before = atomic_load_explicit(&clock->moved, memory_order_relaxed), stamp = stamp_of(look, key);
	const int64_t before_ns = stall_since_ms(before) * NS_PER_MS;
	const int64_t looked_before_ns = atomic_exchange(&clock->looked_ns, now_ns);
	const int64_t gap_before_ns = atomic_exchange(&clock->gap_ns, looked_before_ns ? now_ns - looked_before_ns : 0);
	int64_t moved_ns = before_ns;
	*news = (struct stall_news){.wait_began = follow_wait(clock, look, limits, floor_ns, now_ns)};
	/* Bytes in a queue are the same number again in another wait, where acknowledged bytes are not. */
	const bool fresh = !before || (before & STAMP_MASK) != stamp || before_ns > now_ns ||
	                   (news->wait_began && (look->is_unix || look->partial));
	/* With nothing outstanding the socket is unwritable for want of memory: the peer owes us nothing. */
	if (!look->outstanding)
		moved_ns = now_ns;
	else if (fresh) {
		/* New, or progress since the look before. That came with an acknowledgement, so not after the last one;
		 * nor do we go back behind what the caller knows. */
		moved_ns = now_ns - look->last_ack_ns;
		if (moved_ns < floor_ns)
			moved_ns = floor_ns;
		if (moved_ns > now_ns)
			moved_ns = now_ns;
		news->moved = true;
		news->pause_ns = pause_ns(clock, before_ns, moved_ns);
	}
	if (fresh || !look->outstanding)
		atomic_store_explicit(&clock->moved, packed(moved_ns, stamp), memory_order_relaxed);
	int64_t left_ns = limits->send_ms ? moved_ns + limits->send_ms * NS_PER_MS - now_ns : NEVER_NS;
	const int64_t slow_ns = rate_left_ns(clock, look, limits, now_ns);
	news->cause = slow_ns < left_ns ? STALL_TOO_SLOW : STALL_NO_PROGRESS;
	if (slow_ns < left_ns)
		left_ns = slow_ns;
	if (left_ns > 0)
		return left_ns;
	return if_not_late_ns(clock, look, limits, looked_before_ns, waits ? 0 : TIMES_USUAL * gap_before_ns, moved_ns, now_ns);
}

int64_t stall_room(struct stall_clock *clock, const struct look *look, uint64_t key, int64_t now_ns)
{
	const int64_t pause = pause_ns(clock, since_ns(clock), now_ns);
	atomic_store_explicit(&clock->moved, packed(now_ns, stamp_of(look, key)), memory_order_relaxed);
	return pause;
}

bool stall_was_refused_lately(const struct stall_clock *clock, const struct limits *limits, int64_t now_ns)
{
	return now_ns - atomic_load(&clock->refused_ns) <= WAIT_SLICES * stall_slice_ns(limits) + LATE_NS;
}

int64_t stall_waited_ns(const struct stall_clock *clock, enum stall_cause cause, int64_t now_ns)
{
	return now_ns - (cause == STALL_TOO_SLOW ? atomic_load(&clock->wait_ns) : since_ns(clock));
}
