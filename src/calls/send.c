/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Everything that sends from memory: tried without waiting, and carried through if that was not all.
 *
 * Longer than 400 lines, because each form of the one call is tried, held and finished by the same few functions.
 */
#include "calls/send.h"

#include <errno.h>
#include <string.h>

#include "base/await.h"
#include "base/clock.h"
#include "calls/carry.h"
#include "calls/connect.h"
#include "calls/wait.h"
#include "connection/connection.h"
#include "connection/deadline.h"
#include "connection/place.h"
#include "connection/socket.h"
#include "connection/watch.h"
#include "limits/configured.h"

/** Parts of a scattered send handed over at once when it is resumed: the program's own list is not ours to change, and
 * a copy has to fit the stack of a signal handler. */
#define PARTS_AT_ONCE 16

/** A Fast Open send waits for its connection, and is not to wait for room as well: so much fits every buffer. */
#define FASTOPEN_MOST 1024

ssize_t send_as_made(const struct outgoing *o)
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

/** The call, with other flags. It is made as send(2) or sendmsg(2), which are the same to a TCP socket. */
static ssize_t call_with(const struct outgoing *o, int flags)
{
	switch (o->how) {
	case WITH_SENDTO: return libc.sendto(o->fd, o->data, o->length, flags, o->to, o->to_length);
	case WITH_WRITEV: {
		const struct msghdr message = {.msg_iov = (struct iovec *)o->parts, .msg_iovlen = (size_t)o->count};
		return libc.sendmsg(o->fd, &message, flags);
	}
	case WITH_SENDMSG: return libc.sendmsg(o->fd, o->message, flags);
	default: return libc.send(o->fd, o->data, o->length, flags);
	}
}

/** Send at most @p most bytes, after the first @p skip, to @p at. @param asked how many that were; may be NULL */
static ssize_t send_some(const struct outgoing *o, int at, size_t skip, size_t most, int flags, size_t *asked)
{
	const bool message = o->how == WITH_SENDMSG, connects = flags & MSG_FASTOPEN;
	if (!message && o->how != WITH_WRITEV) {
		const size_t rest = o->length - skip < most ? o->length - skip : most;
		if (asked)
			*asked = rest;
		return libc.sendto(at, (const char *)o->data + skip, rest, flags,
		                   connects ? o->to : NULL, connects ? o->to_length : 0);
	}
	const struct iovec *from = message ? o->message->msg_iov : o->parts;
	const size_t count = message ? (size_t)o->message->msg_iovlen : (size_t)o->count;
	struct iovec parts[PARTS_AT_ONCE];
	struct msghdr rest = {.msg_iov = parts};
	if (message && connects) {
		rest.msg_name = o->message->msg_name;
		rest.msg_namelen = o->message->msg_namelen;
	}
	for (size_t i = 0; i < count && most && rest.msg_iovlen < PARTS_AT_ONCE; i++) {
		if (skip >= from[i].iov_len) {
			skip -= from[i].iov_len;
			continue;
		}
		const size_t left = from[i].iov_len - skip, length = left < most ? left : most;
		parts[rest.msg_iovlen++] = (struct iovec){(char *)from[i].iov_base + skip, length};
		most -= length;
		skip = 0;
	}
	if (asked)
		*asked = length_of(parts, rest.msg_iovlen);
	return libc.sendmsg(at, &rest, flags);
}

/** Send what is left, without waiting. */
static ssize_t push(const struct outgoing *o, int at, size_t accepted)
{
	return send_some(o, at, accepted, o->length - accepted, (o->flags & ~MSG_FASTOPEN) | TRY_FLAGS, NULL);
}

/** The same for a call that only goes as it is. */
static ssize_t push_as_is(const struct outgoing *o, int at)
{
	struct outgoing again = *o;
	again.fd = at;
	return call_with(&again, o->flags | TRY_FLAGS);
}

static ssize_t step_push(struct carried *k)
{
	return push(k->o, connection_at(k->c), k->accepted);
}

