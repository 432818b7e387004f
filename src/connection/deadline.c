/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The deadline of a connect.
 */
#include "connection/deadline.h"

#include <errno.h>

#include "base/clock.h"
#include "base/process.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "limits/configured.h"
#include "tell/report.h"

/** A connect that the kernel ended so much before our deadline was ended by something else. */
#define EARLY_NS (20 * NS_PER_MS)

void deadline_put_on(struct deadline *d, int at, const struct memory *m)
{
	int own_ms = 0;
	d->kernel_knows = socket_user_timeout(at, &own_ms);
	if (memory_has(m, MEMORY_CONNECTING)) {
		d->earlier = true;
		d->own_ms = atomic_load(&m->user_timeout_ms);
		d->begun_ns = atomic_load(&m->since_ns);
		d->ours = d->kernel_knows && d->limits->connect_ms;
		return;
	}
	/* Of an earlier life, and not for the SYN. */
	const bool unacked = memory_has(m, MEMORY_UNACKED) && own_ms == d->limits->unacked_ms;
	d->own_ms = unacked ? 0 : own_ms;
	if (!d->kernel_knows || settings.dry_run)
		return;
	const int32_t limit_ms = d->limits->connect_ms;
	/* A timeout of the program's own that is lower stays. */
	d->ours = limit_ms && (d->own_ms <= 0 || d->own_ms > limit_ms);
	if (d->ours || unacked)
		socket_set_user_timeout(at, d->ours ? limit_ms : 0);
}

/** Once connected: what the program had set counts again, or else SNDTIMEO_UNACKED. */
static void settle(const struct deadline *d, int at, struct memory *m, bool established)
{
	const int32_t unacked_ms = established && d->own_ms <= 0 ? d->limits->unacked_ms : 0;
	int ms;
	if (settings.dry_run || !d->kernel_knows || !(d->ours || unacked_ms))
		return;
	/* By another number, or in another process, it was taken off already, and the program may have set its own. */
	if (d->shared && (!socket_user_timeout(at, &ms) || ms != d->limits->connect_ms))
		return;
	socket_set_user_timeout(at, unacked_ms ? unacked_ms : d->own_ms);
	if (unacked_ms)
		memory_set(m, MEMORY_UNACKED);
	else
		memory_clear(m, MEMORY_UNACKED);
}

void deadline_take_off(const struct deadline *d, int at, struct memory *m, bool established)
{
	settle(d, at, m, established);
	memory_clear(m, MEMORY_CONNECTING | MEMORY_WATCHED);
}

void deadline_goes_on(const struct deadline *d, struct connection *c)
{
	if (d->earlier)
		return;
	if (!d->limits->connect_ms && !d->limits->unacked_ms && !summary_on)
		return;
	/* Its own timeout is sooner: nothing of ours is on it. */
	if (d->kernel_knows && !d->ours && d->limits->connect_ms && !settings.dry_run)
		return;
	if (!c->cookie)
		connection_identify(c);
	struct memory *m = memory_of(c->fd, c->cookie);
	if (!m) {
		/* Nobody would take it off again. */
		if (d->ours)
			socket_set_user_timeout(connection_at(c), d->own_ms);
		return;
	}
	c->memory = m;
	limits_known(m, d->limits);
	atomic_store(&m->user_timeout_ms, d->own_ms);
	atomic_store(&m->since_ns, d->begun_ns);
	atomic_store(&m->due_ns, 0);
	memory_clear(m, MEMORY_TOLD | MEMORY_ENDED | MEMORY_GAVE_UP);
	memory_set(m, MEMORY_CONNECTING);
	/* Whoever uses it by another number has to know, too. */
	if (c->word & DESCRIPTOR_SHARED)
		for (int fd = -1; (fd = descriptor_next(fd + 1, DESCRIPTOR_SHARED | DESCRIPTOR_COVERED)) >= 0;)
			if (fd != c->fd && socket_cookie(fd) == c->cookie)
				memory_copy(c->fd, fd);
}

static bool is_shared(const struct connection *c)
{
	return (c->word & DESCRIPTOR_SHARED) || memory_has(c->memory, MEMORY_SHARED);
}

