/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the program does to a socket apart from sending.
 */
#include "calls/options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/clock.h"
#include "base/process.h"
#include "calls/writer.h"
#include "connection/connection.h"
#include "connection/deadline.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "connection/watch.h"
#include "limits/configured.h"
#include "tell/report.h"

/** A new file is at @p fd, with these flags. What a vfork child learns is not to take a flag off its parent's number. */
static void made(int fd, unsigned flags)
{
	const bool loses = (descriptor_word(fd) & ~flags) & (DESCRIPTOR_COVERED | DESCRIPTOR_OURS);
	if (loses && process_numbers_differ())
		descriptor_set(fd, flags);
	else
		descriptor_made(fd, flags);
}

/* ---- options --------------------------------------------------------------------------------------------------------- */

/** SO_ERROR was asked for, which tells the program how its connect, or its connection, fared. */
static void see_error(int fd, int *error)
{
	if (*error == 0)
		deadline_learn(fd);
	if (deadline_gave_up(fd))
		*error = ETIMEDOUT;
	else if (*error && memory_has(memory_unverified(fd), MEMORY_CONNECTING))
		deadline_over(fd, *error);
	else if (*error == ETIMEDOUT)
		connection_unacked_passed(fd);
	else if ((*error == ECONNRESET || *error == EPIPE) && socket_ended(fd))
		*error = ETIMEDOUT;
}

/** Ours for stdio. @p value: a struct timeval, of the width that the option's number says */
static void see_send_timeout(int fd, void *value, size_t length)
{
	if (!socket_own_send_timeout_us(fd, NULL))
		memset(value, 0, length);
}

/** It has two numbers, and on 32 bits programs with times of 64 use the other one. */
static bool is_send_timeout(int level, int option)
{
	return level == SOL_SOCKET && (option == SO_SNDTIMEO || option == SO_SNDTIMEO_NEW);
}

static void see_user_timeout(int fd, int *ms)
{
	struct connection c;
	if (!*ms)
		return;
	connection_open(&c, fd, descriptor_word(fd), 0);
	if (memory_has(c.memory, MEMORY_CONNECTING))
		*ms = atomic_load(&c.memory->user_timeout_ms);
	else if ((memory_has(c.memory, MEMORY_NUDGED) && *ms == atomic_load(&c.memory->user_timeout_ms)) ||
	         (memory_has(c.memory, MEMORY_UNACKED) && *ms == c.limits->unacked_ms))
		*ms = 0;
}

void getsockopt_noticed(int fd, int level, int option, void *value, socklen_t *length)
{
	const int before = errno;
	if (level == SOL_SOCKET && option == SO_ERROR && *length == sizeof(int))
		see_error(fd, value);
	else if (is_send_timeout(level, option) &&
	         *length == (option == SO_SNDTIMEO ? sizeof(struct timeval) : 2 * sizeof(int64_t)))
		see_send_timeout(fd, value, *length);
	else if (level == IPPROTO_TCP && option == TCP_USER_TIMEOUT && *length == sizeof(int))
		see_user_timeout(fd, value);
	errno = before;
}

/** The program has set its TCP_USER_TIMEOUT. */
static void user_timeout_noticed(int fd)
{
	struct connection c;
	struct look look;
	int ms;
	connection_open(&c, fd, descriptor_word(fd), 0);
	if (!socket_user_timeout(fd, &ms))
		return;
	const int32_t limit_ms = c.limits->connect_ms;
	if (memory_has(c.memory, MEMORY_CONNECTING)) {
		atomic_store(&c.memory->user_timeout_ms, ms);
		if (limit_ms && (ms == 0 || ms > limit_ms))
			socket_set_user_timeout(fd, limit_ms);
		return;
	}
	memory_clear(c.memory, MEMORY_NUDGED | MEMORY_UNACKED);
	/* "None" is not a limit. */
	if (ms == 0 && c.limits->unacked_ms && socket_look(fd, c.word, &look) && !look.connecting && !look.closed &&
	    socket_set_user_timeout(fd, c.limits->unacked_ms))
		memory_set(memory_of(fd, c.cookie), MEMORY_UNACKED);
}

