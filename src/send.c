/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The slow path of everything that sends: carry a send through, or find that the connection stalled.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "deadline.h"
#include "memory.h"
#include "nudge.h"
#include "place.h"
#include "route.h"
#include "signals.h"
#include "slow.h"
#include "socket.h"
#include "stall.h"
#include "start.h"

/** Parts of a scattered send handed over at once when it is resumed: the program's own list is not ours to change, and
 * a copy has to fit the stack of a signal handler. */
#define PARTS_AT_ONCE 16

/** The kernel takes no more than this in one call, whatever it is asked (read(2), NOTES). */
#define CALL_MOST ((size_t)0x7ffff000)

/** A send in progress. */
struct carried {
	const struct outgoing *o;
	size_t accepted;
	bool nonblocking;       /**< the socket is: this is a synchronous writer's send */
	bool whole;             /**< it may be completed; else it ends with the first bytes that are accepted */
	int64_t own_until_ns;   /**< when the program's own SO_SNDTIMEO runs out */
	int64_t total_until_ns; /**< when SNDTIMEO_SEND_TOTAL does */
	int64_t look_ns;        /**< when to look at the connection next */
	struct stall stall;
};

static bool sends_file(const struct outgoing *o)
{
	return o->how == WITH_SENDFILE || o->how == WITH_SENDFILE64 || o->how == WITH_SPLICE;
}

/** Whether the call asked not to wait. */
static bool asked_not_to_wait(const struct outgoing *o)
{
	return o->how == WITH_SPLICE ? o->flags & SPLICE_F_NONBLOCK : o->flags & MSG_DONTWAIT;
}

/** Whether the rest may be sent for the program: not what is urgent, what reports its own completion, or what control
 * data belongs to. */
static bool completable(const struct outgoing *o)
{
	return o->how == WITH_SPLICE || (!(o->flags & (MSG_OOB | MSG_ZEROCOPY)) &&
	                                 !(o->how == WITH_SENDMSG && o->message->msg_controllen > 0));
}

/** The call as the program made it. */
static ssize_t call(const struct outgoing *o)
{
	switch (o->how) {
	case WITH_WRITE: return libc.write(o->fd, o->data, o->length);
	case WITH_SEND: return libc.send(o->fd, o->data, o->length, o->flags);
	case WITH_SENDTO: return libc.sendto(o->fd, o->data, o->length, o->flags, o->to, o->to_length);
	case WITH_WRITEV: return libc.writev(o->fd, o->parts, o->count);
	case WITH_SENDMSG: return libc.sendmsg(o->fd, o->message, o->flags);
	case WITH_SENDFILE: return libc.sendfile(o->fd, o->from, o->offset, o->length);
	case WITH_SENDFILE64: return libc.sendfile64(o->fd, o->from, o->offset, o->length);
	case WITH_SPLICE: break;
	}
	return libc.splice(o->from, o->offset, o->fd, o->to_offset, o->length, (unsigned)o->flags);
}

static ssize_t send_parts(const struct outgoing *o, size_t skip, int flags)
{
	const bool message = o->how == WITH_SENDMSG;
	const struct iovec *from = message ? o->message->msg_iov : o->parts;
	const size_t count = message ? o->message->msg_iovlen : (size_t)o->count;
	struct iovec parts[PARTS_AT_ONCE];
	struct msghdr rest = {.msg_iov = parts};
	for (size_t i = 0; i < count && rest.msg_iovlen < PARTS_AT_ONCE; i++) {
		if (skip >= from[i].iov_len) {
			skip -= from[i].iov_len;
			continue;
		}
		parts[rest.msg_iovlen++] = (struct iovec){(char *)from[i].iov_base + skip, from[i].iov_len - skip};
		skip = 0;
	}
	return libc.sendmsg(o->fd, &rest, flags);
}

/** Send what is left, without waiting where the call has a form that does not. It is a TCP socket: write(2) and
 * send(2) are the same to it. */
static ssize_t push(const struct outgoing *o, size_t accepted)
{
	const int flags = (o->flags & ~MSG_FASTOPEN) | MSG_DONTWAIT | (accepted ? MSG_NOSIGNAL : 0);
	struct outgoing rest = *o;
	switch (o->how) {
	case WITH_WRITE:
	case WITH_SEND:
	case WITH_SENDTO: return libc.send(o->fd, (const char *)o->data + accepted, o->length - accepted, flags);
	case WITH_WRITEV:
	case WITH_SENDMSG: return send_parts(o, accepted, flags);
	default: break;
	}
	/* The kernel keeps the offset, or advances the one the program gave. */
	rest.length -= accepted;
	return call(&rest);
}

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