void deadline_tell(const struct deadline *d, int64_t waited_ns, enum reason reason)
{
	const struct timeout timeout = {
		.event = REPORT_CONNECT, .place = {d->to, SUMMARY_TO}, .peer = d->to, .waited_ms = waited_ns / NS_PER_MS,
		.reason = reason,
	};
	report_timeout(&timeout);
}

void deadline_tell_dry(const struct deadline *d, int64_t took_ns, int error)
{
	const int64_t limit_ns = d->limits->connect_ms * NS_PER_MS;
	if (settings.dry_run && limit_ns && took_ns > limit_ns)
		deadline_tell(d, limit_ns, !error ? REASON_CONNECTED_LATE : error == ECONNREFUSED ? REASON_REFUSED_LATE
		                           : error == ETIMEDOUT ? REASON_SYN_UNANSWERED : REASON_FAILED_LATE);
}

/** What is remembered of it; whom it was for, the kernel has to be asked. */
static struct deadline remembered(const struct connection *c)
{
	return (struct deadline){
		.limits = c->limits, .begun_ns = atomic_load(&c->memory->since_ns),
		.own_ms = atomic_load(&c->memory->user_timeout_ms), .kernel_knows = true, .ours = c->limits->connect_ms != 0,
		.shared = is_shared(c),
	};
}

struct deadline deadline_of(const struct connection *c)
{
	struct deadline d = remembered(c);
	d.to = socket_peer(connection_at(c));
	return d;
}

/** The cookie was asked for just now. */
static void through(struct connection *c)
{
	struct deadline d = remembered(c);
	const int64_t took_ns = clock_now_ns() - d.begun_ns;
	if (summary_on || settings.dry_run) {
		d.to = socket_peer(connection_at(c));
		summary_connected(&d.to, SUMMARY_TO, took_ns);
		if (!memory_has(c->memory, MEMORY_TOLD))
			deadline_tell_dry(&d, took_ns, 0);
	}
	if (*process_only_thread || connection_hold(c))
		deadline_take_off(&d, connection_at(c), c->memory, true);
}

/** For how long a connect was tried that the kernel ended, and of which the program learned @p took_ns after it began. */
static int64_t tried_ns(const struct deadline *d, int64_t took_ns)
{
	const int32_t limit_ms = d->limits->connect_ms;
	const int64_t kept_ns = (limit_ms < DEADLINE_KERNEL_LEAST_MS ? DEADLINE_KERNEL_LEAST_MS : limit_ms) * NS_PER_MS;
	return took_ns < kept_ns ? took_ns : kept_ns;
}

/** It failed: was it our deadline? */
static void failed(struct connection *c, int error)
{
	const int64_t took_ns = clock_now_ns() - atomic_load(&c->memory->since_ns);
	const struct deadline d = deadline_of(c);
	if (!memory_has(c->memory, MEMORY_TOLD)) {
		if (error == ETIMEDOUT && d.ours && !settings.dry_run && took_ns >= c->limits->connect_ms * NS_PER_MS - EARLY_NS)
			deadline_tell(&d, tried_ns(&d, took_ns), REASON_SYN_UNANSWERED);
		else
			deadline_tell_dry(&d, took_ns, error);
	}
	if (*process_only_thread || connection_hold(c))
		deadline_take_off(&d, connection_at(c), c->memory, false);
}

/** Without a call about it: the kernel has ended it, and only its events told. SO_ERROR, or a second connect(), may still
 * ask, and then nothing more is told. */
static void tell_of_ended(struct connection *c, int64_t waited_ns)
{
	const struct deadline d = deadline_of(c);
	if (memory_has(c->memory, MEMORY_TOLD) || settings.dry_run || !d.ours)
		return;
	memory_set(c->memory, MEMORY_TOLD);
	deadline_tell(&d, tried_ns(&d, waited_ns), REASON_SYN_UNANSWERED);
}