void setsockopt_noticed(int fd, int level, int option, const void *value, socklen_t length)
{
	const int before = errno;
	if (is_send_timeout(level, option) && socket_stdio_armed(fd)) {
		socket_disarm_stdio(fd);
		/* "None" is not a limit. */
		stdio_noticed(fd);
	} else if (level == IPPROTO_TCP && option == TCP_USER_TIMEOUT)
		user_timeout_noticed(fd);
	else if (level == IPPROTO_TCP && option == TCP_FASTOPEN_CONNECT && length >= sizeof(int)) {
		if (*(const int *)value)
			descriptor_set(fd, DESCRIPTOR_FASTOPEN);
		else
			descriptor_clear(fd, DESCRIPTOR_FASTOPEN);
	}
	errno = before;
}

void epoll_noticed(int epfd, int operation, int fd, const struct epoll_event *event)
{
	const int before = errno;
	struct connection c;
	const uint32_t word = descriptor_word(fd);
	const uint32_t events = operation == EPOLL_CTL_DEL ? 0 : event->events & (EPOLLOUT | EPOLLET);
	/* Edge-triggered loops have to be refused before they wait, or nobody would wake them. */
	const bool awaits = events == EPOLLOUT && !(word & DESCRIPTOR_UNIX);
	struct memory *m = memory_unverified(fd);
	if (awaits && !memory_has(m, MEMORY_AWAITED)) {
		connection_open(&c, fd, word, 0);
		watch_awaited(&c, true);
		m = memory_find(fd, c.cookie);
	}
	if (awaits && (event->events & EPOLLONESHOT))
		memory_set(m, MEMORY_ONESHOT);
	const int by = m ? atomic_load(&m->awaited_by) : 0;
	if (m && (events & EPOLLOUT)) {
		atomic_store(&m->awaited_by, epfd + 1);
		/* Its closing is to be seen. */
		descriptor_set(epfd, DESCRIPTOR_HELD);
	}
	/* Who wants no room has no more to send, whatever was refused before; one epoll for input says nothing of another for
	 * room. */
	else if (operation != EPOLL_CTL_ADD && memory_has(m, MEMORY_AWAITED | MEMORY_WATCHED) && (!by || by == epfd + 1)) {
		connection_open(&c, fd, word, 0);
		watch_awaited(&c, false);
		if (!memory_has(c.memory, MEMORY_CONNECTING))
			memory_clear(c.memory, MEMORY_WATCHED);
	}
	errno = before;
}

void blocking_noticed(int fd, bool nonblocking)
{
	if (nonblocking)
		descriptor_set(fd, DESCRIPTOR_NONBLOCKING);
	else
		descriptor_clear(fd, DESCRIPTOR_NONBLOCKING);
	if (atomic_load_explicit(&writer_any, memory_order_relaxed) && fd == writer_fd)
		writer_end();
}

/* ---- how the program came by it -------------------------------------------------------------------------------------- */

void socket_noticed(int fd, int domain, int type, int protocol)
{
	const unsigned flags = socket_flags(socket_kind_of(domain, type, protocol));
	made(fd, (flags && (type & SOCK_NONBLOCK) ? flags | DESCRIPTOR_NONBLOCKING : flags) | DESCRIPTOR_SEEN);
}

/** TCP_USER_TIMEOUT for SNDTIMEO_UNACKED, unless the program has one: on a listening socket, because accept(2) copies it, or
 * on an established one. */
static void arm_unacked(struct connection *c)
{
	int ms;
	if (c->limits->unacked_ms && socket_user_timeout(c->fd, &ms) && !ms &&
	    socket_set_user_timeout(c->fd, c->limits->unacked_ms))
		memory_set(memory_of(c->fd, c->cookie), MEMORY_UNACKED);
}

