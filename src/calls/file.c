/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sendfile(2) and splice(2) to a socket.
 *
 * Neither can be told not to wait for the socket (splice(2) waits even with SPLICE_F_NONBLOCK). So a blocking socket is
 * given pieces for which it has room, and waited for in between. They return what they moved: a file or pipe that gives no
 * more is not a peer that takes no more.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/signals.h"
#include "calls/carry.h"
#include "calls/connect.h"
#include "calls/send.h"
#include "connection/deadline.h"
#include "connection/place.h"
#include "connection/room.h"
#include "connection/socket.h"
#include "connection/watch.h"
#include "limits/configured.h"

/** Pieces are not cut smaller than this: below it there is no room to speak of. */
#define PIECE_LEAST 2048

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

/** Whether a pipe has nothing more to give; a file is asked by reading it. */
static bool is_empty_pipe(const struct outgoing *o)
{
	int left = 0;
	return o->how == WITH_SPLICE && libc.ioctl(o->from, FIONREAD, &left) == 0 && left == 0;
}

/** Whether it does not wait for the pipe either, which is empty. */
static bool is_answered_by_pipe(const struct outgoing *o)
{
	return is_empty_pipe(o) && ((o->flags & SPLICE_F_NONBLOCK) || socket_nonblocking(o->from));
}

/** As far as the room goes, to a blocking socket; EAGAIN if there is none. */
static ssize_t step_piece(struct carried *k)
{
	struct outgoing part = *k->o;
	const int at = connection_at(k->c);
	const int64_t room = room_without_wait(at);
	part.fd = at;
	part.length -= k->accepted;
	/* A reset socket has all the room there is, and a signal for whoever uses it. */
	if (socket_ended(at))
		return fail(ETIMEDOUT);
	/* poll(2) asks for a third of the buffer, so there should be some. */
	if (room >= 0 && room < PIECE_LEAST) {
		k->source_ended = !k->accepted && is_answered_by_pipe(&part);
		return k->source_ended ? send_as_made(&part) : fail(EAGAIN);
	}
	if (room >= 0 && part.length > (size_t)room)
		part.length = (size_t)room;
	/* splice(2) waits for a pipe only before it has moved anything. */
	if (part.how == WITH_SPLICE && k->accepted)
		part.flags |= SPLICE_F_NONBLOCK;
	/* The kernel keeps the offset, or advances the one the program gave. */
	const ssize_t moved = send_as_made(&part);
	/* A verdict fell in between. */
	if (moved < 0 && errno == EPIPE && socket_ended(at)) {
		signals_take_back(SIGPIPE);
		return fail(ETIMEDOUT);
	}
	k->source_ended = (moved >= 0 && (size_t)moved < part.length) ||
	                  (moved < 0 && errno == EAGAIN && part.how == WITH_SPLICE && k->accepted) || is_empty_pipe(k->o);
	/* Nobody but the pipe said so, and there was nothing before. */
	return moved < 0 && errno == EAGAIN && k->source_ended && k->accepted ? 0 : moved;
}

/** To a socket that does not wait. */
static ssize_t step_as_made(struct carried *k)
{
	struct outgoing rest = *k->o;
	rest.fd = connection_at(k->c);
	rest.length -= k->accepted;
	const ssize_t moved = send_as_made(&rest);
	k->source_ended = moved == 0;
	return moved;
}

static ssize_t nonblocking(struct outgoing *o)
{
	struct connection c;
	const ssize_t sent = send_as_made(o);
	const size_t moved = sent > 0 ? (size_t)sent : 0;
	if (sent < 0 && errno != EAGAIN)
		return (errno == EPIPE || errno == ECONNRESET) && socket_ended(o->fd) ? fail(ETIMEDOUT) : sent;
	if (sent == (ssize_t)o->length)
		return sent;
	const int64_t now_ns = clock_now_ns();
	connection_open(&c, o->fd, o->word, now_ns);
	/* It may be the file or the pipe that has no more to give. */
	if (!c.cookie || !c.limits->send_ms || socket_writable(o->fd))
		return sent < 0 ? fail(EAGAIN) : sent;
	if (o->how != WITH_SPLICE && carries_for_writer(&c) && connection_hold(&c)) {
		struct carried k = {.o = o, .c = &c, .step = step_as_made, .accepted = moved, .nonblocking = true,
		                    .whole = true};
		const ssize_t carried = carry(&k, now_ns, EAGAIN);
		connection_release(&c);
		return carried;
	}
	c.passes = true;
	const int64_t left_ns = connection_left_ns(&c);
	const bool over = left_ns <= 0 && !socket_writable(connection_at(&c)) && connection_end(&c, moved, o->length, false);
	if (!over && c.look.established)
		watch_refused(&c);
	connection_release(&c);
	return moved ? (ssize_t)moved : fail(over ? ETIMEDOUT : EAGAIN);
}

