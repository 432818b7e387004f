/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The sockets that waits look after.
 */
#include "connection/watch.h"

#include "connection/deadline.h"
#include "connection/nudge.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "limits/configured.h"
#include "tell/summary.h"

/** Sockets looked at in one turn; the rest have theirs at once after, so that no event waits for thousands of looks. */
#define LOOKS_MOST 256
/** Sockets that connect looked at when epoll reports something; a program with more learns by the other ways. */
#define LEARNED_MOST 32
/** Who looks may be late by so much before another thread takes over. */
#define LOOKER_LATE_NS (200 * NS_PER_MS)

/** Until when somebody looks; 0: nobody. */
static _Atomic int64_t looker_until_ns;

void watch_refused(struct connection *c)
{
	if (c->memory == &c->own || memory_has(c->memory, MEMORY_WATCHED))
		return;
	memory_set(c->memory, MEMORY_WATCHED);
	memory_due(c->memory, clock_sum_ns(c->looked_ns, stall_slice_ns(c->limits)));
}

void watch_awaited(struct connection *c, bool awaited)
{
	struct memory *m = awaited ? memory_of(c->fd, c->cookie) : c->memory;
	if (!awaited)
		memory_clear(m, MEMORY_AWAITED);
	else if (m && !memory_has(m, MEMORY_AWAITED)) {
		limits_known(m, c->limits);
		memory_set(m, MEMORY_AWAITED);
		memory_due(m, clock_sum_ns(clock_now_ns(), stall_slice_ns(c->limits)));
	}
}

/** The program reads what came before the verdict; then it can be reset. A loop that waits for nothing but room hears of the
 * end only from the reset, and input that it has not read in a second it will not miss; but who was told by a send needs none. */
static void look_at_lingering(struct connection *c, int64_t now_ns)
{
	if (socket_unread(c->fd) > 0 &&
	    (memory_has(c->memory, MEMORY_HEARD) || now_ns - atomic_load(&c->memory->since_ns) < WATCH_LONG_NS))
		return;
	memory_clear(c->memory, MEMORY_LINGERING);
	if (connection_hold(c) && socket_ended(connection_at(c)))
		socket_reset(connection_at(c));
}

/** @return when to look again */
static int64_t look_at_connecting(struct connection *c, int64_t now_ns)
{
	if (!socket_look(c->fd, c->word, &c->look) || c->look.established) {
		deadline_learn(c->fd);
		return now_ns;
	}
	/* The kernel has ended it. That is told when the program learns of it. */
	if (c->look.closed)
		return NEVER_NS;
	const int64_t left_ns = deadline_left_ns(c, now_ns);
	/* The kernel is late by a tick or two. */
	return left_ns == NEVER_NS ? NEVER_NS : now_ns + (left_ns > 0 ? left_ns : 10 * NS_PER_MS);
}

/** @return when to look again */
static int64_t look_at_refused(struct connection *c, int64_t now_ns)
{
	if (c->word & DESCRIPTOR_UNIX || socket_writable(c->fd)) {
		/* A unix socket tells too little to a loop that sends whatever there is room for. */
		if (summary_on && socket_look(c->fd, c->word, &c->look) && connection_is_same(c))
			connection_room(c, now_ns);
		/* No refusal is older than this. */
		atomic_store(&c->memory->clock.looked_ns, now_ns);
		memory_clear(c->memory, MEMORY_WATCHED);
		nudge_off(c);
		return clock_sum_ns(now_ns, stall_slice_ns(c->limits));
	}
	const int64_t left_ns = connection_left_ns(c);
	if (!c->look.established) {
		memory_clear(c->memory, MEMORY_WATCHED | MEMORY_AWAITED);
		nudge_off(c);
		return NEVER_NS;
	}
	if (left_ns <= 0 && !socket_writable(c->fd) && connection_end(c, 0, 0, false))
		return NEVER_NS;
	nudge(c, left_ns);
	const int64_t slice_ns = nudge_slice_ns(c);
	return now_ns + (left_ns > 0 && left_ns < slice_ns ? left_ns : slice_ns);
}

