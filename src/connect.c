/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The slow path of connect: made under its deadline, and waited for where the program waits.
 *
 * A blocking connect, made under the SO_SNDTIMEO of deadline.h, comes back to us with EINPROGRESS and is waited for here,
 * to the millisecond.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "clock.h"
#include "deadline.h"
#include "memory.h"
#include "place.h"
#include "report.h"
#include "signals.h"
#include "slow.h"
#include "socket.h"
#include "start.h"

static int fail(int error)
{
	errno = error;
	return -1;
}

/** What a blocking connect says that SO_SNDTIMEO gave back: EALREADY if it was begun by a call before. */
static bool under_way(int error)
{
	return error == EINPROGRESS || error == EALREADY;
}

int connect_wait(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const struct destination d = connect_destination(fd, to, length);
	const int32_t limit_ms = limits_to(&d)->connect_ms;
	const int64_t until_ns = clock_deadline_ns(begun_ns, limit_ms ? limit_ms : -1);
	/* While a connect is under way the kernel looks at no more of the address than that there is one. */
	const struct sockaddr_in any = {.sin_family = AF_INET};
	sigset_t mask;
	int result;
	signals_block(&mask);
	for (;;) {
		struct pollfd through = {.fd = fd, .events = POLLOUT};
		const struct timespec left = clock_timespec(until_ns - clock_now_ns());
		const int ready = socket_await(&through, until_ns == NEVER_NS ? NULL : &left, &mask);
		if (ready < 0 && errno == EINTR) {
			if (signals_restart())
				continue;
			/* It goes on in the kernel, as it would without us, and the program may wait for it otherwise. */
			connect_under_way(fd, to, length, begun_ns);
			result = fail(EINTR);
		} else if (ready == 0) {
			connect_give_up(fd, to, length, begun_ns);
			result = fail(ETIMEDOUT);
		} else if (ready < 0)
			result = -1;
		else {
			/* A second connect() says how it ended, and tells the kernel's socket layer what TCP knows: a third
			 * one then says EISCONN, or begins anew. */
			result = libc.connect(fd, to ? to : (const struct sockaddr *)&any, to ? length : sizeof any);
			if (result < 0 && under_way(errno))
				continue;
			if (result < 0 && errno == EISCONN)
				result = 0;
		}
		break;
	}
	const int error = errno;
	signals_restore(&mask);
	errno = error;
	return result;
}

/** Whom the connect was for that ended with @p error; an address that the kernel could not read is not read here. */
static struct destination tried(const struct sockaddr *to, socklen_t length, int error)
{
	return destination_of(error == EFAULT ? NULL : to, length);
}

static int connect_blocking(int fd, const struct sockaddr *to, socklen_t length)
{
	const struct limits *limits = limits_before(to, length);
	const struct arming arming = connect_plan(fd, limits);
	const int64_t begun_ns = connect_begun_ns(fd);
	const int before = errno;
	if (arming.during_us >= 0)
		socket_set_send_timeout(fd, arming.during_us);
	connect_disarm_unacked(fd, limits);
	errno = before;
	int result = libc.connect(fd, to, length);
	/* EINTR: with handlers that all restart, the kernel would have gone on by itself. */
	if (result < 0 && arming.during_us >= 0 && (under_way(errno) || (errno == EINTR && signals_restart())))
		result = connect_wait(fd, to, length, begun_ns);
	else if (result < 0 && errno == EINTR)
		connect_under_way(fd, to, length, begun_ns);
	const int error = result < 0 ? errno : 0;
	const struct destination d = tried(to, length, error);
	connect_ended(fd, &d, limits, clock_now_ns() - begun_ns, error);
	if (arming.after_us >= 0)
		socket_set_send_timeout(fd, arming.after_us);
	errno = result < 0 ? error : before;
	return result;
}

/** A unix socket waits only for its owner's backlog, in the kernel: what is left of the deadline is SO_SNDTIMEO. */
static int connect_unix(int fd, const struct sockaddr *to, socklen_t length)
{
	const struct limits *limits = limits_before(to, length);
	const int64_t begun_ns = clock_now_ns(), until_ns = clock_deadline_ns(begun_ns, limits->connect_ms ? limits->connect_ms : -1);
	const struct arming arming = connect_plan(fd, limits);
	const bool ours = arming.during_us >= 0 && !socket_hands_off;
	const int before = errno;
	int result, error;
	do {
		const int64_t left_us = (until_ns - clock_now_ns()) / NS_PER_US;
		if (ours)
			socket_set_send_timeout(fd, !limits->connect_ms ? 0 : left_us > 0 ? left_us : 1);
		errno = before;
		result = libc.connect(fd, to, length);
		error = result < 0 ? errno : 0;
	} while (ours && ((error == EINTR && signals_restart()) || (error == EAGAIN && clock_now_ns() < until_ns)));
	const struct destination d = tried(to, length, error);
	if (ours && error == EAGAIN) {
		report_connect(fd, &d, (clock_now_ns() - begun_ns) / NS_PER_MS, REASON_BACKLOG_FULL);
		error = ETIMEDOUT;
	}
	connect_ended(fd, &d, limits, clock_now_ns() - begun_ns, error);
	if (ours)
		socket_set_send_timeout(fd, arming.after_us >= 0 ? arming.after_us : send_timeout_for(limits));
	errno = result < 0 ? error : before;
	return result;
}

static int connect_nonblocking(int fd, const struct sockaddr *to, socklen_t length)
{
	const int64_t begun_ns = clock_now_ns();
	const int before = errno;
	/* A second call tells of the first, whatever address it has, and leaves nothing to ask. */
	const struct destination old = memory_hinted(fd) ? socket_peer(fd) : (struct destination){.kind = DESTINATION_UNKNOWN};
	errno = before;
	int result = libc.connect(fd, to, length);
	int error = errno;
	if (connect_gave_up(fd)) {
		result = -1;
		error = ETIMEDOUT;
	} else if (result < 0 && error == EINPROGRESS) {
		connect_under_way(fd, to, length, begun_ns);
		if (settings.verbose)
			report_armed(fd);
	} else if (result == 0 || error == EISCONN)
		connect_learn(fd);
	else if (!under_way(error)) {
		const struct destination d = tried(to, length, error);
		connect_failed(fd, old.kind == DESTINATION_UNKNOWN ? &d : &old, error);
	}
	errno = result < 0 ? error : before;
	return result;
}

int connect_limited(int fd, const struct sockaddr *to, socklen_t length)
{
	const int before = errno;
	if (!active)
		return libc.connect(fd, to, length);
	writer_cookie = 0;
	/* Whether it is one of ours is asked of a non-blocking one when it is under way. */
	const bool nonblocking = socket_nonblocking(fd), covered = nonblocking || socket_covered(fd);
	const bool is_unix = !nonblocking && covered && socket_unix_covered && socket_is_unix(fd);
	if (covered)
		connect_anew(fd);
	errno = before;
	if (!covered)
		return libc.connect(fd, to, length);
	return (nonblocking ? connect_nonblocking : is_unix ? connect_unix : connect_blocking)(fd, to, length);
}
