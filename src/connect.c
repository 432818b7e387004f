/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The slow path of connect: the deadline while it is under way, and nothing of it afterwards.
 *
 * A blocking connect gets SO_SNDTIMEO, comes back to us with EINPROGRESS and is waited for here, to the millisecond. A
 * non-blocking one gets TCP_USER_TIMEOUT: the kernel ends it, and so every way of waiting sees ETIMEDOUT. MPTCP has no
 * such option; there, and below the second that the kernel needs at least, the waits in wait.c do what can be done.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "memory.h"
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

/** An address for log lines; AF_UNSPEC if it is none of ours. */
static struct sockaddr_in6 noted(const struct sockaddr *to, socklen_t length)
{
	struct sockaddr_in6 peer = {.sin6_family = AF_UNSPEC};
	if (to && length >= sizeof(struct sockaddr_in))
		memcpy(&peer, to, length < sizeof peer ? length : sizeof peer);
	return peer;
}

void connect_under_way(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const struct limits *limits = limits_for(fd);
	uint64_t cookie;
	int own_ms = 0;
	if (!limits->connect_ms || !socket_cookie(fd, &cookie))
		return;
	struct memory *m = memory_of(cookie, fd);
	const bool kernel_knows = socket_user_timeout(fd, &own_ms);
	if (kernel_knows) {
		/* A timeout of the program's own that is lower stays; one of ours is from an attempt before this. */
		if (user_timeout_ours(own_ms))
			own_ms = m ? atomic_load(&m->user_timeout_ms) : 0;
		else if (own_ms > 0 && own_ms <= limits->connect_ms)
			return;
		/* Without memory nothing would take it off again. */
		if (!m || !socket_set_user_timeout(fd, user_timeout_for(limits->connect_ms)))
			return;
	}
	if (!m)
		return;
	m->peer = noted(to, length);
	atomic_store(&m->user_timeout_ms, own_ms);
	atomic_store(&m->since_ns, begun_ns);
	memory_set(m, MEMORY_CONNECTING | (kernel_knows ? 0 : MEMORY_WATCHED));
}

/** The attempt is over: the program's own TCP_USER_TIMEOUT counts again. */
static void take_off(int fd, struct memory *m)
{
	int ms;
	if (socket_user_timeout(fd, &ms) && user_timeout_ours(ms))
		socket_set_user_timeout(fd, atomic_load(&m->user_timeout_ms));
	memory_clear(m, MEMORY_CONNECTING | MEMORY_WATCHED);
}

void connect_learn(int fd)
{
	uint64_t cookie;
	struct look look;
	const int before = errno;
	if (memory_hinted(fd) && socket_cookie(fd, &cookie)) {
		struct memory *m = memory_find(cookie);
		/* One that failed keeps it: SO_ERROR, or a second connect(), is still to tell. */
		if (memory_has(m, MEMORY_CONNECTING) && socket_look(fd, &look) && look.established)
			take_off(fd, m);
		/* Or every wait from now on would ask again. */
		if (!memory_has(m, MEMORY_NOTICED))
			memory_unhint(fd);
	}
	errno = before;
}

/** What a blocking connect says that SO_SNDTIMEO gave back: EALREADY if it was begun by a call before. */
static bool under_way(int error)
{
	return error == EINPROGRESS || error == EALREADY;
}

/** Report and give up, in the kernel, too: the socket may be connected anew. */
static int give_up(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const struct sockaddr_in6 peer = noted(to, length);
	report_connect(&peer, (clock_now_ns() - begun_ns) / NS_PER_MS);
	socket_give_up(fd);
	/* That left ECONNRESET for whoever asks next. */
	socket_take_error(fd);
	return fail(ETIMEDOUT);
}

int connect_wait(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const int32_t limit_ms = limits_for(fd)->connect_ms;
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
		} else if (ready == 0)
			result = give_up(fd, to, length, begun_ns);
		else if (ready < 0)
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

/** The SO_SNDTIMEO a connect is made under, and what it is to be afterwards; -1: as it is. */
struct arming {
	int64_t during_us, after_us;
};

static struct arming plan(int fd, const struct limits *limits)
{
	struct arming plan = {-1, -1};
	int64_t found_us;
	if (!socket_send_timeout(fd, &found_us))
		return plan;
	const bool own = found_us && !send_timeout_ours(found_us);
	const int64_t connect_us = limits->connect_ms ? send_timeout_slice_us(limits->connect_ms) : 0;
	const int64_t send_us = limits->send_ms ? send_timeout_slice_us(limits->send_ms) : 0;
	/* A limit of the program's own that is lower than the deadline is its to meet, and comes back afterwards if not. */
	if (own && (!connect_us || found_us <= limits->connect_ms * INT64_C(1000)))
		return plan;
	plan.during_us = connect_us && (!send_us || connect_us < send_us) ? connect_us : send_us;
	plan.after_us = own ? found_us : send_us;
	if (plan.after_us == plan.during_us)
		plan.after_us = -1;
	return plan;
}