static ssize_t step_push_as_is(struct carried *k)
{
	return push_as_is(k->o, connection_at(k->c));
}

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

/** Whether the rest may be sent for the program: not what is urgent, what reports its own completion, or what control
 * data belongs to. */
static bool completable(const struct outgoing *o)
{
	return !(o->flags & (MSG_OOB | MSG_ZEROCOPY)) && !(o->how == WITH_SENDMSG && o->message->msg_controllen > 0);
}

/** Whether a message, @p size bytes of it, and its list of parts can be read, where the kernel has not read them first. */
static bool can_read_message(const struct msghdr *message, size_t size)
{
	return wait_can_read(message, size) && (size_t)message->msg_iovlen <= SEND_PARTS_MOST &&
	       wait_can_read(message->msg_iov, message->msg_iovlen * sizeof *message->msg_iov);
}

/** Count what is to be sent, of a call that the kernel has read. */
static void count_bytes(struct outgoing *o)
{
	if (o->how == WITH_SENDMSG)
		o->length = length_of(o->message->msg_iov, o->message->msg_iovlen);
	else if (o->how == WITH_WRITEV)
		o->length = length_of(o->parts, (size_t)o->count);
	if (o->length > CALL_MOST)
		o->length = CALL_MOST;
}

/* ---- what is no connection of ours ------------------------------------------------------------------------------------- */

/** It is no covered socket, or has no limit: finish the call as it would have been without us. @p at: where it began. */
static ssize_t finish_plainly(const struct outgoing *o, int at, size_t accepted)
{
	errno = o->before;
	if (!accepted && at == o->fd)
		return send_as_made(o);
	if (!accepted) {
		struct outgoing same = *o;
		same.fd = at;
		return send_as_made(&same);
	}
	/* As many parts at once as there is room for; the kernel tells an error once, and leaves it for the next call here. */
	for (;;) {
		size_t asked;
		struct pollfd room = {.fd = at, .events = POLLOUT};
		await_one(&room, NULL, NULL);
		if (room.revents & (POLLERR | POLLHUP))
			break;
		const ssize_t sent = send_some(o, at, accepted, o->length - accepted,
		                               (o->flags & ~MSG_FASTOPEN) | MSG_NOSIGNAL, &asked);
		if (sent > 0)
			accepted += (size_t)sent;
		if (sent <= 0 || (size_t)sent < asked || accepted >= o->length)
			break;
	}
	errno = o->before;
	return (ssize_t)accepted;
}

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

/** A send of ours was broken, and raised no SIGPIPE. Sending nothing again lets the kernel do it, as it would have (signal(7), one
 * si_code). */
static void raise_sigpipe(const struct outgoing *o, int at)
{
	if (!(o->flags & MSG_NOSIGNAL))
		libc.send(at, "", 0, MSG_DONTWAIT);
	errno = EPIPE;
}

/** The first try failed because the connection is over. */
static ssize_t broken(const struct outgoing *o, int error)
{
	struct connection c;
	connection_open(&c, o->fd, o->word, 0);
	if (connection_has_ended(&c))
		return fail(ETIMEDOUT);
	if (error == EPIPE && !(o->flags & MSG_NOSIGNAL) && connection_hold(&c)) {
		raise_sigpipe(o, connection_at(&c));
		connection_release(&c);
	}
	return fail(error);
}

/* ---- sockets that do not wait ---------------------------------------------------------------------------------------- */

/** A loop may try ten thousand times a second. */
static bool looked_lately(const struct connection *c)
{
	return memory_has(c->memory, MEMORY_WATCHED) &&
	       c->looked_ns - atomic_load_explicit(&c->memory->clock.looked_ns, memory_order_relaxed) <
	               stall_slice_ns(c->limits) / 2;
}

/** A refused send goes back to the program, because it does not wait: note the refusal for whoever tries or waits next,
 * and say so if the connection has stalled. */
