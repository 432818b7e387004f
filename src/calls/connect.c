/* SPDX-License-Identifier: MIT */
/** @file
 * @brief connect(2) under its deadline.
 *
 * A blocking connect is made on a duplicate, for as long as it waits the number may be closed and given to another file.
 * Its deadline is the kernel's (TCP_USER_TIMEOUT), which no signal disturbs. Below a second, and for MPTCP, the kernel has
 * none that is exact: there it comes back to us after a tick of SO_SNDTIMEO, and is waited for here.
 */
#include "calls/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/libc.h"
#include "base/process.h"
#include "base/signals.h"
#include "calls/wait.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "connection/watch.h"
#include "limits/configured.h"
#include "tell/report.h"

/** A SO_SNDTIMEO that is over at the kernel's next tick. */
#define TICK_US 1

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

/** Wait for a connect that is under way until its deadline, or the program's own. @return 0 connected; -1 with errno:
 * ETIMEDOUT (given up), EINPROGRESS (the program's own time is over), EINTR (both go on in the kernel), or the connection's
 * error */
static int wait_until(struct connection *c, const struct sockaddr *to, socklen_t length, int64_t until_ns, int64_t own_until_ns)
{
	sigset_t mask;
	int result;
	signals_block(&mask);
	for (;;) {
		struct pollfd through = {.fd = connection_at(c), .events = POLLOUT};
		const int64_t first_ns = until_ns < own_until_ns ? until_ns : own_until_ns;
		const struct timespec left = clock_timespec(first_ns - clock_now_ns());
		const int ready = await_one(&through, first_ns == NEVER_NS ? NULL : &left, &mask);
		if (ready < 0 && errno == EINTR && own_until_ns == NEVER_NS && signals_restart())
			continue;
		if (ready < 0)
			result = -1;
		else if (!c->duplicate && !connection_is_same(c))
			result = fail(EBADF);
		else if (ready == 0 && own_until_ns < until_ns)
			result = fail(EINPROGRESS);
		else if (ready == 0) {
			socket_give_up(connection_at(c));
			/* That left ECONNRESET for whoever asks next. */
			socket_take_error(connection_at(c));
			result = fail(ETIMEDOUT);
		} else {
			/* A second connect() says how it ended, and tells the kernel's socket layer what TCP knows: a third
			 * one then says EISCONN, or begins anew. */
			result = libc.connect(connection_at(c), to, length);
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

/** Make it where the kernel keeps no exact deadline. */
static int connect_and_wait(struct connection *c, const struct deadline *d, const struct sockaddr *to, socklen_t length)
{
	const int at = connection_at(c);
	int64_t own_us = 0;
	const bool known = socket_send_timeout(at, &own_us);
	if (known)
		socket_set_send_timeout(at, TICK_US);
	int result = libc.connect(at, to, length);
	const int error = errno;
	if (known)
		socket_set_send_timeout(connection_at(c), own_us);
	errno = error;
	if (result == 0 || !(under_way(error) || (error == EINTR && !own_us && signals_restart())))
		return result;
	return wait_until(c, to, length, clock_sum_ns(d->begun_ns, d->limits->connect_ms * NS_PER_MS),
	                  own_us ? clock_sum_ns(clock_now_ns(), own_us * 1000) : NEVER_NS);
}

/** connect(2) to AF_UNSPEC, which the kernel has read and done: whatever was under way is no more. */
static bool disconnected(struct connection *c, const struct deadline *d, const struct sockaddr *to, int error)
{
	if (error || to->sa_family != AF_UNSPEC)
		return false;
	deadline_take_off(d, connection_at(c), c->memory, false);
	memory_clear(c->memory, MEMORY_TOLD);
	return true;
}

/** It is over, or goes on without its caller. */
static void ended(struct connection *c, const struct deadline *d, int error)
{
	const int64_t took_ns = clock_now_ns() - d->begun_ns, limit_ns = d->limits->connect_ms * NS_PER_MS;
	if (under_way(error) || error == EINTR) {
		deadline_goes_on(d, c);
		return;
	}
	if (!error && d->limits->unacked_ms && c->cookie) {
		struct memory *m = memory_of(c->fd, c->cookie);
		c->memory = m ? m : c->memory;
	}
	deadline_take_off(d, connection_at(c), c->memory, error == 0);
	if (error == ETIMEDOUT && limit_ns && !settings.dry_run && took_ns >= limit_ns - limit_ns / 50)
		deadline_tell(d, took_ns, REASON_SYN_UNANSWERED);
	else
		deadline_tell_dry(d, took_ns, error);
	if (error)
		return;
	summary_connected(&d->to, SUMMARY_TO, took_ns);
	if (settings.verbose)
		report_armed(&d->to, SUMMARY_TO, d->limits, limits_rule(connection_at(c)));
}

/** The limits for a connect to @p to, which is the kernel's to find fault with. */
static const struct limits *limits_for(const struct sockaddr *to, socklen_t length)
{
	return settings.rules.count && (length > sizeof(struct sockaddr_storage) || !wait_can_read(to, length))
	               ? &settings.limits : limits_before(to, length);
}

/** The deadline for a connect to @p to, which the kernel may still find fault with. */
static void plan(struct deadline *d, struct connection *c, const struct sockaddr *to, socklen_t length)
{
	*d = (struct deadline){.limits = limits_for(to, length), .begun_ns = clock_now_ns()};
	c->limits = d->limits;
	deadline_put_on(d, connection_at(c), c->memory);
}

/** Whom a connect was for that ended with @p error; an address that the kernel could not read is not read here. */
static void name(struct deadline *d, const struct sockaddr *to, socklen_t length, int error)
{
	const bool read = error != EFAULT && error != EINVAL && error != EBADF && length <= sizeof(struct sockaddr_storage);
	d->to = destination_of(read ? to : NULL, length);
}

/** Whether the kernel keeps this deadline by itself. */
static bool kernel_keeps(const struct deadline *d, const struct connection *c)
{
	if (!d->limits->connect_ms || settings.dry_run)
		return true;
	if (d->kernel_knows)
		return !d->ours || d->limits->connect_ms >= DEADLINE_KERNEL_LEAST_MS;
	/* What has no such option may be no socket of ours at all. */
	const enum socket_kind kind = socket_kind(connection_at(c));
	return kind == SOCKET_OTHER;
}

static int connect_blocking(int fd, uint32_t word, const struct sockaddr *to, socklen_t length)
{
	struct connection c;
	struct deadline d;
	const int before = errno;
	const struct limits *limits = limits_for(to, length);
	const bool notices = (word & DESCRIPTOR_NOTICED) || limits->unacked_ms;
	if (!limits->connect_ms && !notices && !summary_on && !settings.verbose)
		return libc.connect(fd, to, length);
	connection_open_blindly(&c, fd, word);
	if (notices || !c.duplicate)
		connection_identify(&c);
	plan(&d, &c, to, length);
	const bool kept = kernel_keeps(&d, &c);
	/* Who leaves by siglongjmp(), or is cancelled, comes to no end of it. */
	if (c.duplicate && d.ours) {
		atomic_store(&c.duplicate->own_ms, d.own_ms);
		atomic_store(&c.duplicate->deadline_ms, d.limits->connect_ms);
	}
	errno = before;
	const int result = kept ? libc.connect(connection_at(&c), to, length) : connect_and_wait(&c, &d, to, length);
	const int error = result < 0 ? errno : 0;
	if (c.duplicate)
		atomic_store(&c.duplicate->deadline_ms, 0);
	name(&d, to, length, error);
	/* Without a duplicate it may be another file by now. */
	if ((c.duplicate || connection_is_same(&c)) && !disconnected(&c, &d, to, error))
		ended(&c, &d, error);
	connection_release(&c);
	errno = error ? error : before;
	return result;
}

/** A unix socket waits only for its owner's backlog, in the kernel: what is left of the deadline is SO_SNDTIMEO. */
__attribute__((cold)) static int connect_unix(int fd, uint32_t word, const struct sockaddr *to, socklen_t length)
{
	struct connection c;
	struct deadline d = {.limits = limits_for(to, length), .begun_ns = clock_now_ns()};
	const int before = errno;
	int64_t own_us = 0;
	int result, error;
	connection_open_blindly(&c, fd, word);
	const int64_t limit_us = d.limits->connect_ms * INT64_C(1000);
	const bool ours = c.duplicate && limit_us && !settings.dry_run &&
	                  socket_send_timeout(connection_at(&c), &own_us) && (!own_us || own_us > limit_us);
	const int64_t until_ns = clock_sum_ns(d.begun_ns, limit_us * 1000);
	do {
		const int64_t left_us = (until_ns - clock_now_ns()) / NS_PER_US;
		if (ours)
			socket_set_send_timeout(connection_at(&c), left_us > 0 ? left_us : TICK_US);
		errno = before;
		result = libc.connect(connection_at(&c), to, length);
		error = result < 0 ? errno : 0;
	} while (ours && ((error == EINTR && !own_us && signals_restart()) || (error == EAGAIN && clock_now_ns() < until_ns)));
	if (ours)
		socket_set_send_timeout(connection_at(&c), own_us);
	name(&d, to, length, error);
	if (ours && error == EAGAIN) {
		deadline_tell(&d, clock_now_ns() - d.begun_ns, REASON_BACKLOG_FULL);
		error = ETIMEDOUT;
	} else if (!error)
		ended(&c, &d, 0);
	connection_release(&c);
	errno = error ? error : before;
	return result;
}

static int connect_nonblocking(int fd, uint32_t word, const struct sockaddr *to, socklen_t length)
{
	struct connection c;
	struct deadline d;
	const int before = errno;
	/* Among threads the number may be another file's before we are through. */
	if (*process_only_thread)
		connection_open(&c, fd, word, 0);
	else {
		connection_open_blindly(&c, fd, word);
		connection_identify(&c);
	}
	const int at = connection_at(&c);
	const bool known = (settings.verbose || summary_on) && socket_established(at);
	plan(&d, &c, to, length);
	errno = before;
	int result = libc.connect(at, to, length);
	int error = result < 0 ? errno : 0;
	name(&d, to, length, error);
	if (disconnected(&c, &d, to, error))
		;
	else if (!d.earlier && under_way(error)) {
		deadline_goes_on(&d, &c);
		if (settings.verbose)
			report_armed(&d.to, SUMMARY_TO, d.limits, limits_rule(at));
	} else if (!d.earlier && !error && known)
		/* The kernel says so once more of a connect that the program knows of. */
		deadline_take_off(&d, at, c.memory, true);
	else if (!d.earlier && connection_is_same(&c))
		/* It was refused at once, or was a blocking one after all. */
		ended(&c, &d, error);
	else if (d.earlier && deadline_gave_up(fd)) {
		result = -1;
		error = ETIMEDOUT;
	} else if (d.earlier && (!error || error == EISCONN))
		/* A second call tells of the first, whatever address it has. */
		deadline_learn(fd);
	else if (d.earlier && !under_way(error))
		deadline_over(fd, error);
	connection_release(&c);
	errno = error ? error : before;
	return result;
}

/** A connect that we gave up is told of once, and then may be begun anew. */
static bool begin_anew(int fd, uint32_t word)
{
	struct connection c;
	if (!(word & DESCRIPTOR_NOTICED))
		return true;
	connection_open(&c, fd, word, 0);
	if (memory_has(c.memory, MEMORY_ENDED) && connection_hold(&c)) {
		socket_revive(connection_at(&c));
		memory_clear(c.memory, MEMORY_ENDED | MEMORY_UNTOLD | MEMORY_REFUSED_ONCE | MEMORY_LINGERING);
		stall_forget(&c.memory->clock);
	}
	connection_release(&c);
	return !deadline_gave_up(fd);
}

int connect_limited(int fd, const struct sockaddr *to, socklen_t length)
{
	const int before = errno;
	const uint32_t word = descriptor_word(fd);
	if (!active || !(word & DESCRIPTOR_COVERED))
		return libc.connect(fd, to, length);
	writer_end();
	/* It goes by another destination from now on. */
	struct memory *m = memory_unverified(fd);
	if (m && !memory_has(m, MEMORY_CONNECTING))
		atomic_store(&m->limits, NULL);
	if (!begin_anew(fd, word))
		return fail(ETIMEDOUT);
	errno = before;
	if (word & DESCRIPTOR_UNIX)
		return connect_unix(fd, word, to, length);
	return (word & DESCRIPTOR_NONBLOCKING ? connect_nonblocking : connect_blocking)(fd, word, to, length);
}

/* ---- sends that connect ---------------------------------------------------------------------------------------------- */

bool connect_first_begin(struct connecting *k, int fd, uint32_t word, const struct sockaddr *to, socklen_t length)
{
	struct look look;
	descriptor_clear(fd, DESCRIPTOR_FASTOPEN);
	/* TCP_FASTOPEN_CONNECT leaves it in SYN-SENT without a SYN. */
	if (!socket_look(fd, word, &look) || !(look.closed || (look.connecting && (word & DESCRIPTOR_FASTOPEN))))
		return false;
	connection_open(&k->c, fd, word, 0);
	if (!connection_hold(&k->c))
		return false;
	plan(&k->deadline, &k->c, to, length);
	k->deadline.to = to ? destination_of(to, length) : socket_peer(connection_at(&k->c));
	if (!to) {
		/* TCP_FASTOPEN_CONNECT: only the kernel knows. */
		k->deadline.limits = k->c.limits = limits_to(&k->deadline.to);
	}
	return true;
}

bool connect_first_exactly(struct connecting *k, const struct sockaddr *to, socklen_t length)
{
	if (kernel_keeps(&k->deadline, &k->c) || socket_nonblocking(connection_at(&k->c)))
		return false;
	const int error = connect_and_wait(&k->c, &k->deadline, to, length) < 0 ? errno : 0;
	ended(&k->c, &k->deadline, error);
	errno = error;
	return true;
}

void connect_first_end(struct connecting *k, int error)
{
	const int before = errno;
	struct look look;
	/* With data in its SYN it may have come back before it is connected. */
	if (!error && socket_look(connection_at(&k->c), k->c.word, &look) && look.connecting)
		error = EINPROGRESS;
	ended(&k->c, &k->deadline, error == EAGAIN ? 0 : error);
	connection_release(&k->c);
	errno = before;
}
