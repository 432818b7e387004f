/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The slow path of connect: the deadline while it is under way, and nothing of it afterwards.
 *
 * A blocking connect gets SO_SNDTIMEO, comes back to us with EINPROGRESS and is waited for here, to the millisecond. A
 * non-blocking one gets TCP_USER_TIMEOUT: the kernel ends it, and so every way of waiting sees ETIMEDOUT. MPTCP has no
 * such option; there, and below the second that the kernel needs at least, the waits in wait.c do what can be done.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "clock.h"
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

/** Whom @p fd connects to: the kernel knows, except before it begins and once it has given up. */
static struct destination destination(int fd, const struct sockaddr *to, socklen_t length)
{
	return to ? destination_of(to, length) : socket_peer(fd);
}

static void report(int fd, const struct destination *to, int64_t waited_ns, enum reason reason)
{
	report_connect(fd, to, waited_ns / NS_PER_MS, reason);
}

/** Put the deadline on the socket, which has @p *own_ms now. @return whether the kernel keeps it, or has it kept for the
 * program; *own_ms is what the program has set */
static bool set_deadline(int fd, struct memory *m, int32_t connect_ms, int *own_ms, bool *lower)
{
	/* A timeout of the program's own that is lower stays; one of ours is from an attempt before this. */
	if (user_timeout_ours(*own_ms))
		*own_ms = atomic_load(&m->user_timeout_ms);
	else if (connect_ms && *own_ms > 0 && *own_ms <= connect_ms)
		*lower = true;
	return !*lower && socket_set_user_timeout(fd, connect_ms ? user_timeout_for(connect_ms) : *own_ms);
}

void connect_under_way(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const struct destination d = destination(fd, to, length);
	const struct limits *limits = limits_to(&d);
	uint64_t cookie;
	int own_ms = 0;
	bool lower = false;
	if (!limits->connect_ms && !limits->unacked_ms && !summary_on)
		return;
	/* Whoever has that option is TCP's. MPTCP's have it in newer kernels. */
	bool kernel_knows = socket_user_timeout(fd, &own_ms);
	if (kernel_knows)
		socket_seen();
	else if (!socket_covered(fd))
		return;
	if (!socket_cookie(fd, &cookie))
		return;
	/* Without memory nothing would take it off again. */
	struct memory *m = memory_of(cookie, fd);
	if (!m)
		return;
	limits_known(m, limits);
	if (kernel_knows)
		kernel_knows = set_deadline(fd, m, limits->connect_ms, &own_ms, &lower);
	if (lower)
		return;
	atomic_store(&m->user_timeout_ms, own_ms);
	atomic_store(&m->since_ns, begun_ns);
	memory_clear(m, MEMORY_TOLD);
	memory_set(m, MEMORY_CONNECTING | (kernel_knows || !limits->connect_ms ? 0 : MEMORY_WATCHED));
}

/** The attempt is over: the program's own TCP_USER_TIMEOUT counts again, or SNDTIMEO_UNACKED. What it set meanwhile is
 * remembered (setsockopt_noticed()). */
static void take_off(int fd, struct memory *m)
{
	const struct limits *limits = limits_for(fd);
	const int own_ms = atomic_load(&m->user_timeout_ms);
	if (limits->connect_ms || (!own_ms && limits->unacked_ms))
		socket_set_user_timeout(fd, own_ms ? own_ms : user_timeout_for(limits->unacked_ms));
	memory_clear(m, MEMORY_CONNECTING | MEMORY_WATCHED);
}

/** A dry run: the deadline would have ended a connect that went on, and ended with @p error. */
static void would_have_failed(int fd, const struct destination *to, const struct limits *limits, int64_t took_ns,
                              int error)
{
	if (!settings.dry_run || !limits->connect_ms || took_ns <= limits->connect_ms * NS_PER_MS)
		return;
	report(fd, to, limits->connect_ms * NS_PER_MS,
	       !error ? REASON_CONNECTED_LATE : error == ECONNREFUSED ? REASON_REFUSED_LATE
	       : error == ETIMEDOUT ? REASON_SYN_UNANSWERED : REASON_FAILED_LATE);
}