static ssize_t note_refusal(const struct outgoing *o, struct connection *c, size_t accepted)
{
	ssize_t result = accepted ? (ssize_t)accepted : -1;
	int error = EAGAIN;
	/* A unix socket tells too little to a loop that sends whatever there is room for. */
	if (c->limits->send_ms && c->cookie && !(o->word & DESCRIPTOR_UNIX) && !looked_lately(c)) {
		const int64_t left_ns = connection_left_ns(c);
		if (c->look.established && socket_ended(connection_at(c)))
			error = ETIMEDOUT; /* by another process */
		else if (left_ns <= 0 && !socket_writable(connection_at(c)) && connection_end(c, accepted, o->length, false))
			error = ETIMEDOUT, memory_set(c->memory, accepted ? 0 : MEMORY_HEARD);
		else if (c->look.established)
			watch_refused(c);
		else if (!c->look.connecting && !c->look.closed)
			connection_is_covered(o->fd, o->word);
		connection_release(c);
	}
	errno = result < 0 ? error : o->before;
	return result;
}

/** Whether the socket is one a synchronous writer's send is carried through on. */
static bool by_synchronous_writer(const struct outgoing *o, const struct connection *c)
{
	return carries_for_writer(c) && !(o->flags & MSG_DONTWAIT) && completable(o);
}

/* ---- sockets that wait ------------------------------------------------------------------------------------------------- */

/** A sandbox came meanwhile: what the program itself calls is allowed, and nothing else. */
static ssize_t finish_in_sandbox(const struct outgoing *o, int at, size_t accepted)
{
	struct outgoing rest = *o;
	if (accepted >= o->length || ((o->how == WITH_WRITEV || o->how == WITH_SENDMSG) && accepted))
		return (ssize_t)accepted;
	rest.fd = at;
	if (accepted) {
		rest.data = (const char *)o->data + accepted;
		rest.length -= accepted;
	}
	const ssize_t sent = send_as_made(&rest);
	return sent >= 0 || accepted ? (ssize_t)accepted + (sent > 0 ? sent : 0) : sent;
}

/** Go on with a send of which @p accepted bytes were accepted, on a connection that is held. */
static ssize_t go_on(struct outgoing *o, struct connection *c, size_t accepted, bool nonblocking, int64_t began_ns)
{
	struct carried k = {
		.o = o, .c = c, .step = completable(o) ? step_push : step_push_as_is, .accepted = accepted,
		.nonblocking = nonblocking, .whole = completable(o),
	};
	const struct limits *limits = c->limits;
	if (accepted && !k.whole)
		return (ssize_t)accepted;
	if (!limits->send_ms && !limits->send_total_ms)
		return finish_plainly(o, connection_at(c), accepted);
	const ssize_t result = carry(&k, began_ns, EAGAIN);
	if (!active)
		return finish_in_sandbox(o, connection_at(c), k.accepted);
	/* There is nothing to hold a limit by. */
	if (result < 0 && errno == EAGAIN && !nonblocking && !c->look.established && !k.own_us)
		return finish_plainly(o, connection_at(c), accepted);
	if (result < 0 && errno == EPIPE)
		raise_sigpipe(o, connection_at(c));
	return result;
}

static ssize_t carried_through(struct outgoing *o, struct connection *c, size_t accepted, bool nonblocking, int64_t began_ns)
{
	const ssize_t result = go_on(o, c, accepted, nonblocking, began_ns);
	connection_release(c);
	if (result >= 0)
		errno = o->before;
	return result;
}

/** The number may have become another file since the first try, whose bytes are not to go there. */
static ssize_t cannot_go_on(const struct outgoing *o, size_t accepted)
{
	errno = accepted ? o->before : EINTR;
	return accepted ? (ssize_t)accepted : -1;
}

static ssize_t wait_for_all(struct outgoing *o, size_t accepted, int64_t began_ns)
{
	struct connection c;
	if (!connection_open_held(&c, o->fd, o->word, began_ns))
		return cannot_go_on(o, accepted);
	return carried_through(o, &c, accepted, false, began_ns);
}