int64_t deadline_left_ns(struct connection *c, int64_t now_ns)
{
	int ms;
	const int64_t limit_ns = c->limits->connect_ms * NS_PER_MS;
	const int64_t begun_ns = atomic_load(&c->memory->since_ns);
	if (!memory_has(c->memory, MEMORY_CONNECTING) || !limit_ns || memory_has(c->memory, MEMORY_TOLD))
		return NEVER_NS;
	const int64_t left_ns = clock_sum_ns(begun_ns, limit_ns) - now_ns;
	if (left_ns > EARLY_NS || (left_ns > 0 && !c->look.closed))
		return left_ns;
	if (c->look.closed) {
		tell_of_ended(c, now_ns - begun_ns);
		return NEVER_NS;
	}
	/* The kernel is about to. */
	if (!settings.dry_run && socket_user_timeout(connection_at(c), &ms))
		return left_ns;
	const struct deadline d = deadline_of(c);
	if (settings.dry_run) {
		memory_set(c->memory, MEMORY_TOLD);
		deadline_tell(&d, now_ns - begun_ns, REASON_SYN_UNANSWERED);
	} else if (connection_hold(c) && socket_give_up(connection_at(c))) {
		deadline_tell(&d, now_ns - begun_ns, REASON_SYN_UNANSWERED);
		memory_clear(c->memory, MEMORY_CONNECTING | MEMORY_WATCHED);
		memory_set(c->memory, MEMORY_GAVE_UP);
	}
	return NEVER_NS;
}

static void unnotice(int fd, const struct memory *m)
{
	if (!memory_has(m, MEMORY_NOTICED))
		descriptor_clear(fd, DESCRIPTOR_NOTICED);
}

/** Whether the socket at @p fd may be remembered as connecting; if not, every call from now on need not ask again. */
static bool may_connect(int fd)
{
	if (!descriptor_has(fd, DESCRIPTOR_NOTICED))
		return false;
	const struct memory *m = memory_unverified(fd);
	unnotice(fd, m);
	return memory_has(m, MEMORY_CONNECTING);
}

/** Open what is remembered as connecting at @p fd; false if nothing is. */
static bool open_connecting(struct connection *c, int fd)
{
	connection_open(c, fd, descriptor_word(fd), 0);
	if (memory_has(c->memory, MEMORY_CONNECTING))
		return true;
	unnotice(fd, c->memory);
	return false;
}

void deadline_learn(int fd)
{
	const int before = errno;
	struct connection c;
	struct look look;
	/* The cookie last, so that there is no time for another file to come. */
	if (!may_connect(fd)) {
		errno = before;
		return;
	}
	/* A kernel that may not be asked: it is not connected. */
	if (!socket_look(fd, descriptor_word(fd), &look))
		look = (struct look){.closed = true};
	/* Nobody but us keeps that of an MPTCP socket. */
	if ((!look.connecting || (descriptor_word(fd) & DESCRIPTOR_MPTCP)) && open_connecting(&c, fd)) {
		c.look = look;
		if (look.established)
			through(&c);
		else
			deadline_left_ns(&c, clock_now_ns());
		unnotice(fd, c.memory);
		connection_release(&c);
	}
	errno = before;
}

void deadline_passed(int fd)
{
	const int before = errno;
	struct connection c;
	if (may_connect(fd) && open_connecting(&c, fd))
		tell_of_ended(&c, c.limits->connect_ms * NS_PER_MS);
	errno = before;
}

void deadline_over(int fd, int error)
{
	const int before = errno;
	struct connection c;
	if (may_connect(fd) && open_connecting(&c, fd)) {
		if (error)
			failed(&c, error);
		else
			through(&c);
		unnotice(fd, c.memory);
		connection_release(&c);
	}
	errno = before;
}

bool deadline_gave_up(int fd)
{
	const int before = errno;
	struct connection c;
	if (!descriptor_has(fd, DESCRIPTOR_NOTICED))
		return false;
	connection_open(&c, fd, descriptor_word(fd), 0);
	const bool gave_up = memory_has(c.memory, MEMORY_GAVE_UP);
	if (gave_up) {
		memory_clear(c.memory, MEMORY_GAVE_UP);
		/* The kernel would tell of the reset. */
		if (connection_is_same(&c))
			socket_take_error(fd);
		unnotice(fd, c.memory);
	}
	errno = before;
	return gave_up;
}
