/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One connection while somebody is concerned with it.
 */
#include "connection/connection.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/libc.h"
#include "base/process.h"
#include "base/signals.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "connection/why.h"
#include "limits/configured.h"
#include "tell/report.h"

/* ---- what it is ------------------------------------------------------------------------------------------------------ */

/** Say once what does not work here. */
static void tell_once(atomic_int *told, const char *said)
{
	if (!atomic_exchange(told, 1))
		report_complaint(said);
}

static void resolve(struct connection *c)
{
	static atomic_int told;
	c->cookie = socket_cookie(connection_at(c));
	if (!c->cookie && errno != ENOTSOCK && errno != EBADF)
		tell_once(&told, "the kernel does not tell sockets apart here (SO_COOKIE): only sends that wait are limited");
	struct memory *m = memory_find(c->fd, c->cookie);
	if (m)
		c->memory = m;
	c->limits = limits_of(connection_at(c), m);
}

static void begin(struct connection *c, int fd, uint32_t word, int64_t refused_ns)
{
	memset(c, 0, sizeof *c);
	c->fd = fd;
	c->word = word;
	c->looked_ns = refused_ns;
	c->own.fd = -1;
	c->memory = &c->own;
}

void connection_open(struct connection *c, int fd, uint32_t word, int64_t refused_ns)
{
	begin(c, fd, word, refused_ns);
	resolve(c);
}

/** Whether the file that a call began with, at word @p word, is the one that was duplicated (descriptor.h). */
static bool is_what_refused(const struct connection *c, uint32_t word)
{
	const uint32_t now = descriptor_word(c->fd);
	const struct memory *m = memory_unverified(c->fd);
	if (!descriptor_in_table(c->fd) || descriptor_unmoved(c->fd, word))
		return true;
	if (!descriptor_same_made(now, word))
		return false;
	/* It was closed, here or by a vfork child. The cookie tells, if it was asked for before. */
	const uint32_t remembered = m ? atomic_load(&m->word) : 0;
	if (remembered && descriptor_same_made(remembered, word))
		return atomic_load(&m->cookie) == c->cookie;
	/* Else it is one that has sent something. Whoever was given another socket by the kernel, and has not got round to
	 * saying so, has sent nothing on it. (The first byte acknowledged may be the SYN's.) */
	struct look look;
	return socket_look(connection_at(c), word, &look) && look.established && (look.outstanding || look.acked > 1);
}

bool connection_open_held(struct connection *c, int fd, uint32_t word, int64_t refused_ns)
{
	begin(c, fd, word, refused_ns);
	c->duplicate = duplicate_take(fd);
	resolve(c);
	if (c->duplicate)
		atomic_store(&c->duplicate->cookie, c->cookie);
	if (is_what_refused(c, word))
		return true;
	connection_release(c);
	return false;
}

bool connection_began_here(const struct connection *c)
{
	return c->from_start || is_what_refused(c, c->word);
}

void connection_open_blindly(struct connection *c, int fd, uint32_t word)
{
	begin(c, fd, word, 0);
	c->duplicate = duplicate_take(fd);
	c->from_start = c->duplicate != NULL;
	c->limits = &settings.limits;
}

void connection_identify(struct connection *c)
{
	resolve(c);
	if (c->duplicate)
		atomic_store(&c->duplicate->cookie, c->cookie);
}

bool connection_hold(struct connection *c)
{
	if (c->duplicate)
		return true;
	c->duplicate = duplicate_take(c->fd);
	if (!connection_is_same(c)) {
		connection_release(c);
		return false;
	}
	if (c->duplicate)
		atomic_store(&c->duplicate->cookie, c->cookie);
	return true;
}

bool connection_is_same(const struct connection *c)
{
	return c->cookie ? socket_cookie(connection_at(c)) == c->cookie : descriptor_unmoved(c->fd, c->word);
}

void connection_release(struct connection *c)
{
	/* In a sandbox it is left behind: to close it may be forbidden. */
	if (c->duplicate && active)
		duplicate_release(c->duplicate);
	c->duplicate = NULL;
}

bool connection_is_covered(int fd, uint32_t word)
{
	switch (socket_kind(fd)) {
	case SOCKET_TCP:
	case SOCKET_MPTCP:
	case SOCKET_UNIX: return true;
	/* It was made as one. */
	case SOCKET_UNKNOWN: return word & DESCRIPTOR_COVERED;
	case SOCKET_OTHER: break;
	}
	connection_not_covered(fd, word);
	return false;
}

void connection_not_covered(int fd, uint32_t word)
{
	if (!process_numbers_differ())
		descriptor_not_covered(fd, word);
}

/* ---- the clock ------------------------------------------------------------------------------------------------------- */