ssize_t send_incomplete(struct outgoing *o, ssize_t sent)
{
	const int error = sent < 0 ? errno : 0;
	if (error == ENOTSOCK) {
		connection_not_covered(o->fd, o->word);
		errno = o->before;
		return send_as_made(o);
	}
	/* writev(2) of nothing does nothing, where sendmsg(2) asks the socket. */
	if (o->how == WITH_WRITEV && error && error != EFAULT && error != EINVAL && !length_of(o->parts, (size_t)o->count)) {
		errno = o->before;
		return send_as_made(o);
	}
	if (error == EPIPE || error == ECONNRESET)
		return broken(o, error);
	if (error == ETIMEDOUT)
		connection_unacked_passed(o->fd);
	if (error && error != EAGAIN)
		return fail(error);
	count_bytes(o);
	const size_t accepted = sent > 0 ? (size_t)sent : 0;
	if (accepted == o->length && sent >= 0) {
		errno = o->before;
		return sent;
	}
	const int64_t began_ns = clock_now_ns();
	if (!(o->flags & MSG_DONTWAIT) && !socket_nonblocking(o->fd)) {
		if (o->length)
			return wait_for_all(o, accepted, began_ns);
		/* A zero-length send waits for nothing but a connection. */
		errno = o->before;
		return send_as_made(o);
	}
	struct connection c;
	connection_open(&c, o->fd, o->word, began_ns);
	c.passes = true;
	if (by_synchronous_writer(o, &c)) {
		if (!connection_hold(&c))
			return cannot_go_on(o, accepted);
		c.passes = false;
		return carried_through(o, &c, accepted, true, began_ns);
	}
	return note_refusal(o, &c, accepted);
}

/** The first try. */
static ssize_t try_now(struct outgoing *o)
{
	const bool odd = (ssize_t)o->length < 0 || (o->how == WITH_WRITEV && (unsigned)o->count - 1 >= SEND_PARTS_MOST);
	if (odd)
		return send_as_made(o);
	o->before = errno;
	const ssize_t sent = call_with(o, o->flags | TRY_FLAGS);
	const bool counted = o->how != WITH_WRITEV && o->how != WITH_SENDMSG;
	return counted && sent == (ssize_t)o->length ? sent : send_incomplete(o, sent);
}

/* ---- sockets that are looked at before a send ------------------------------------------------------------------------ */

/** A send on a connection that had its verdict: nothing is sent that would have to wait. */
static ssize_t send_ended(struct outgoing *o, struct memory *m)
{
	/* A synchronous writer takes EAGAIN to its own wait, and from there its own timeout (rule 17): once. */
	if (memory_has(m, MEMORY_UNTOLD) && !memory_has(m, MEMORY_REFUSED_ONCE)) {
		memory_set(m, MEMORY_REFUSED_ONCE);
		return fail(EAGAIN);
	}
	memory_clear(m, MEMORY_UNTOLD);
	memory_set(m, MEMORY_HEARD);
	/* Not reset yet, because of unread input: what the kernel takes at once is sent. */
	if (memory_has(m, MEMORY_LINGERING)) {
		const ssize_t sent = call_with(o, o->flags | TRY_FLAGS);
		if (sent >= 0) {
			errno = o->before;
			return sent;
		}
	}
	return fail(ETIMEDOUT);
}

/** MSG_FASTOPEN, or the first send after TCP_FASTOPEN_CONNECT: a connect under its deadline, with the first bytes, and then a
 * send like any other. */