/** When the connect of @p fd was begun: now, or by a call before that a signal ended. */
static int64_t begun(int fd)
{
	uint64_t cookie;
	const int before = errno;
	struct memory *m = memory_hinted(fd) && socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
	struct look look;
	const bool earlier = memory_has(m, MEMORY_CONNECTING) && socket_look(fd, &look) && look.connecting;
	errno = before;
	return earlier ? atomic_load(&m->since_ns) : clock_now_ns();
}

static int connect_blocking(int fd, const struct sockaddr *to, socklen_t length, const struct limits *limits)
{
	const struct arming arming = plan(fd, limits);
	const int64_t begun_ns = begun(fd);
	const int before = errno;
	if (arming.during_us >= 0)
		socket_set_send_timeout(fd, arming.during_us);
	errno = before;
	int result = libc.connect(fd, to, length);
	/* EINTR: with handlers that all restart, the kernel would have gone on by itself. */
	if (result < 0 && arming.during_us >= 0 && (under_way(errno) || (errno == EINTR && signals_restart())))
		result = connect_wait(fd, to, length, begun_ns);
	else if (result < 0 && errno == EINTR)
		connect_under_way(fd, to, length, begun_ns);
	const int error = errno;
	if (result == 0 || error == EISCONN)
		connect_learn(fd);
	if (arming.after_us >= 0)
		socket_set_send_timeout(fd, arming.after_us);
	errno = result < 0 ? error : before;
	return result;
}

void connect_failed(int fd)
{
	uint64_t cookie;
	struct memory *m = socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
	if (!memory_has(m, MEMORY_CONNECTING))
		return;
	report_connect(&m->peer, (clock_now_ns() - atomic_load(&m->since_ns)) / NS_PER_MS);
	take_off(fd, m);
}

bool connect_gave_up(int fd)
{
	uint64_t cookie;
	const int before = errno;
	struct memory *m = memory_hinted(fd) && socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
	const bool gave_up = memory_has(m, MEMORY_GAVE_UP);
	memory_clear(gave_up ? m : NULL, MEMORY_GAVE_UP);
	errno = before;
	return gave_up;
}

int64_t connect_left_ns(int fd, struct memory *m, int64_t now_ns)
{
	int ms;
	const int32_t limit_ms = limits_for(fd)->connect_ms;
	if (!memory_has(m, MEMORY_CONNECTING) || !limit_ms)
		return INT64_MAX;
	const int64_t left_ns = clock_deadline_ns(atomic_load(&m->since_ns), limit_ms) - now_ns;
	if (left_ns <= 0 && !socket_user_timeout(fd, &ms) && socket_give_up(fd)) {
		report_connect(&m->peer, (limit_ms * NS_PER_MS - left_ns) / NS_PER_MS);
		memory_clear(m, MEMORY_CONNECTING | MEMORY_WATCHED);
		memory_set(m, MEMORY_GAVE_UP);
	}
	return left_ns;
}

static int connect_nonblocking(int fd, const struct sockaddr *to, socklen_t length)
{
	const int64_t begun_ns = clock_now_ns();
	const int before = errno;
	int result = libc.connect(fd, to, length);
	int error = errno;
	if (connect_gave_up(fd)) {
		result = -1;
		error = ETIMEDOUT;
	} else if (result < 0 && error == EINPROGRESS)
		connect_under_way(fd, to, length, begun_ns);
	else if (result == 0 || error == EISCONN)
		connect_learn(fd);
	else if (error == ETIMEDOUT)
		connect_failed(fd);
	errno = result < 0 ? error : before;
	return result;
}

int connect_limited(int fd, const struct sockaddr *to, socklen_t length)
{
	const int before = errno;
	uint64_t cookie;
	if (!active || !socket_covered(fd)) {
		errno = before;
		return libc.connect(fd, to, length);
	}
	if (memory_hinted(fd)) {
		/* A socket that had its verdict begins a new life. */
		struct memory *m = socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
		if (memory_has(m, MEMORY_ENDED)) {
			socket_revive(fd);
			memory_clear(m, MEMORY_ENDED | MEMORY_UNTOLD | MEMORY_REFUSED_ONCE | MEMORY_LINGERING);
		}
	}
	const bool nonblocking = socket_nonblocking(fd);
	errno = before;
	return nonblocking ? connect_nonblocking(fd, to, length) : connect_blocking(fd, to, length, limits_for(fd));
}