/** What waits in the kernel is remembered from its first look on. */
static void remember(struct connection *c)
{
	static atomic_int told;
	/* Another socket has the number by now, and so the slot: what is held here goes on by itself. */
	if (c->memory != &c->own && atomic_load(&c->memory->cookie) != c->cookie)
		c->memory = &c->own;
	if (c->memory != &c->own || !c->cookie || (c->duplicate && !descriptor_unmoved(c->fd, c->word)))
		return;
	struct memory *m = memory_of(c->fd, c->cookie);
	if (m) {
		limits_known(m, c->limits);
		if (descriptor_unmoved(c->fd, c->word))
			atomic_store(&m->word, c->word);
		c->memory = m;
	} else if (descriptor_in_table(c->fd) && !memory_unverified(c->fd))
		tell_once(&told, "there is no memory to remember sockets in: only sends that wait are limited");
}

static void count_news(const struct connection *c, const struct stall_news *news)
{
	if (news->moved)
		memory_clear(c->memory, MEMORY_TOLD);
	place_count(connection_at(c), news);
}

int64_t connection_left_ns(struct connection *c)
{
	struct stall_news news;
	const int64_t floor_ns = c->looked_ns;
	/* By number, whose socket it was is known only afterwards. */
	if (!socket_look(connection_at(c), c->word, &c->look) || !c->look.established ||
	    (!c->duplicate && !connection_is_same(c))) {
		c->look.established = false;
		return NEVER_NS;
	}
	remember(c);
	c->looked_ns = clock_now_ns();
	const int64_t left_ns = stall_left_ns(&c->memory->clock, &c->look, c->limits, c->cookie, floor_ns, c->looked_ns, !c->passes,
	                                      &news);
	c->cause = news.cause;
	count_news(c, &news);
	return left_ns;
}

void connection_room(struct connection *c, int64_t now_ns)
{
	if (!c->look.established)
		return;
	const int64_t pause_ns = stall_room(&c->memory->clock, &c->look, c->cookie, now_ns);
	count_news(c, &(struct stall_news){.pause_ns = pause_ns});
}

/* ---- the verdict ----------------------------------------------------------------------------------------------------- */

static void tell(const struct connection *c, uint64_t accepted, uint64_t asked)
{
	const int at = connection_at(c);
	const int64_t waited_ns = c->cause == STALL_TOTAL ? c->total_ns
	                                                   : stall_waited_ns(&c->memory->clock, c->cause, c->looked_ns);
	const struct timeout timeout = {
		.event = REPORT_SEND, .place = place_of(at), .peer = socket_peer(at), .waited_ms = waited_ns / NS_PER_MS,
		.reason = why_stalled(&c->look, c->cause, waited_ns), .accepted = accepted, .asked = asked,
		.unacknowledged = socket_unacknowledged(at), .unread = socket_unread(at),
	};
	report_timeout(&timeout);
}

bool connection_end(struct connection *c, uint64_t accepted, uint64_t asked, bool untold)
{
	if (!connection_hold(c))
		return false;
	const int at = connection_at(c);
	const int cancelled = signals_hold_cancellation();
	/* Another thread, or another process, may have come first. A dry run tells once per stall. */
	if (memory_claim(c->memory, settings.dry_run ? MEMORY_TOLD : MEMORY_ENDED) && !socket_ended(at)) {
		tell(c, accepted, asked);
		socket_end(at);
		/* Nothing remembers it: it is asked. */
		if (c->memory == &c->own)
			descriptor_set(c->fd, DESCRIPTOR_SHARED);
	}
	if (!settings.dry_run) {
		atomic_store(&c->memory->since_ns, c->looked_ns);
		memory_clear(c->memory, MEMORY_WATCHED | MEMORY_AWAITED | MEMORY_CONNECTING);
		memory_set(c->memory, (untold ? MEMORY_UNTOLD : 0) | (socket_unread(at) > 0 ? MEMORY_LINGERING : 0));
		memory_due(c->memory, c->looked_ns);
	}
	signals_release_cancellation(cancelled);
	return !settings.dry_run;
}

bool connection_has_ended(struct connection *c)
{
	return memory_has(c->memory, MEMORY_ENDED) || socket_ended(connection_at(c));
}

void connection_unacked_passed(int fd)
{
	const int before = errno;
	struct connection c;
	int ms;
	connection_open(&c, fd, descriptor_word(fd), 0);
	if (c.limits->unacked_ms && socket_user_timeout(fd, &ms) && ms == c.limits->unacked_ms &&
	    !memory_has(c.memory, MEMORY_ENDED)) {
		const struct timeout timeout = {
			.event = REPORT_UNACKED, .place = place_of(fd), .peer = socket_peer(fd),
			.waited_ms = c.limits->unacked_ms, .reason = REASON_UNACKED,
		};
		report_timeout(&timeout);
	}
	errno = before;
}