/** What was accepted counts; the error is for the next call then, as in the kernel. */
static ssize_t counted(const struct carried *c, int error)
{
	return c->accepted ? (ssize_t)c->accepted : fail(error);
}

/** A verdict is due: true if the connection is over by it, with *result to return. */
static bool verdict(struct carried *c, int64_t now_ns, ssize_t *result)
{
	const bool untold = c->nonblocking;
	if (!stall_end(&c->stall, now_ns, c->accepted, c->o->length, untold))
		return false;
	if (untold && !c->accepted)
		memory_set(c->stall.memory, MEMORY_REFUSED_ONCE);
	*result = counted(c, untold && c->stall.memory ? EAGAIN : ETIMEDOUT);
	return true;
}

/** Whether SNDTIMEO_SEND_TOTAL has run out, and the connection is over because of that. */
static bool total_passed(struct carried *c, int64_t now_ns, ssize_t *result)
{
	if (now_ns < c->total_until_ns)
		return false;
	/* Once: in a dry run it goes on. */
	c->stall.cause = STALL_TOTAL;
	c->stall.total_ns = now_ns - (c->total_until_ns - c->stall.limits->send_total_ms * NS_PER_MS);
	c->total_until_ns = NEVER_NS;
	return verdict(c, now_ns, result);
}

/** Look at a connection that has no room, and set when to look again; false: it is over, with *result to return. */
static bool look(struct carried *c, int64_t now_ns, ssize_t *result)
{
	const int64_t left_ns = stall_left_ns(&c->stall, now_ns);
	if (left_ns <= 0 && !socket_writable(c->o->fd) && verdict(c, now_ns, result))
		return false;
	if (total_passed(c, now_ns, result))
		return false;
	if (now_ns >= c->own_until_ns) {
		*result = counted(c, EAGAIN);
		return false;
	}
	nudge(&c->stall, now_ns, left_ns);
	int64_t wait_ns = nudge_slice_ns(&c->stall);
	if (left_ns > 0 && wait_ns > left_ns)
		wait_ns = left_ns;
	if (wait_ns > c->own_until_ns - now_ns)
		wait_ns = c->own_until_ns - now_ns;
	if (wait_ns > c->total_until_ns - now_ns)
		wait_ns = c->total_until_ns - now_ns;
	c->look_ns = now_ns + wait_ns;
	return true;
}

/**
 * Wait for room, under the program's own signal mask.
 *
 * @return true: try again; false: it is over, and *result is what to return, errno set
 */
static bool wait_for_room(struct carried *c, const sigset_t *mask, ssize_t *result)
{
	uint64_t cookie;
	for (;;) {
		struct pollfd room = {.fd = c->o->fd, .events = POLLOUT};
		const struct timespec wait = clock_timespec(c->look_ns - clock_now_ns());
		const int ready = socket_await(&room, &wait, mask);
		if (ready < 0 && errno == EINTR && !c->accepted && signals_restart())
			continue;
		if (ready < 0) {
			*result = counted(c, errno);
			return false;
		}
		if (ready == 0) {
			if (look(c, clock_now_ns(), result))
				continue;
			return false;
		}
		/* Whoever closed the descriptor, or put another file in its place, has ended this call: its bytes must not
		 * go there. */
		if (!socket_cookie(c->o->fd, &cookie) || cookie != c->stall.cookie) {
			*result = counted(c, EBADF);
			return false;
		}
		/* The kernel tells an error once. With bytes to count, it is left for the next call. */
		if ((room.revents & (POLLERR | POLLHUP)) && c->accepted) {
			*result = (ssize_t)c->accepted;
			return false;
		}
		return true;
	}
}

/**
 * Whether a call that took @p waited_ns may have ended because SO_SNDTIMEO of @p limit_us ran out.
 *
 * The kernel counts the waits of a call in its ticks, and one that crosses a tick's edge as a whole one: woken up at the
 * right moments, a call may have used its time up two ticks early. (What the kernel made of our 27 ms tells the tick.)
 * Two in a hundred are for the counter's rate.
 */
