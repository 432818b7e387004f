/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the program does to a socket apart from sending: options, modes, duplicates, stdio.
 *
 * What is ours on a socket is not shown to the program, and what it sets is respected; but "no limit" is not a limit.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

#include "deadline.h"
#include "memory.h"
#include "place.h"
#include "report.h"
#include "slow.h"
#include "socket.h"
#include "start.h"

/** From the next send on: it is tried without waiting first. */
static void take_care(int fd)
{
	uint64_t cookie;
	if (socket_cookie(fd, &cookie))
		memory_set(memory_of(cookie, fd), MEMORY_TAKE_CARE);
}

/** SO_ERROR was asked for, which tells the program how its connect, or its connection, fared. */
static void see_error(int fd, int *error)
{
	if (connect_gave_up(fd))
		*error = ETIMEDOUT;
	else if (*error == 0)
		connect_learn(fd);
	else if (memory_has(memory_at(fd), MEMORY_CONNECTING))
		connect_failed(fd, NULL, *error);
	else if (*error == ETIMEDOUT)
		unacked_passed(fd);
	else if ((*error == ECONNRESET || *error == EPIPE) && socket_ended(fd))
		*error = ETIMEDOUT;
}

static void see_send_timeout(struct timeval *value)
{
	if (send_timeout_ours(value->tv_sec * INT64_C(1000000) + value->tv_usec))
		*value = (struct timeval){0};
}

static void see_user_timeout(int fd, int *ms)
{
	if (!user_timeout_ours(*ms))
		return;
	const struct memory *m = memory_at(fd);
	*ms = memory_has(m, MEMORY_CONNECTING) ? atomic_load(&m->user_timeout_ms) : 0;
}

int getsockopt_limited(int fd, int level, int option, void *value, socklen_t *length, int before)
{
	const int result = libc.getsockopt(fd, level, option, value, length);
	if (result < 0 || !active)
		return result;
	if (level == SOL_SOCKET && option == SO_ERROR && *length == sizeof(int))
		see_error(fd, value);
	else if (level == SOL_SOCKET && option == SO_SNDTIMEO && *length == sizeof(struct timeval))
		see_send_timeout(value);
	else if (level == IPPROTO_TCP && option == TCP_USER_TIMEOUT && *length == sizeof(int))
		see_user_timeout(fd, value);
	errno = before;
	return result;
}

void setsockopt_noticed(int fd, int level, int option)
{
	const int before = errno;
	struct look look;
	int64_t us;
	int ms;
	const bool send_timeout = level == SOL_SOCKET && option == SO_SNDTIMEO;
	const bool user_timeout = level == IPPROTO_TCP && option == TCP_USER_TIMEOUT;
	if (!active || !(send_timeout || user_timeout) || !socket_covered(fd)) {
		errno = before;
		return;
	}
	if (send_timeout && socket_send_timeout(fd, &us)) {
		if (!us)
			socket_arm(fd, limits_for(fd));
		else if (!send_timeout_ours(us) && send_timeout_for(limits_for(fd)))
			take_care(fd);
	} else if (user_timeout && socket_user_timeout(fd, &ms)) {
		struct memory *m = memory_at(fd);
		const int32_t limit_ms = limits_for(fd)->connect_ms;
		if (memory_has(m, MEMORY_CONNECTING)) {
			atomic_store(&m->user_timeout_ms, ms);
			if (limit_ms && (ms == 0 || ms > limit_ms))
				socket_set_user_timeout(fd, user_timeout_for(limit_ms));
		} else if (ms == 0 && socket_look(fd, &look) && !look.connecting && !look.closed)
			socket_arm_unacked(fd, limits_for(fd));
	}
	errno = before;
}

void epoll_noticed(int operation, int fd, const struct epoll_event *event)
{
	const int before = errno;
	uint64_t cookie;
	const uint32_t events = operation == EPOLL_CTL_DEL ? 0 : event->events & (EPOLLOUT | EPOLLET);
	/* Edge-triggered loops have to be refused before they wait, or nobody would wake them. */
	const bool awaits = events == EPOLLOUT;
	if (active && (awaits || atomic_load(&watched)) && socket_cookie(fd, &cookie)) {
		struct memory *m = memory_find(cookie);
		if (!awaits)
			memory_clear(m, MEMORY_AWAITED);
		/* A unix socket tells too little. */
		else if ((m || socket_covered(fd)) && !(socket_unix_covered && socket_is_unix(fd)))
			memory_set(memory_of(cookie, fd), MEMORY_AWAITED);
		/* Who wants no room has no more to send, whatever was refused before. */
		if (!(events & EPOLLOUT) && !memory_has(m, MEMORY_CONNECTING))
			memory_clear(m, MEMORY_WATCHED);
	}
	errno = before;
}

void blocking_noticed(int fd, bool nonblocking)
{
	const int before = errno;
	writer_cookie = 0;
	if (active && !nonblocking)
		socket_arm(fd, limits_for(fd));
	errno = before;
}

void listen_noticed(int fd)
{
	const int before = errno;
	if (active && socket_covered(fd)) {
		place_listens(fd);
		socket_arm(fd, limits_for(fd));
		socket_arm_unacked(fd, limits_for(fd));
	}
	errno = before;
}

void accept_noticed(int fd)
{
	const int before = errno;
	if (socket_covered(fd)) {
		const struct place place = place_of(fd);
		/* The kernel makes a unix socket anew, where TCP's takes after the one that listens. */
		if (socket_unix_covered && socket_is_unix(fd))
			socket_arm(fd, limits_for(fd));
		summary_connected(&place.destination, place.side, -1);
		if (settings.verbose)
			report_armed(fd);
	}
	errno = before;
}

void arm_for_stdio(int fd)
{
	const int before = errno;
	if (active) {
		connect_learn(fd);
		if (socket_arm_stdio(fd, limits_for(fd)))
			take_care(fd);
	}
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

void adopt(int fd)
{
	const int before = errno;
	const struct destination peer = socket_peer(fd);
	struct look look;
	if (was_accepted(fd, &peer))
		place_listens(fd);
	const struct limits *limits = limits_for(fd);
	/* The deadline of a connect that the program before us never learned was through ends here. */
	if (socket_look(fd, &look) && !look.connecting)
		socket_arm_unacked(fd, limits);
	/* inetd's heirs print to their peer. */
	if (fd <= STDERR_FILENO)
		arm_for_stdio(fd);
	else
		socket_arm(fd, limits);
	if (settings.verbose && peer.kind != DESTINATION_UNKNOWN)
		report_armed(fd);
	errno = before;
}

void duplicate_noticed(int from, int to)
{
	if (to == writer_fd)
		writer_cookie = 0;
	memory_copy_hint(from, to);
	/* A child that becomes another program gets its peer there, and that program may be one without us. */
	if (to >= STDIN_FILENO && to <= STDERR_FILENO)
		arm_for_stdio(to);
}
