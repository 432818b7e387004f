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
#include "calls/carry.h"
#include "calls/connect.h"
#include "calls/send.h"
#include "calls/writer.h"
#include "connection/deadline.h"
#include "connection/place.h"
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

/** As far as the room goes, to a blocking socket; EAGAIN if there is none. @p accepted: already moved. */
static ssize_t piece(const struct outgoing *o, int at, size_t accepted)
{
	struct outgoing part = *o;
	const int64_t room = socket_room(at);
	part.fd = at;
	part.length -= accepted;
	if (room >= 0 && room < PIECE_LEAST) {
		/* poll(2) asks for a third, and a socket that is broken has an error to tell. */
		if (!socket_writable(at) || !socket_ended(at))
			return fail(EAGAIN);
		return fail(ETIMEDOUT);
	}
	if (room >= 0 && part.length > (size_t)room)
		part.length = (size_t)room;
	/* A pipe has given what it had: splice(2) waits for more only before it has moved anything. */
	if (o->how == WITH_SPLICE && accepted)
		part.flags |= SPLICE_F_NONBLOCK;
	/* The kernel keeps the offset, or advances the one the program gave. */
	const ssize_t moved = send_as_made(&part);
	return moved < 0 && errno == EAGAIN && o->how == WITH_SPLICE && accepted ? 0 : moved;
}

/** To a socket that does not wait. */
static ssize_t as_made(const struct outgoing *o, int at, size_t accepted)
{
	struct outgoing rest = *o;
	rest.fd = at;
	rest.length -= accepted;
	return send_as_made(&rest);
}

/** Whether what came of the first piece ends the call: a file's end, an error, all of it. */
static bool is_over(const struct outgoing *o, ssize_t sent, size_t asked)
{
	return sent == 0 || (sent > 0 && ((size_t)sent < asked || (size_t)sent == o->length)) || (sent < 0 && errno != EAGAIN);
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
	if (atomic_load_explicit(&writer_any, memory_order_relaxed) && writer_cookie == c.cookie && !settings.dry_run &&
	    o->how != WITH_SPLICE && c.limits->policy == POLICY_REPLACE && connection_hold(&c)) {
		struct carried k = {.o = o, .c = &c, .step = as_made, .accepted = moved, .nonblocking = true, .whole = true,
		                    .source_ends = true};
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

static ssize_t blocking(struct outgoing *o)
{
	struct connection c;
	const int64_t began_ns = clock_now_ns();
	if (!connection_open_held(&c, o->fd, descriptor_word(o->fd), began_ns) ||
	    !(c.limits->send_ms || c.limits->send_total_ms) || !socket_look(connection_at(&c), c.word, &c.look) ||
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
	const int64_t room = socket_room(at);
	const size_t asked = room >= 0 && (size_t)room < o->length ? (size_t)room : o->length;
	ssize_t result = piece(o, at, 0);
	if (result < 0 && (errno == EPIPE || errno == ECONNRESET) && socket_ended(at))
		result = fail(ETIMEDOUT);
	/* What splice(2) is given by a pipe ends a call as soon as it is less than was asked for: whatever is there. */
	if (!is_over(o, result, asked)) {
		struct carried k = {.o = o, .c = &c, .step = piece, .accepted = result > 0 ? (size_t)result : 0, .whole = true,
		                    .source_ends = true};
		result = carry(&k, began_ns, EAGAIN);
	}
	connection_release(&c);
	return result;
}

ssize_t send_file_limited(struct outgoing *o)
{
	struct connecting connecting;
	o->before = errno;
	if (active && ((o->word & DESCRIPTOR_OURS) || descriptor_has(o->from, DESCRIPTOR_OURS)))
		return fail(EBADF);
	if (!active || !(o->word & DESCRIPTOR_COVERED) || !o->length)
		return send_as_made(o);
	ssize_t sent;
	if ((o->word & DESCRIPTOR_FASTOPEN) && connect_first_begin(&connecting, o->fd, o->word, NULL, 0)) {
		errno = o->before;
		sent = send_as_made(o);
		connect_first_end(&connecting, sent < 0 ? errno : 0);
		return sent;
	}
	if (o->word & DESCRIPTOR_NOTICED)
		deadline_learn(o->fd);
	if (socket_ended(o->fd))
		return fail(ETIMEDOUT);
	errno = o->before;
	sent = socket_nonblocking(o->fd) || (o->how == WITH_SPLICE && (o->flags & SPLICE_F_NONBLOCK)) ? nonblocking(o) : blocking(o);
	if (sent >= 0)
		errno = o->before;
	return sent;
}