static bool ran_out(int64_t waited_ns, int64_t limit_us)
{
	return waited_ns >= limit_us * 980 - 2 * socket_tick_ns(limit_us);
}

/** Some calls can only be made as they are, and may wait in the kernel for as long as SO_SNDTIMEO lets them: signals
 * are let in meanwhile. A short count is the end of the file, or a signal, unless it ran into that limit. */
static ssize_t push_as_is(struct carried *c, const sigset_t *mask, bool *over)
{
	int64_t slice_us = 0;
	const uint64_t started = clock_stamp();
	signals_restore(mask);
	const ssize_t sent = c->whole ? push(c->o, c->accepted) : call(c->o);
	const int error = errno;
	sigset_t ignored;
	signals_block(&ignored);
	socket_send_timeout(c->o->fd, &slice_us);
	*over = !c->whole || sent == 0 || (sent > 0 && !c->nonblocking && !ran_out(clock_since_ns(started), slice_us));
	errno = error;
	return sent;
}

/** Whether it has to be noted that there was room: nothing else tells of it later. */
static bool follows_room(const struct carried *c)
{
	return c->stall.look.is_unix || summary_on;
}

/** A peer may be too slow and yet make a little room sooner than any wait for it ends. */
static bool look_is_due(const struct carried *c)
{
	return c->stall.limits->min_rate && clock_now_ns() >= c->look_ns;
}

/** Carry a send through: wait for room, send, until all is accepted, a signal comes, or the connection stalls. The
 * first look, which started the clock, is the caller's. */
static ssize_t carry_on(struct carried *c)
{
	sigset_t mask;
	ssize_t result;
	signals_block(&mask);
	while (wait_for_room(c, &mask, &result)) {
		bool over = false;
		const ssize_t sent = sends_file(c->o) || !c->whole ? push_as_is(c, &mask, &over) : push(c->o, c->accepted);
		if (sent >= 0) {
			c->accepted += (size_t)sent;
			result = (ssize_t)c->accepted;
			/* There was room until now: the next refusal is no older, even if this process was stopped since the last
			 * look and the peer acknowledged all it had long ago. */
			c->stall.looked_ns = clock_now_ns();
			if (follows_room(c))
				stall_room(&c->stall, c->stall.looked_ns);
			if (over || c->accepted >= c->o->length || (c->total_until_ns != NEVER_NS &&
			                                            total_passed(c, clock_now_ns(), &result)))
				break;
		} else if (errno == EINTR && !c->accepted && signals_restart()) {
			continue;
		} else if (errno != EAGAIN) {
			const int error = errno;
			result = counted(c, (error == ECONNRESET || error == EPIPE) && socket_ended(c->o->fd) ? ETIMEDOUT : error);
			break;
		}
		if (look_is_due(c) && !look(c, clock_now_ns(), &result))
			break;
	}
	const int error = errno;
	nudge_no_more();
	signals_restore(&mask);
	errno = error;
	return result;
}

/** Begin to carry. @p refused_ns: when it was refused at the earliest. */
static ssize_t carry(const struct outgoing *o, ssize_t result, int error, uint64_t cookie, bool nonblocking,
                     int64_t refused_ns, int64_t own_until_ns)
{
	struct outgoing most = *o;
	struct carried c = {
		.o = &most, .accepted = result > 0 ? (size_t)result : 0, .nonblocking = nonblocking, .whole = completable(o),
		.own_until_ns = own_until_ns, .total_until_ns = NEVER_NS,
	};
	if (most.length > CALL_MOST)
		most.length = CALL_MOST;
	const bool stalls = stall_watch(&c.stall, o->fd, cookie, refused_ns);
	if (c.stall.limits->send_total_ms)
		c.total_until_ns = refused_ns + c.stall.limits->send_total_ms * NS_PER_MS;
	if (c.accepted < most.length && (!c.accepted || c.whole) &&
	    (stalls || (c.stall.limits->send_total_ms && socket_covered(o->fd)))) {
		const bool goes_on = look(&c, clock_now_ns(), &result);
		if (!goes_on)
			return result;
		if (c.stall.look.established)
			return carry_on(&c);
	}
	errno = error;
	return result;
}

