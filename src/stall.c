/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The stall clock of a connection, and the verdict.
 */
#include "stall.h"

#include "clock.h"
#include "place.h"
#include "report.h"
#include "start.h"

/** Looks in the time of one limit; the more, the smaller the error, and each costs two system calls. */
#define LOOKS 40
/** Looking more often than this tells nothing: acknowledgements are delayed by up to 40 ms (RFC 9293, 3.8.6.3). */
#define SLICE_LEAST_NS (5 * NS_PER_MS)

/* A clock in one word, so that threads which look at the same connection never mix their halves: since when nothing
 * moved, in ms, above; below, a stamp of the progress that was seen then, and of whose it was. */
#define STAMP_MASK ((UINT64_C(1) << STALL_STAMP_BITS) - 1)

/** Whoever is refused again within so many slices, and let the connection have no rest meanwhile, is in one wait. */
#define WAIT_SLICES 2
/** A loop may come back so late from what it did between two looks. */
#define LATE_NS (500 * NS_PER_MS)
/** A connection may have been without anything outstanding for so long and count as busy: the kernel counts in ticks. */
#define REST_NS (50 * NS_PER_MS)

static uint64_t stamp_of(const struct stall *s)
{
	return ((s->look.progress ^ s->cookie) * UINT64_C(0xd6e8feb86659fd93)) >> (64 - STALL_STAMP_BITS);
}

static _Atomic uint64_t *clock_of(struct stall *s)
{
	return s->memory ? &s->memory->clock : &s->clock;
}

static int64_t since_ns(struct stall *s)
{
	return stall_since_ms(atomic_load_explicit(clock_of(s), memory_order_relaxed)) * NS_PER_MS;
}

bool stall_watch(struct stall *s, int fd, uint64_t cookie, int64_t refused_ns)
{
	*s = (struct stall){.fd = fd, .cookie = cookie, .looked_ns = refused_ns, .limits = limits_of(fd, cookie)};
	s->memory = memory_find(cookie);
	/* Only covered sockets are remembered. */
	return s->limits->send_ms && (s->memory || socket_covered(fd));
}

/** Whether a refusal that began at @p refused_ns belongs to the wait that is remembered. */
static bool goes_on(const struct stall *s, int64_t refused_ns)
{
	const struct memory *m = s->memory;
	const int64_t before_ns = atomic_load(&m->refused_ns), gap_ns = refused_ns - before_ns;
	const int64_t busy_ns = s->look.busy_ns - atomic_load(&m->refused_busy_ns);
	return before_ns && gap_ns <= WAIT_SLICES * stall_slice_ns(s) + REST_NS &&
	       (!s->look.busy_ns || s->looked_ns - before_ns - busy_ns <= REST_NS);
}

/** Keep account of the wait: when it began, and what was acknowledged by then. */
static void follow_wait(struct stall *s, int64_t refused_ns)
{
	struct memory *m = s->memory;
	if (!m)
		return;
	if (!goes_on(s, refused_ns)) {
		/* In this order, and read in the other: who sees half of it takes the peer for faster than it is. */
		atomic_store(&m->wait_ns, refused_ns);
		atomic_store(&m->wait_acked, s->look.acked);
		if (summary_on) {
			const struct place place = place_of(s->fd);
			summary_waited(&place.destination, place.side);
		}
	}
	atomic_store(&m->refused_ns, s->looked_ns);
	atomic_store(&m->refused_busy_ns, s->look.busy_ns);
}

/** Time until the peer was too slow over this wait: the send timeout, and what its bytes may take at the least rate. */
static int64_t rate_left_ns(const struct stall *s, int64_t now_ns)
{
	const int64_t rate = s->limits->min_rate;
	if (!rate || !s->limits->send_ms || !s->memory || s->look.is_unix)
		return NEVER_NS;
	const uint64_t acked = s->look.acked - atomic_load(&s->memory->wait_acked);
	const double may_take_ns = (double)acked * NS_PER_S / (double)rate;
	const int64_t end_ns = atomic_load(&s->memory->wait_ns) + s->limits->send_ms * NS_PER_MS;
	return may_take_ns >= (double)(NEVER_NS - end_ns) ? NEVER_NS : end_ns + (int64_t)may_take_ns - now_ns;
}

/** So long nothing had moved, and then it did. */
static void note_pause(struct stall *s, int64_t before_ns, int64_t moved_ns)
{
	if (!summary_on || !s->memory || !before_ns)
		return;
	/* Before it had to wait nothing had to move. */
	const int64_t began_ns = atomic_load(&s->memory->wait_ns), from_ns = before_ns > began_ns ? before_ns : began_ns;
	if (moved_ns <= from_ns)
		return;
	const struct place place = place_of(s->fd);
	summary_recovered(&place.destination, place.side, moved_ns - from_ns);
}