static void through(int fd, struct memory *m)
{
	const int64_t took_ns = clock_now_ns() - atomic_load(&m->since_ns);
	if (summary_on || settings.dry_run) {
		const struct destination to = socket_peer(fd);
		summary_connected(&to, SUMMARY_TO, took_ns);
		if (!memory_has(m, MEMORY_TOLD))
			would_have_failed(fd, &to, limits_to(&to), took_ns, 0);
	}
	take_off(fd, m);
}

/** @return whether it was remembered as connecting, and is through */
static bool learn(int fd)
{
	uint64_t cookie;
	if (!memory_hinted(fd) || !socket_cookie(fd, &cookie))
		return false;
	struct memory *m = memory_find(cookie);
	/* One that failed keeps it: SO_ERROR, or a second connect(), is still to tell. */
	const bool learned = memory_has(m, MEMORY_CONNECTING) && socket_established(fd);
	if (learned)
		through(fd, m);
	/* Or every wait from now on would ask again. */
	if (!memory_has(m, MEMORY_NOTICED))
		memory_unhint(fd);
	return learned;
}

void connect_learn(int fd)
{
	const int before = errno;
	learn(fd);
	errno = before;
}

void connect_through(int fd, struct memory *m)
{
	const int before = errno;
	through(fd, m);
	if (!memory_has(m, MEMORY_NOTICED))
		memory_unhint(fd);
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
	const struct destination d = destination(fd, to, length);
	report(fd, &d, clock_now_ns() - begun_ns, REASON_SYN_UNANSWERED);
	socket_give_up(fd);
	/* That left ECONNRESET for whoever asks next. */
	socket_take_error(fd);
	return fail(ETIMEDOUT);
}

int connect_wait(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const struct destination d = destination(fd, to, length);
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
	const int64_t send_us = send_timeout_for(limits);
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

void connect_arm(int fd, const struct limits *limits)
{
	const struct arming arming = plan(fd, limits);
	if (arming.during_us > 0 && socket_covered(fd))
		socket_set_send_timeout(fd, arming.during_us);
}

/** A connect came to its end, for good or bad, while its caller waited. */
static void ended(int fd, const struct destination *to, const struct limits *limits, int64_t took_ns, int error)
{
	would_have_failed(fd, to, limits, took_ns, error);
	if (error && error != EISCONN)
		return;
	/* A signal had ended the call that began it. */
	if (learn(fd) || error)
		return;
	if (limits->unacked_ms)
		socket_arm_unacked(fd, limits);
	summary_connected(to, SUMMARY_TO, took_ns);
	if (settings.verbose)
		report_armed(fd);
}

/** Whom the connect was for that ended with @p error; an address that the kernel could not read is not read here. */
static struct destination tried(const struct sockaddr *to, socklen_t length, int error)
{
	return destination_of(error == EFAULT ? NULL : to, length);
}

/** SNDTIMEO_UNACKED of an earlier life is not for the SYN. */
static void disarm_unacked(int fd, const struct limits *limits)
{
	int ms;
	if (limits->unacked_ms && socket_user_timeout(fd, &ms) && user_timeout_ours(ms))
		socket_set_user_timeout(fd, 0);
}

static int connect_blocking(int fd, const struct sockaddr *to, socklen_t length)
{
	const struct limits *limits = limits_before(to, length);
	const struct arming arming = plan(fd, limits);
	const int64_t begun_ns = begun(fd);
	const int before = errno;
	if (arming.during_us >= 0)
		socket_set_send_timeout(fd, arming.during_us);
	disarm_unacked(fd, limits);
	errno = before;
	int result = libc.connect(fd, to, length);
	/* EINTR: with handlers that all restart, the kernel would have gone on by itself. */
	if (result < 0 && arming.during_us >= 0 && (under_way(errno) || (errno == EINTR && signals_restart())))
		result = connect_wait(fd, to, length, begun_ns);
	else if (result < 0 && errno == EINTR)
		connect_under_way(fd, to, length, begun_ns);
	const int error = result < 0 ? errno : 0;
	const struct destination d = tried(to, length, error);
	ended(fd, &d, limits, clock_now_ns() - begun_ns, error);
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
	const struct arming arming = plan(fd, limits);
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
		report(fd, &d, clock_now_ns() - begun_ns, REASON_BACKLOG_FULL);
		error = ETIMEDOUT;
	}
	ended(fd, &d, limits, clock_now_ns() - begun_ns, error);
	if (ours)
		socket_set_send_timeout(fd, arming.after_us >= 0 ? arming.after_us : send_timeout_for(limits));
	errno = result < 0 ? error : before;
	return result;
}