/** Whether the socket is one a synchronous writer's send is carried through on. */
static bool by_synchronous_writer(const struct outgoing *o, uint64_t cookie)
{
	if (writer_cookie != cookie || settings.dry_run || asked_not_to_wait(o) || !completable(o))
		return false;
	const struct limits *limits = limits_of(o->fd, cookie);
	return limits->policy == POLICY_REPLACE && limits->send_ms;
}

/** A loop may try ten thousand times a second. */
static bool looked_lately(const struct stall *s, int64_t now_ns)
{
	return memory_has(s->memory, MEMORY_WATCHED) &&
	       now_ns - atomic_load_explicit(&s->memory->looked_ns, memory_order_relaxed) < stall_slice_ns(s) / 2;
}

/** A refused send goes back to the program, because it does not wait or a signal ended it: note the refusal for whoever
 * tries or waits next, and say so if the connection has stalled. @p refused_ns: when it was refused at the earliest. */
static ssize_t note_refusal(const struct outgoing *o, ssize_t result, int error, uint64_t cookie, int64_t refused_ns)
{
	struct stall s;
	const int64_t now_ns = clock_now_ns();
	/* A unix socket tells too little to a loop that sends whatever there is room for. */
	if (!stall_watch(&s, o->fd, cookie, refused_ns) || looked_lately(&s, now_ns) ||
	    (socket_unix_covered && socket_is_unix(o->fd))) {
		errno = error;
		return result;
	}
	const int64_t left_ns = stall_left_ns(&s, now_ns);
	if (left_ns <= 0 && !socket_writable(o->fd) &&
	    stall_end(&s, now_ns, result > 0 ? (uint64_t)result : 0, o->length, false))
		return result > 0 ? result : fail(ETIMEDOUT);
	if (s.look.established)
		memory_set(s.memory, MEMORY_WATCHED);
	errno = error;
	return result;
}

/** A blocking send came back early: because of a signal, or because SO_SNDTIMEO, ours or the program's, ran out. */
static ssize_t returned_early(const struct outgoing *o, ssize_t result, int error, uint64_t cookie)
{
	const int64_t waited_ns = clock_since_ns(o->started);
	int64_t limit_us = 0;
	bool refused = error == EINTR && signals_restart();
	socket_send_timeout(o->fd, &limit_us);
	if (!refused && limit_us && error != EINTR) {
		if (!send_timeout_ours(limit_us)) {
			if (socket_ended(o->fd))
				return result > 0 ? result : fail(ETIMEDOUT);
		} else
			refused = error == EAGAIN || ran_out(waited_ns, limit_us);
	}
	if (!limit_us)
		socket_arm(o->fd, limits_for(o->fd));
	if (refused)
		return carry(o, result, error, cookie, false, clock_now_ns() - waited_ns, NEVER_NS);
	/* Signals may come so fast that no call ever runs into SO_SNDTIMEO. */
	if (error == EINTR)
		return note_refusal(o, result, error, cookie, clock_now_ns() - waited_ns);
	errno = error;
	return result;
}

/** MSG_FASTOPEN, or a connect that was put off until the first send (TCP_FASTOPEN_CONNECT), is under way. */
static ssize_t connect_first(const struct outgoing *o, ssize_t result, int error, uint64_t cookie)
{
	const bool named = o->how == WITH_SENDTO, message = o->how == WITH_SENDMSG;
	const struct sockaddr *to = named ? o->to : message ? o->message->msg_name : NULL;
	const socklen_t to_length = named ? o->to_length : message ? o->message->msg_namelen : 0;
	const int64_t now_ns = clock_now_ns(), begun_ns = now_ns - clock_since_ns(o->started);
	if (asked_not_to_wait(o) || socket_nonblocking(o->fd)) {
		connect_under_way(o->fd, to, to_length, begun_ns);
		errno = error;
		return result;
	}
	if (connect_wait(o->fd, to, to_length, begun_ns) < 0)
		return result > 0 && errno != ETIMEDOUT ? result : -1;
	return carry(o, result, error, cookie, false, clock_now_ns(), NEVER_NS);
}

/** Whether enough time has passed since @p started for the shortest SO_SNDTIMEO of ours to run out, on the coarsest of
 * ticks. */
static bool may_have_run_out(uint64_t started)
{
	return ran_out(clock_since_ns(started), send_timeout_slice_us(0));
}

/** Whether the kernel waited at all, if only for what a verdict leaves as SO_SNDTIMEO, or that is not known. */
static bool may_have_waited(uint64_t started)
{
	const int64_t waited_ns = clock_since_ns(started);
	return waited_ns < 0 || waited_ns >= NS_PER_MS;
}