static int64_t look_at(struct memory *m, int64_t now_ns)
{
	struct connection c;
	int64_t next_ns = NEVER_NS;
	const int64_t looked_ns = atomic_load(&m->clock.looked_ns);
	connection_open(&c, m->fd, descriptor_word(m->fd), looked_ns ? looked_ns : now_ns);
	if (c.memory != m) {
		/* The number is another file by now. */
		memory_clear(m, MEMORY_LOOKED_AFTER);
		return NEVER_NS;
	}
	if (memory_has(m, MEMORY_LINGERING)) {
		look_at_lingering(&c, now_ns);
		next_ns = now_ns + stall_slice_ns(c.limits);
	}
	if (memory_has(m, MEMORY_CONNECTING)) {
		const int64_t at_ns = look_at_connecting(&c, now_ns);
		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	if (!memory_has(m, MEMORY_CONNECTING) && memory_has(m, MEMORY_WATCHED | MEMORY_AWAITED) &&
	    c.limits->send_ms) {
		const int64_t at_ns = look_at_refused(&c, now_ns);
		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	connection_release(&c);
	/* It has just had its verdict, with input unread. */
	if (memory_has(m, MEMORY_LINGERING) && next_ns > now_ns + stall_slice_ns(c.limits))
		next_ns = now_ns + stall_slice_ns(c.limits);
	return next_ns;
}

/** Look at what is due. @return when the next one is */
static int64_t look_after(int64_t now_ns)
{
	struct memory *m;
	unsigned position = 0;
	int64_t next_ns = NEVER_NS;
	int looks = 0;
	/* Who is refused meanwhile lowers it. */
	atomic_store(&memory_next_due_ns, NEVER_NS);
	while ((m = memory_next(&position))) {
		int64_t due_ns = atomic_load(&m->due_ns);
		if (due_ns <= now_ns && looks++ < LOOKS_MOST) {
			due_ns = look_at(m, now_ns);
			atomic_store(&m->due_ns, due_ns);
		}
		if (due_ns < next_ns)
			next_ns = due_ns;
	}
	int64_t lowered_ns = atomic_load(&memory_next_due_ns);
	while (next_ns < lowered_ns && !atomic_compare_exchange_weak(&memory_next_due_ns, &lowered_ns, next_ns))
		;
	return next_ns < lowered_ns ? next_ns : lowered_ns;
}

int64_t watch_turn(struct watcher *w, int64_t now_ns)
{
	const int64_t long_ns = clock_sum_ns(now_ns, WATCH_LONG_NS);
	int64_t until_ns = atomic_load(&looker_until_ns);
	if (!w->looks && (until_ns > now_ns && until_ns < long_ns + WATCH_LONG_NS))
		return long_ns;
	if (!w->looks && !atomic_compare_exchange_strong(&looker_until_ns, &until_ns, long_ns))
		return long_ns;
	w->looks = true;
	int64_t next_ns = atomic_load(&memory_next_due_ns);
	/* A time further away than any slice is of a clock that has jumped since. */
	if (next_ns <= now_ns || next_ns > long_ns)
		next_ns = look_after(now_ns);
	if (next_ns > long_ns)
		next_ns = long_ns;
	atomic_store(&looker_until_ns, next_ns + LOOKER_LATE_NS);
	return next_ns;
}

void watch_leave(struct watcher *w)
{
	if (w->looks)
		atomic_store(&looker_until_ns, 0);
	w->looks = false;
}

void watch_pass(void)
{
	struct watcher w = {0};
	if (!watch_any())
		return;
	watch_turn(&w, clock_now_ns());
	watch_leave(&w);
}

void watch_settle(void)
{
	struct memory *m;
	unsigned position = 0;
	while (watch_any() && (m = memory_next(&position)))
		if (memory_has(m, MEMORY_CONNECTING))
			deadline_learn(m->fd);
}

void watch_learn(void)
{
	struct memory *m;
	unsigned position = 0;
	for (int i = 0; i < LEARNED_MOST && watch_any() && (m = memory_next(&position)); i++) {
		if (memory_has(m, MEMORY_CONNECTING))
			deadline_learn(m->fd);
		/* Before the program uses the room up. */
		else if (summary_on && memory_has(m, MEMORY_WATCHED) && socket_writable(m->fd))
			memory_due(m, 0);
	}
}
