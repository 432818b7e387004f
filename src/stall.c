/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The stall clock of a connection, and the verdict.
 */
#include "stall.h"

#include "clock.h"
#include "report.h"
#include "start.h"

/** Looks in the time of one limit; the more, the smaller the error, and each costs two system calls. */
#define LOOKS 40
/** Looking more often than this tells nothing: acknowledgements are delayed by up to 40 ms (RFC 9293, 3.8.6.3). */
#define SLICE_LEAST_NS (5 * NS_PER_MS)

/* A clock in one word, so that threads which look at the same connection never mix their halves: since when nothing
 * moved, in ms, above; below, a stamp of the progress that was seen then, and of whose it was. */
#define STAMP_BITS 24
#define STAMP_MASK ((UINT64_C(1) << STAMP_BITS) - 1)

static uint64_t stamp_of(const struct stall *s)
{
	return ((s->look.progress ^ s->cookie) * UINT64_C(0xd6e8feb86659fd93)) >> (64 - STAMP_BITS);
}

bool stall_watch(struct stall *s, int fd, uint64_t cookie, int64_t refused_ns)
{
	*s = (struct stall){.fd = fd, .cookie = cookie, .looked_ns = refused_ns, .send_ms = limits_for(fd)->send_ms};
	s->memory = memory_find(cookie);
	/* Only covered sockets are remembered. */
	return s->send_ms && (s->memory || socket_covered(fd));
}

int64_t stall_left_ns(struct stall *s, int64_t now_ns)
{
	uint64_t cookie;
	const int64_t floor_ns = s->looked_ns;
	if (!socket_look(s->fd, &s->look) || !s->look.established || !socket_cookie(s->fd, &cookie) || cookie != s->cookie) {
		s->look.established = false;
		return NEVER_NS;
	}
	if (!s->memory)
		s->memory = memory_of(s->cookie, s->fd);
	if (s->memory)
		atomic_store_explicit(&s->memory->looked_ns, now_ns, memory_order_relaxed);
	_Atomic uint64_t *clock = s->memory ? &s->memory->clock : &s->clock;
	const uint64_t before = atomic_load_explicit(clock, memory_order_relaxed), stamp = stamp_of(s);
	int64_t since_ns = (int64_t)(before >> STAMP_BITS) * NS_PER_MS;
	s->looked_ns = now_ns;
	/* With nothing outstanding the socket is unwritable for want of memory: the peer owes us nothing. */
	if (!s->look.outstanding)
		since_ns = now_ns;
	else if (!before || (before & STAMP_MASK) != stamp) {
		/* New, or progress since the look before. That came with an acknowledgement, so not after the last one;
		 * nor do we go back behind what the caller knows. How old that is was told now, and not when now_ns was
		 * taken: a thread may be held up in between. */
		since_ns = clock_now_ns() - s->look.last_ack_ns;
		if (since_ns < floor_ns)
			since_ns = floor_ns;
	} else
		return since_ns + s->send_ms * NS_PER_MS - now_ns;
	atomic_store_explicit(clock, (uint64_t)(since_ns / NS_PER_MS) << STAMP_BITS | stamp, memory_order_relaxed);
	return since_ns + s->send_ms * NS_PER_MS - now_ns;
}

int64_t stall_slice_ns(const struct stall *s)
{
	const int64_t slice_ns = s->send_ms * NS_PER_MS / LOOKS;
	return slice_ns < SLICE_LEAST_NS ? SLICE_LEAST_NS : slice_ns;
}

void stall_end(struct stall *s, int64_t now_ns, uint64_t accepted, uint64_t asked, bool untold)
{
	const _Atomic uint64_t *clock = s->memory ? &s->memory->clock : &s->clock;
	const int64_t since_ns = (int64_t)(atomic_load(clock) >> STAMP_BITS) * NS_PER_MS;
	/* Another thread, or another process, may have come first. */
	if (!socket_ended(s->fd)) {
		report_send(s->fd, &s->look, (now_ns - since_ns) / NS_PER_MS, accepted, asked);
		socket_end(s->fd);
	}
	if (!s->memory)
		return;
	atomic_store(&s->memory->since_ns, now_ns);
	memory_clear(s->memory, MEMORY_WATCHED | MEMORY_CONNECTING | MEMORY_TAKE_CARE);
	memory_set(s->memory, MEMORY_ENDED | (untold ? MEMORY_UNTOLD : 0) |
	                              (socket_unread(s->fd) > 0 ? MEMORY_LINGERING : 0));
}