/** The program was told @p error for the connect of @p fd to @p to. */
static void failed(int fd, const struct destination *to, int error)
{
	uint64_t cookie;
	struct memory *m = socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
	if (!memory_has(m, MEMORY_CONNECTING))
		return;
	const struct limits *limits = limits_to(to);
	const int64_t took_ns = clock_now_ns() - atomic_load(&m->since_ns);
	if (error == ETIMEDOUT && limits->connect_ms && !settings.dry_run)
		report(fd, to, took_ns, REASON_SYN_UNANSWERED);
	else if (!memory_has(m, MEMORY_TOLD))
		would_have_failed(fd, to, limits, took_ns, error);
	take_off(fd, m);
}

void connect_failed(int fd, int error)
{
	const struct destination to = socket_peer(fd);
	failed(fd, &to, error);
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
	if (!memory_has(m, MEMORY_CONNECTING) || !limit_ms || (settings.dry_run && memory_has(m, MEMORY_TOLD)))
		return INT64_MAX;
	const int64_t left_ns = clock_deadline_ns(atomic_load(&m->since_ns), limit_ms) - now_ns;
	if (left_ns > 0 || (!settings.dry_run && socket_user_timeout(fd, &ms)))
		return left_ns;
	const struct destination to = socket_peer(fd);
	report(fd, &to, limit_ms * NS_PER_MS - left_ns, REASON_SYN_UNANSWERED);
	if (settings.dry_run)
		memory_set(m, MEMORY_TOLD);
	else if (socket_give_up(fd)) {
		memory_clear(m, MEMORY_CONNECTING | MEMORY_WATCHED);
		memory_set(m, MEMORY_GAVE_UP);
	}
	return left_ns;
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
		failed(fd, old.kind == DESTINATION_UNKNOWN ? &d : &old, error);
	}
	errno = result < 0 ? error : before;
	return result;
}

void unacked_passed(int fd)
{
	const int before = errno;
	int ms;
	const struct limits *limits = limits_for(fd);
	if (limits->unacked_ms && socket_user_timeout(fd, &ms) && user_timeout_ours(ms))
		report_unacked(fd, limits->unacked_ms);
	errno = before;
}

/** A socket that had its verdict begins a new life. */
static void begin_anew(int fd)
{
	uint64_t cookie;
	limits_forget(fd);
	struct memory *m = memory_hinted(fd) && socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
	if (memory_has(m, MEMORY_ENDED)) {
		socket_revive(fd);
		memory_clear(m, MEMORY_ENDED | MEMORY_UNTOLD | MEMORY_REFUSED_ONCE | MEMORY_LINGERING);
	}
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
		begin_anew(fd);
	errno = before;
	if (!covered)
		return libc.connect(fd, to, length);
	return (nonblocking ? connect_nonblocking : is_unix ? connect_unix : connect_blocking)(fd, to, length);
}