static ssize_t send_first(struct outgoing *o)
{
	const bool message = o->how == WITH_SENDMSG;
	if (message && !can_read_message(o->message, sizeof *o->message))
		return send_as_made(o);
	const struct sockaddr *to = o->how == WITH_SENDTO ? o->to : message ? o->message->msg_name : NULL;
	const socklen_t to_length = o->how == WITH_SENDTO ? o->to_length : message ? o->message->msg_namelen : 0;
	struct connecting connecting;
	if (!connect_first_begin(&connecting, o->fd, o->word, to, to_length))
		return try_now(o);
	/* Below what the kernel can keep the connection comes first, and then the bytes. */
	if (to && connect_first_exactly(&connecting, to, to_length)) {
		const int failed = errno;
		connection_release(&connecting.c);
		if (failed)
			return fail(failed);
		o->flags &= ~MSG_FASTOPEN;
		errno = o->before;
		return try_now(o);
	}
	errno = o->before;
	const bool split = completable(o) && (message || o->how == WITH_WRITEV || o->length > FASTOPEN_MOST);
	const ssize_t sent = split ? send_some(o, connection_at(&connecting.c), 0, FASTOPEN_MOST, o->flags, NULL)
	                           : send_as_made(o);
	const int error = sent < 0 ? errno : 0;
	connect_first_end(&connecting, error);
	if (sent < 0 || !split)
		return sent < 0 ? fail(error) : sent;
	count_bytes(o);
	if ((size_t)sent >= o->length)
		return sent;
	const ssize_t more = push(o, o->fd, (size_t)sent);
	return send_incomplete(o, more < 0 ? sent : sent + more);
}

/** What is remembered of a socket that has DESCRIPTOR_NOTICED is looked at: a connect is through, or there was a verdict. */
static bool has_ended(struct outgoing *o)
{
	struct connection c;
	if (!(o->word & DESCRIPTOR_NOTICED) ||
	    !memory_has(memory_unverified(o->fd), MEMORY_CONNECTING | MEMORY_GAVE_UP | MEMORY_ENDED))
		return false;
	deadline_learn(o->fd);
	connection_open(&c, o->fd, o->word, 0);
	o->word = descriptor_word(o->fd);
	errno = o->before;
	return memory_has(c.memory, MEMORY_ENDED) && socket_ended(o->fd);
}

ssize_t send_limited(struct outgoing *o)
{
	o->before = errno;
	if (active && (o->word & DESCRIPTOR_OURS) && duplicate_is_at(o->fd))
		return fail(EBADF);
	if (!active || !(o->word & DESCRIPTOR_COVERED))
		return send_as_made(o);
	if ((o->flags & MSG_FASTOPEN) || (o->word & DESCRIPTOR_FASTOPEN))
		return send_first(o);
	if (has_ended(o))
		return send_ended(o, memory_unverified(o->fd));
	if (!sends_limited)
		return send_as_made(o);
	const ssize_t sent = try_now(o);
	/* (Of parts and messages the length is counted only if they were not complete.) */
	if ((o->word & DESCRIPTOR_NOTICED) && sent > 0 && (size_t)sent == (o->length ? o->length : (size_t)sent))
		memory_satisfied(o->fd);
	return sent;
}

/* ---- sendmmsg(2) ------------------------------------------------------------------------------------------------------ */

/** The messages from the first one on that was not complete, on one connection that is held: all of them go to the file that
 * the call began with. @p sent: bytes of it. @return how many are complete; the last one may be short */
static unsigned send_held(struct outgoing *o, struct connection *c, struct mmsghdr *messages, unsigned count, size_t sent,
                          bool nonblocking)
{
	for (unsigned done = 0; done < count; done++) {
		const int64_t began_ns = clock_now_ns();
		o->message = &messages[done].msg_hdr;
		count_bytes(o);
		ssize_t whole = done ? push_as_is(o, connection_at(c)) : (ssize_t)sent;
		if (whole < 0 && errno != EAGAIN)
			return done;
		if (whole != (ssize_t)o->length)
			whole = go_on(o, c, whole > 0 ? (size_t)whole : 0, nonblocking, began_ns);
		if (whole < 0)
			return done;
		messages[done].msg_len = (unsigned)whole;
		if (whole != (ssize_t)o->length)
			return done + 1;
	}
	return count;
}

/** The rest, after @p done messages and @p sent bytes of the next. @return how many more, the last one may be short; with
 * errno if none */