void listen_noticed(int fd)
{
	const int before = errno;
	struct connection c;
	place_listens(fd);
	connection_open(&c, fd, descriptor_word(fd), 0);
	arm_unacked(&c);
	errno = before;
}

/** What a socket of another life, or of a listening one, has is SNDTIMEO_UNACKED's: so remember it. */
static void adopt_unacked(int fd)
{
	struct connection c;
	int ms;
	connection_open(&c, fd, descriptor_word(fd), 0);
	if (c.limits->unacked_ms && socket_user_timeout(fd, &ms) && ms == c.limits->unacked_ms)
		memory_set(memory_of(fd, c.cookie), MEMORY_UNACKED);
}

static void tell_armed(int fd, const struct limits *limits)
{
	const struct place place = place_of(fd);
	const struct destination peer = socket_peer(fd);
	report_armed(&peer, place.side, limits, limits_rule(fd));
}

void accept_noticed(int listener, int fd, int flags)
{
	const int before = errno;
	const unsigned of_listener = descriptor_word(listener) & (DESCRIPTOR_COVERED | DESCRIPTOR_MPTCP | DESCRIPTOR_UNIX);
	made(fd, (of_listener && (flags & SOCK_NONBLOCK) ? of_listener | DESCRIPTOR_NONBLOCKING : of_listener) |
	                            DESCRIPTOR_SEEN);
	if (of_listener && (settings.verbose || summary_on)) {
		const struct place place = place_of(fd);
		summary_connected(&place.destination, place.side, -1);
		if (settings.verbose)
			tell_armed(fd, limits_of(fd, NULL));
	}
	/* It came along with the listening socket. */
	if (of_listener && memory_has(memory_unverified(listener), MEMORY_UNACKED))
		adopt_unacked(fd);
	errno = before;
}

void meet(int fd)
{
	if (active && descriptor_in_table(fd) && !(descriptor_word(fd) & (DESCRIPTOR_FLAGS | DESCRIPTOR_SEEN)))
		adopt(fd);
}

bool printing_ended(int fd)
{
	if (!active || !memory_has(memory_unverified(fd), MEMORY_ENDED) || !descriptor_has(fd, DESCRIPTOR_NOTICED) ||
	    !socket_ended(fd))
		return false;
	errno = ETIMEDOUT;
	return true;
}

void stdio_noticed(int fd)
{
	if (!active || !descriptor_has(fd, DESCRIPTOR_COVERED) || descriptor_has(fd, DESCRIPTOR_UNIX))
		return;
	const int before = errno;
	const struct limits *limits = limits_of(fd, NULL);
	const int32_t send_ms = limits->send_ms, total_ms = limits->send_total_ms;
	deadline_learn(fd);
	socket_arm_stdio(fd, !send_ms || (total_ms && total_ms < send_ms) ? total_ms : send_ms);
	errno = before;
}

/** Whether @p fd listens, or is a connection that looks as if it was accepted: a service's port is a low one, and whoever
 * connects gets a high one (ip(7), ip_local_port_range). */