int64_t stall_left_ns(struct stall *s, int64_t now_ns)
{
	uint64_t cookie;
	const int64_t floor_ns = s->looked_ns;
	if (!socket_look(s->fd, &s->look) || !s->look.established || !socket_cookie(s->fd, &cookie) || cookie != s->cookie) {
		s->look.established = false;
		return NEVER_NS;
	}
	if (!s->memory && (s->memory = memory_of(s->cookie, s->fd)))
		limits_known(s->memory, s->limits);
	if (s->memory)
		atomic_store_explicit(&s->memory->looked_ns, now_ns, memory_order_relaxed);
	_Atomic uint64_t *clock = clock_of(s);
	const uint64_t before = atomic_load_explicit(clock, memory_order_relaxed), stamp = stamp_of(s);
	int64_t moved_ns = stall_since_ms(before) * NS_PER_MS;
	s->looked_ns = now_ns;
	follow_wait(s, floor_ns);
	/* With nothing outstanding the socket is unwritable for want of memory: the peer owes us nothing. */
	if (!s->look.outstanding)
		moved_ns = now_ns;
	else if (!before || (before & STAMP_MASK) != stamp) {
		/* New, or progress since the look before. That came with an acknowledgement, so not after the last one;
		 * nor do we go back behind what the caller knows. How old that is was told now, and not when now_ns was
		 * taken: a thread may be held up in between. */
		moved_ns = clock_now_ns() - s->look.last_ack_ns;
		if (moved_ns < floor_ns)
			moved_ns = floor_ns;
		note_pause(s, stall_since_ms(before) * NS_PER_MS, moved_ns);
		memory_clear(s->memory, MEMORY_TOLD);
	}
	if (!before || (before & STAMP_MASK) != stamp || !s->look.outstanding)
		atomic_store_explicit(clock, (uint64_t)(moved_ns / NS_PER_MS) << STALL_STAMP_BITS | stamp, memory_order_relaxed);
	const int64_t left_ns = s->limits->send_ms ? moved_ns + s->limits->send_ms * NS_PER_MS - now_ns : NEVER_NS;
	const int64_t slow_ns = rate_left_ns(s, now_ns);
	s->cause = slow_ns < left_ns ? STALL_TOO_SLOW : STALL_NO_PROGRESS;
	return slow_ns < left_ns ? slow_ns : left_ns;
}

void stall_room(struct stall *s, int64_t now_ns)
{
	if (!s->look.established)
		return;
	note_pause(s, since_ns(s), now_ns);
	atomic_store_explicit(clock_of(s), (uint64_t)(now_ns / NS_PER_MS) << STALL_STAMP_BITS | stamp_of(s),
	                      memory_order_relaxed);
}

void stall_room_at(int fd, int64_t now_ns)
{
	struct stall s;
	uint64_t cookie;
	/* Who was busy elsewhere for longer cannot say when the room came. */
	if (!socket_cookie(fd, &cookie) || !stall_watch(&s, fd, cookie, now_ns) || !s.memory || !socket_look(fd, &s.look) ||
	    now_ns - atomic_load(&s.memory->refused_ns) > WAIT_SLICES * stall_slice_ns(&s) + LATE_NS)
		return;
	stall_room(&s, now_ns);
}

int64_t stall_slice_ns(const struct stall *s)
{
	const int32_t limit_ms = s->limits->send_ms ? s->limits->send_ms : s->limits->send_total_ms;
	const int64_t slice_ns = limit_ms * NS_PER_MS / LOOKS;
	return slice_ns < SLICE_LEAST_NS ? SLICE_LEAST_NS : slice_ns;
}

/** A dry run tells once per stall. */
static bool told_before(const struct stall *s)
{
	return settings.dry_run && memory_has(s->memory, MEMORY_TOLD);
}

/** How long it took, as the cause counts it: without progress, or since the wait began. */
static int64_t waited_ns(struct stall *s, int64_t now_ns)
{
	if (s->cause == STALL_TOTAL)
		return s->total_ns;
	const bool whole = s->cause == STALL_TOO_SLOW && s->memory;
	return now_ns - (whole ? atomic_load(&s->memory->wait_ns) : since_ns(s));
}

bool stall_end(struct stall *s, int64_t now_ns, uint64_t accepted, uint64_t asked, bool untold)
{
	/* Another thread, or another process, may have come first. */
	if (!socket_ended(s->fd) && !told_before(s)) {
		report_send(s, waited_ns(s, now_ns), accepted, asked);
		socket_end(s->fd);
	}
	memory_set(s->memory, settings.dry_run ? MEMORY_TOLD : 0);
	if (settings.dry_run)
		return false;
	if (!s->memory)
		return true;
	atomic_store(&s->memory->since_ns, now_ns);
	memory_clear(s->memory, MEMORY_WATCHED | MEMORY_CONNECTING | MEMORY_TAKE_CARE);
	memory_set(s->memory, MEMORY_ENDED | (untold ? MEMORY_UNTOLD : 0) |
	                              (socket_unread(s->fd) > 0 ? MEMORY_LINGERING : 0));
	return true;
}
