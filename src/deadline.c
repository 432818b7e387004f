/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The deadline of a connect.
 */
#include "deadline.h"

#include <errno.h>

#include "clock.h"
#include "memory.h"
#include "place.h"
#include "report.h"
#include "socket.h"
#include "start.h"

struct destination connect_destination(int fd, const struct sockaddr *to, socklen_t length)
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
	const struct destination d = connect_destination(fd, to, length);
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
	if (!memory_hinted(fd))
		return false;
	struct memory *m = memory_at(fd);
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

void connect_give_up(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns)
{
	const struct destination d = connect_destination(fd, to, length);
	report(fd, &d, clock_now_ns() - begun_ns, REASON_SYN_UNANSWERED);
	socket_give_up(fd);
	/* That left ECONNRESET for whoever asks next. */
	socket_take_error(fd);
}

struct arming connect_plan(int fd, const struct limits *limits)
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

int64_t connect_begun_ns(int fd)
{
	const int before = errno;
	struct memory *m = memory_at_hint(fd);
	struct look look;
	const bool earlier = memory_has(m, MEMORY_CONNECTING) && socket_look(fd, &look) && look.connecting;
	errno = before;
	return earlier ? atomic_load(&m->since_ns) : clock_now_ns();
}

void connect_arm(int fd, const struct limits *limits)
{
	const struct arming arming = connect_plan(fd, limits);
	if (arming.during_us > 0 && socket_covered(fd))
		socket_set_send_timeout(fd, arming.during_us);
}

void connect_ended(int fd, const struct destination *to, const struct limits *limits, int64_t took_ns, int error)
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

void connect_disarm_unacked(int fd, const struct limits *limits)
{
	int ms;
	if (limits->unacked_ms && socket_user_timeout(fd, &ms) && user_timeout_ours(ms))
		socket_set_user_timeout(fd, 0);
}

void connect_failed(int fd, const struct destination *to, int error)
{
	struct memory *m = memory_at(fd);
	if (!memory_has(m, MEMORY_CONNECTING))
		return;
	const struct destination d = to ? *to : socket_peer(fd);
	const struct limits *limits = limits_to(&d);
	const int64_t took_ns = clock_now_ns() - atomic_load(&m->since_ns);
	if (error == ETIMEDOUT && limits->connect_ms && !settings.dry_run)
		report(fd, &d, took_ns, REASON_SYN_UNANSWERED);
	else if (!memory_has(m, MEMORY_TOLD))
		would_have_failed(fd, &d, limits, took_ns, error);
	take_off(fd, m);
}

bool connect_gave_up(int fd)
{
	const int before = errno;
	struct memory *m = memory_at_hint(fd);
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

void unacked_passed(int fd)
{
	const int before = errno;
	int ms;
	const struct limits *limits = limits_for(fd);
	if (limits->unacked_ms && socket_user_timeout(fd, &ms) && user_timeout_ours(ms))
		report_unacked(fd, limits->unacked_ms);
	errno = before;
}

void connect_anew(int fd)
{
	limits_forget(fd);
	struct memory *m = memory_at_hint(fd);
	if (memory_has(m, MEMORY_ENDED)) {
		socket_revive(fd);
		memory_clear(m, MEMORY_ENDED | MEMORY_UNTOLD | MEMORY_REFUSED_ONCE | MEMORY_LINGERING);
	}
}