/** In a sandbox that forbids to ask, a socket that was armed before may come back too early. Then there is no limit
 * that could be held without cutting the healthy, so the call goes on as it would without us. */
static ssize_t carry_blindly(const struct outgoing *o, ssize_t result, int error)
{
	struct pollfd room = {.fd = o->fd, .events = POLLOUT};
	size_t accepted = result > 0 ? (size_t)result : 0;
	const bool goes_on = (result > 0 || error == EAGAIN) && may_have_run_out(o->started) && completable(o) &&
	                     !asked_not_to_wait(o) && !socket_nonblocking(o->fd);
	while (goes_on && accepted < o->length && socket_await(&room, NULL, NULL) == 1) {
		/* The kernel tells an error once: with bytes to count, it is left for the next call. */
		if (accepted && (room.revents & (POLLERR | POLLHUP)))
			break;
		const ssize_t sent = push(o, accepted);
		if (sent > 0)
			accepted += (size_t)sent;
		else if (sent == 0 || errno != EAGAIN) {
			error = errno;
			break;
		}
	}
	return accepted ? (ssize_t)accepted : result == 0 ? 0 : fail(error);
}

/** What a send that was not complete means. Sets errno if it returns -1. */
static ssize_t consider(const struct outgoing *o, ssize_t result, int error)
{
	uint64_t cookie;
	struct look look;
	if (!socket_cookie(o->fd, &cookie)) {
		if (errno == EPERM || errno == EACCES || errno == ENOSYS)
			return carry_blindly(o, result, error);
		errno = error;
		return result;
	}
	if (error == ECONNRESET || error == EPIPE)
		return fail(socket_ended(o->fd) ? ETIMEDOUT : error);
	if (error == EINPROGRESS || (o->flags & MSG_FASTOPEN && o->how != WITH_SPLICE)) {
		if (socket_look(o->fd, &look) && look.connecting)
			return connect_first(o, result, error, cookie);
	}
	/* A refusal so soon comes from a socket that does not wait, and its loop should not pay for our asking. */
	if (asked_not_to_wait(o) || (error == EAGAIN && !may_have_waited(o->started)) || socket_nonblocking(o->fd)) {
		if (by_synchronous_writer(o, cookie))
			return carry(o, result, error, cookie, true, clock_now_ns(), NEVER_NS);
		return note_refusal(o, result, error, cookie, clock_now_ns());
	}
	return returned_early(o, result, error, cookie);
}

/** A send on a connection that had its verdict: nothing is sent that would have to wait. */
static ssize_t send_ended(const struct outgoing *o, struct memory *m)
{
	/* A synchronous writer takes EAGAIN to its own wait, and from there its own timeout (rule 17): once. */
	if (memory_has(m, MEMORY_UNTOLD) && !memory_has(m, MEMORY_REFUSED_ONCE)) {
		memory_set(m, MEMORY_REFUSED_ONCE);
		return fail(EAGAIN);
	}
	memory_clear(m, MEMORY_UNTOLD);
	/* Not reset yet, because of unread input: what the kernel takes at once is sent. */
	if (memory_has(m, MEMORY_LINGERING) && completable(o) && !sends_file(o)) {
		const ssize_t sent = push(o, 0);
		if (sent > 0)
			return sent;
	}
	return fail(ETIMEDOUT);
}

static ssize_t look_first(struct outgoing *o);

ssize_t send_as_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	(void)to;
	(void)size;
	return libc.send(fd, data, length, flags);
}

size_t length_of(const struct iovec *parts, size_t count)
{
	size_t length = 0;
	for (size_t i = 0; i < count; i++)
		length += parts[i].iov_len;
	return length;
}

/** Count what is to be sent, of a call that the kernel has read, or that is not to be made without a look. */
static void count_bytes(struct outgoing *o)
{
	const bool message = o->how == WITH_SENDMSG;
	if ((!message && o->how != WITH_WRITEV) || !o->data)
		return;
	if (message)
		o->length = length_of(o->message->msg_iov, o->message->msg_iovlen);
	else
		o->length = length_of(o->parts, o->count > 0 ? (size_t)o->count : 0);
}