static unsigned send_rest(struct outgoing *o, struct mmsghdr *messages, unsigned count, size_t sent)
{
	struct connection c;
	unsigned more = 0;
	o->message = &messages->msg_hdr;
	/* Why it was not sent at all, nobody has said: perhaps because the kernel could not read it. */
	if (!sent && !can_read_message(&messages->msg_hdr, sizeof *messages))
		return 0;
	const bool nonblocking = (o->flags & MSG_DONTWAIT) || socket_nonblocking(o->fd);
	count_bytes(o);
	if (!nonblocking) {
		if (connection_open_held(&c, o->fd, o->word, clock_now_ns()))
			more = send_held(o, &c, messages, count, sent, false);
		else
			errno = EINTR;
	} else {
		connection_open(&c, o->fd, o->word, clock_now_ns());
		c.passes = true;
		if (!by_synchronous_writer(o, &c))
			return note_refusal(o, &c, sent) >= 0;
		c.passes = false;
		if (connection_hold(&c))
			more = send_held(o, &c, messages, count, sent, true);
		else
			errno = EINTR;
	}
	const int error = errno;
	connection_release(&c);
	errno = error;
	if (!more && sent) {
		messages->msg_len = (unsigned)sent;
		more = 1;
	}
	return more;
}

/** No send is limited; a deadline is taken off all the same before the first byte. */
static int sendmmsg_plainly(struct outgoing *o, struct mmsghdr *messages, unsigned count)
{
	if (active && count && has_ended(o))
		return fail(ETIMEDOUT);
	errno = o->before;
	return libc.sendmmsg(o->fd, messages, count, o->flags);
}

/** The first message connects; the rest follow like any. */
static int send_first_of(struct outgoing *o, struct mmsghdr *messages, unsigned count)
{
	const int flags = o->flags;
	o->message = &messages->msg_hdr;
	const ssize_t sent = send_limited(o);
	if (sent < 0)
		return -1;
	messages->msg_len = (unsigned)sent;
	if ((size_t)sent < length_of(o->message->msg_iov, o->message->msg_iovlen) || count == 1)
		return 1;
	const int more = sendmmsg_limited(o->fd, messages + 1, count - 1, flags);
	return more > 0 ? more + 1 : 1;
}

int sendmmsg_limited(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	struct outgoing o = {.how = WITH_SENDMSG, .fd = fd, .flags = flags, .word = descriptor_word(fd), .before = errno};
	if (!active || !(o.word & DESCRIPTOR_COVERED) || !count || !sends_limited)
		return sendmmsg_plainly(&o, messages, count);
	if ((flags & MSG_FASTOPEN) || (o.word & DESCRIPTOR_FASTOPEN)) {
		const int done = send_first_of(&o, messages, count);
		if (done >= 0)
			errno = o.before;
		return done;
	}
	if (has_ended(&o))
		return fail(ETIMEDOUT);
	/* All that is complete at once in one call, as the program has it. */
	const int sent = libc.sendmmsg(fd, messages, count, flags | TRY_FLAGS);
	if (sent < 0 && errno == ENOTSOCK) {
		connection_not_covered(fd, o.word);
		return sent;
	}
	if (sent < 0 && errno != EAGAIN)
		return errno == EPIPE || errno == ECONNRESET ? (int)broken(&o, errno) : sent;
	unsigned done = sent > 0 ? (unsigned)sent : 0;
	size_t bytes = 0;
	/* The last one may be short. */
	if (done && messages[done - 1].msg_len <
	                    length_of(messages[done - 1].msg_hdr.msg_iov, messages[done - 1].msg_hdr.msg_iovlen))
		bytes = messages[--done].msg_len;
	if (done < count)
		done += send_rest(&o, messages + done, count - done, bytes);
	else if (o.word & DESCRIPTOR_NOTICED)
		memory_satisfied(fd);
	if (!done)
		return -1;
	errno = o.before;
	return (int)done;
}