static ssize_t finish_plainly(const struct outgoing *o, int at)
{
	struct outgoing same = *o;
	same.fd = at;
	errno = o->before;
	return send_as_made(&same);
}

/** Whether a blocking socket has room for all of it, and nothing is to be known of it first. */
static bool takes_all(const struct outgoing *o)
{
	return !(o->word & (DESCRIPTOR_NOTICED | DESCRIPTOR_UNIX | DESCRIPTOR_MPTCP)) &&
	       room_without_wait(o->fd) >= (int64_t)o->length;
}

static ssize_t blocking(struct outgoing *o)
{
	struct connection c;
	if (takes_all(o)) {
		errno = o->before;
		return send_as_made(o);
	}
	const int64_t began_ns = clock_now_ns();
	connection_open_blindly(&c, o->fd, descriptor_word(o->fd));
	connection_identify(&c);
	c.looked_ns = began_ns;
	if (!(c.limits->send_ms || c.limits->send_total_ms) || !socket_look(connection_at(&c), c.word, &c.look) ||
	    !c.look.established) {
		connection_release(&c);
		errno = o->before;
		return send_as_made(o);
	}
	const int at = connection_at(&c);
	/* The program's own mistake: there was no such descriptor before. */
	if (at == o->from && c.duplicate) {
		connection_release(&c);
		return fail(EBADF);
	}
	struct carried k = {.o = o, .c = &c, .step = step_piece, .whole = true};
	sigset_t mask;
	signals_block_one(SIGPIPE, &mask);
	ssize_t result = step_piece(&k);
	signals_restore_keeping(&mask);
	if (result < 0 && (errno == EPIPE || errno == ECONNRESET) && socket_ended(at))
		result = fail(ETIMEDOUT);
	/* A file's end, an error, or all of it. */
	const bool over = k.source_ended || result == (ssize_t)o->length || (result < 0 && errno != EAGAIN);
	if (!over) {
		k.accepted = result > 0 ? (size_t)result : 0;
		result = carry(&k, began_ns, EAGAIN);
		/* There is nothing to hold a limit by. */
		if (result < 0 && errno == EAGAIN && !c.look.established && !k.own_us)
			result = finish_plainly(o, at);
	}
	connection_release(&c);
	return result;
}

ssize_t send_file_limited(struct outgoing *o)
{
	struct connecting connecting;
	o->before = errno;
	if (active && (((o->word & DESCRIPTOR_OURS) && duplicate_is_at(o->fd)) ||
	               (descriptor_has(o->from, DESCRIPTOR_OURS) && duplicate_is_at(o->from))))
		return fail(EBADF);
	if (!active || !(o->word & DESCRIPTOR_COVERED) || !o->length)
		return send_as_made(o);
	if (o->length > CALL_MOST)
		o->length = CALL_MOST;
	ssize_t sent;
	if ((o->word & DESCRIPTOR_FASTOPEN) && connect_first_begin(&connecting, o->fd, o->word, NULL, 0)) {
		errno = o->before;
		sent = send_as_made(o);
		connect_first_end(&connecting, sent < 0 ? errno : 0);
		return sent;
	}
	if (o->word & DESCRIPTOR_NOTICED)
		deadline_learn(o->fd);
	/* A verdict would be noticed, or be another number's. */
	const bool is_alone = !(o->word & (DESCRIPTOR_NOTICED | DESCRIPTOR_SHARED));
	const bool waits_not = is_alone && (o->word & DESCRIPTOR_NONBLOCKING);
	if (!is_alone && socket_ended(o->fd))
		return fail(ETIMEDOUT);
	errno = o->before;
	/* sendfile(2) is no cancellation point; splice(2) is. */
	const int cancelled = o->how == WITH_SPLICE ? 0 : signals_hold_cancellation();
	sent = waits_not || socket_nonblocking(o->fd) ? nonblocking(o) : blocking(o);
	if (o->how != WITH_SPLICE)
		signals_release_cancellation(cancelled);
	if (sent >= 0)
		errno = o->before;
	if (sent == (ssize_t)o->length && (o->word & DESCRIPTOR_NOTICED))
		memory_satisfied(o->fd);
	return sent;
}