ssize_t send_slow(struct outgoing *o, ssize_t result)
{
	const int error = result < 0 ? errno : 0;
	if (result == NOT_TRIED)
		return look_first(o);
	if (active && error == ETIMEDOUT)
		unacked_passed(o->fd);
	/* A file's end, a full disk, a bad descriptor: nothing of ours. */
	if (!active || (result < 0 && !send_considered(error)))
		return result;
	count_bytes(o);
	if (result == (ssize_t)o->length)
		return result;
	const ssize_t sent = consider(o, result, error);
	if (sent >= 0)
		errno = o->before;
	return sent;
}

/** Send as the program asked for. */
static ssize_t send_plainly(struct outgoing *o)
{
	errno = o->before;
	o->started = clock_stamp();
	const ssize_t sent = call(o);
	return sent == (ssize_t)o->length ? sent : send_slow(o, sent);
}

/** A send on a descriptor with a hint (memory.h), or before the library has started: what is known of the socket is
 * looked at before anything is sent. */
static ssize_t look_first(struct outgoing *o)
{
	uint64_t cookie;
	if (!bound) {
		o->before = errno;
		start();
	}
	if (!memory_hinted(o->fd))
		return send_plainly(o);
	struct memory *m = socket_cookie(o->fd, &cookie) ? memory_find(cookie) : NULL;
	if (!memory_has(m, MEMORY_NOTICED)) {
		memory_unhint(o->fd);
		m = NULL;
	}
	count_bytes(o);
	if (memory_has(m, MEMORY_CONNECTING))
		connect_learn(o->fd);
	if (memory_has(m, MEMORY_ENDED) && o->length && socket_ended(o->fd)) {
		errno = o->before;
		return send_ended(o, m);
	}
	if ((memory_has(m, MEMORY_TAKE_CARE) || (settings.dry_run && socket_covered(o->fd))) && o->length &&
	    completable(o) && !sends_file(o) && !asked_not_to_wait(o) && !socket_nonblocking(o->fd)) {
		int64_t own_us = 0;
		errno = o->before;
		o->started = clock_stamp();
		const ssize_t sent = push(o, 0);
		if (sent == (ssize_t)o->length || (sent < 0 && errno != EAGAIN))
			return sent < 0 ? send_slow(o, sent) : sent;
		const int error = sent < 0 ? errno : 0;
		const int64_t now_ns = clock_now_ns();
		socket_send_timeout(o->fd, &own_us);
		const ssize_t carried = carry(o, sent, error, cookie, false, now_ns,
		                              own_us && !send_timeout_ours(own_us) ? now_ns + own_us * 1000 : NEVER_NS);
		if (carried >= 0)
			errno = o->before;
		return carried;
	}
	return send_plainly(o);
}

void send_arm(int fd, const struct sockaddr *to, socklen_t length)
{
	const int before = errno;
	if (active)
		connect_arm(fd, limits_before(to, length));
	errno = before;
}

int sendmmsg_limited(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	struct outgoing o = {.how = WITH_SENDMSG, .fd = fd, .flags = flags, .before = errno};
	unsigned done = 0;
	if (flags & MSG_FASTOPEN && active && messages && count)
		send_arm(fd, messages->msg_hdr.msg_name, messages->msg_hdr.msg_namelen);
	for (;;) {
		o.started = clock_stamp();
		const int sent = libc.sendmmsg(fd, messages + done, count - done, flags), error = errno;
		if (!done && (!active || !count))
			return sent;
		if (sent < 0 && !send_considered(error))
			break;
		/* The last one it counts may be a short one. If it counts none, the next is the one that it stopped at. */
		done += sent > 0 ? (unsigned)sent : 0;
		struct mmsghdr *message = &messages[done - (sent > 0)];
		const bool complete = sent > 0 && message->msg_len == length_of(message->msg_hdr.msg_iov, message->msg_hdr.msg_iovlen);
		if (complete && done == count)
			break;
		const bool covered = socket_covered(fd);
		errno = error;
		if (!covered)
			break;
		if (complete)
			continue;
		o.message = &message->msg_hdr;
		const ssize_t carried = send_slow(&o, sent > 0 ? (ssize_t)message->msg_len : -1);
		if (carried >= 0) {
			message->msg_len = (unsigned)carried;
			done += sent <= 0;
		}
		if (carried != (ssize_t)o.length || done == count)
			break;
	}
	if (!done)
		return -1;
	errno = o.before;
	return (int)done;
}