static bool was_accepted(int fd, const struct destination *peer)
{
	int listens = 0;
	socklen_t size = sizeof listens;
	if (libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
		return true;
	return peer->kind != DESTINATION_UNKNOWN && socket_local(fd).port < peer->port;
}

/** A connect that another program began, under the deadline that is ours, too: nobody there is left to take it off. */
static void adopt_connecting(struct connection *c)
{
	int ms;
	struct look look;
	if (!socket_look(c->fd, c->word, &look) || !look.connecting || !c->limits->connect_ms ||
	    !socket_user_timeout(c->fd, &ms) || ms != c->limits->connect_ms)
		return;
	const struct deadline d = {.limits = c->limits, .begun_ns = clock_now_ns(), .kernel_knows = true, .ours = true};
	deadline_goes_on(&d, c);
}

void adopt(int fd)
{
	const int before = errno;
	struct connection c;
	struct look look;
	/* At once, for whoever still takes it for the file that was there before. */
	made(fd, DESCRIPTOR_SEEN);
	const unsigned flags = socket_flags(socket_kind(fd));
	if (flags) {
		/* Whoever it came from may have it, too. */
		descriptor_set(fd, flags | DESCRIPTOR_SHARED | (socket_nonblocking(fd) ? DESCRIPTOR_NONBLOCKING : 0));
		const struct destination peer = socket_peer(fd);
		if (was_accepted(fd, &peer))
			place_listens(fd);
		connection_open(&c, fd, descriptor_word(fd), 0);
		if (c.limits->unacked_ms && socket_look(fd, c.word, &look) && !look.connecting && !look.closed)
			arm_unacked(&c);
		adopt_unacked(fd);
		adopt_connecting(&c);
		/* inetd's heirs print to their peer. */
		if (fd <= STDERR_FILENO) {
			socket_leave_stdio(fd);
			stdio_noticed(fd);
		}
		if (settings.verbose && peer.kind != DESTINATION_UNKNOWN)
			tell_armed(fd, c.limits);
	}
	errno = before;
}

void duplicate_noticed(int from, int to)
{
	if ((descriptor_word(to) & DESCRIPTOR_FLAGS) && process_numbers_differ())
		descriptor_set(to, descriptor_word(from) & DESCRIPTOR_OF_SOCKET);
	else
		descriptor_copied(from, to);
	if (!active || descriptor_plain(to))
		return;
	const int before = errno;
	memory_copy(from, to);
	/* A child that becomes another program gets its peer there, and that program may be one without us. */
	if (to >= STDIN_FILENO && to <= STDERR_FILENO)
		stdio_noticed(to);
	errno = before;
}

/* ---- its end --------------------------------------------------------------------------------------------------------- */

void closing(int fd)
{
	if (!active || !descriptor_has(fd, DESCRIPTOR_HELD) || !(duplicate_of(fd) || watch_any()) || process_is_vforked())
		return;
	memory_epoll_closed(fd);
	duplicate_orphans(fd);
}

int close_limited(int fd)
{
	const uint32_t word = descriptor_word(fd);
	if (active && (word & DESCRIPTOR_OURS) && duplicate_is_at(fd)) {
		errno = EBADF;
		return -1;
	}
	closing(fd);
	/* A deadline that passed, and nobody asked for. */
	if (active && (word & DESCRIPTOR_NOTICED))
		deadline_learn(fd);
	/* Before, so that nobody takes what it is next for what it was; and after, for who came in between. */
	descriptor_leaving(fd);
	const int result = libc.close(fd);
	descriptor_leaving(fd);
	return result;
}

int close_range_limited(unsigned first, unsigned last, int flags)
{
	int result = 0;
	if (first <= last)
		descriptor_leaving_range(first, last);
	for (int fd = (int)first - 1; active && first <= INT32_MAX && (fd = descriptor_next(fd + 1, DESCRIPTOR_HELD)) >= 0 && (unsigned)fd <= last;)
		closing(fd);
	for (int ours; active && first <= last && (ours = duplicate_next(first)) >= 0 && (unsigned)ours <= last;) {
		if ((unsigned)ours > first)
			result = (int)libc.syscall(SYS_close_range, first, (unsigned)ours - 1, flags);
		if (result < 0)
			return result;
		first = (unsigned)ours + 1;
		/* The table is this thread's own now. */
		flags &= ~CLOSE_RANGE_UNSHARE;
		if (first > last)
			return 0;
	}
	result = (int)libc.syscall(SYS_close_range, first, last, flags);
	if (first <= last)
		descriptor_leaving_range(first, last);
	return result;
}
