/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Carries a send through.
 *
 * All signals are blocked meanwhile, and let in by ppoll(2) under the program's own mask: then none can come between two
 * looks and leave a wait unended that it should have ended.
 */
#include "calls/carry.h"

#include <errno.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/signals.h"
#include "calls/writer.h"
#include "connection/nudge.h"
#include "connection/place.h"
#include "connection/room.h"
#include "connection/socket.h"
#include "connection/watch.h"
#include "limits/configured.h"
#include "tell/summary.h"

/** A synchronous writer's send ends when so much input has come meanwhile, which the program might have read. */
#define INPUT_MOST 32768
/** ... or when some has and nothing moved for so long. */
#define INPUT_PATIENCE_NS NS_PER_S
/** How often to ask for input, once some has come: ever less often between these. */
#define INPUT_LOOK_LEAST_NS NS_PER_MS
#define INPUT_LOOK_MOST_NS (100 * NS_PER_MS)
/** How long to sleep where there is room and yet none, for want of memory: as the kernel does, 2 ms to a fifth of a second. */
#define REST_LEAST_NS (2 * NS_PER_MS)
#define REST_MOST_NS (200 * NS_PER_MS)

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

/** What was accepted counts; the error is for the next call then, as in the kernel. */
static ssize_t counted(const struct carried *k, int error)
{
	return k->accepted ? (ssize_t)k->accepted : fail(error);
}

/** A verdict is due: true if the connection is over by it, with *result to return. */
static bool verdict(struct carried *k, ssize_t *result)
{
	const bool untold = k->nonblocking;
	if (!connection_end(k->c, k->accepted, k->o->length, untold))
		return false;
	if (untold && !k->accepted)
		memory_set(k->c->memory, MEMORY_REFUSED_ONCE);
	*result = counted(k, untold && k->c->memory != &k->c->own ? EAGAIN : ETIMEDOUT);
	if (*result < 0 && errno == ETIMEDOUT)
		memory_set(k->c->memory, MEMORY_HEARD);
	return true;
}

/** Whether SNDTIMEO_SEND_TOTAL has run out, and the connection is over because of that. */
static bool total_passed(struct carried *k, int64_t now_ns, ssize_t *result)
{
	if (now_ns < k->total_until_ns)
		return false;
	/* Once: in a dry run it goes on. */
	k->c->cause = STALL_TOTAL;
	k->c->total_ns = now_ns - (k->total_until_ns - k->c->limits->send_total_ms * NS_PER_MS);
	k->total_until_ns = NEVER_NS;
	return verdict(k, result);
}

static int64_t least(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

/** Look at a connection that has no room, and set when to look again; false: it is over, with *result to return. */
static bool look(struct carried *k, ssize_t *result)
{
	struct connection *c = k->c;
	const int64_t left_ns = connection_left_ns(c), now_ns = clock_now_ns();
	if (left_ns <= 0 && (k->rest_ns || !socket_writable(connection_at(c))) && verdict(k, result))
		return false;
	if (total_passed(k, now_ns, result))
		return false;
	if (now_ns >= k->own_until_ns) {
		*result = counted(k, EAGAIN);
		return false;
	}
	nudge(c, left_ns);
	int64_t next_ns = now_ns + nudge_slice_ns(c);
	if (left_ns > 0)
		next_ns = least(next_ns, clock_sum_ns(now_ns, left_ns));
	k->look_ns = least(next_ns, least(k->own_until_ns, k->total_until_ns));
	return true;
}

/** Whether the program should be let go, to read what came while it sends. */
static bool input_calls(struct carried *k)
{
	if (!k->nonblocking)
		return false;
	const int64_t now_ns = clock_now_ns();
	const int unread = socket_unread(connection_at(k->c)), came = unread - k->unread_before;
	/* Whatever was there before: with its buffer full the peer can say no more. */
	if (came >= INPUT_MOST || (unread > 0 && room_input_is_full(connection_at(k->c))))
		return true;
	/* Ever less often, for a few bytes that nobody reads may stay for minutes. */
	if (k->input_step_ns)
		k->input_step_ns = least(2 * k->input_step_ns, INPUT_LOOK_MOST_NS);
	if (came <= 0)
		return false;
	if (!k->input_step_ns)
		k->input_step_ns = INPUT_LOOK_LEAST_NS;
	if (stall_waited_ns(&k->c->memory->clock, STALL_NO_PROGRESS, now_ns) < INPUT_PATIENCE_NS)
		return false;
	/* There may have been progress since the last look. */
	connection_left_ns(k->c);
	return stall_waited_ns(&k->c->memory->clock, STALL_NO_PROGRESS, now_ns) >= INPUT_PATIENCE_NS;
}

/** Wait once. @return as ppoll(2) */
static int wait_once(struct carried *k, struct pollfd *room, const sigset_t *mask)
{
	const int64_t now_ns = clock_now_ns();
	/* Input that was there before would wake us at once, and so would what has come by now. */
	const bool wakes = k->nonblocking && !k->unread_before && !k->input_step_ns;
	int64_t until_ns = k->look_ns;
	if (k->nonblocking && !wakes)
		until_ns = least(until_ns, now_ns + (k->input_step_ns ? k->input_step_ns : INPUT_LOOK_MOST_NS));
	if (k->rest_ns)
		until_ns = least(until_ns, k->rest_until_ns);
	*room = (struct pollfd){.fd = connection_at(k->c), .events = (short)(POLLOUT | (wakes ? POLLIN : 0))};
	const struct timespec wait = clock_timespec(until_ns - now_ns);
	if (!k->rest_ns)
		return await_one(room, &wait, mask);
	const int slept = libc.ppoll(NULL, 0, &wait, mask);
	room->revents = POLLOUT;
	return slept < 0 ? slept : 1;
}

/** Whether a signal's handler lets the call go on, as the kernel would have it: not once bytes have moved, nor under a
 * SO_SNDTIMEO of the program's own. */
static bool goes_on_after_signal(const struct carried *k)
{
	return !k->accepted && !k->own_us && signals_restart();
}

/**
 * Wait for room, under the program's own signal mask.
 *
 * @return true: try again; false: it is over, and *result is what to return, errno set
 */
static bool wait_for_room(struct carried *k, const sigset_t *mask, ssize_t *result)
{
	for (;;) {
		struct pollfd room;
		const int ready = wait_once(k, &room, mask);
		/* Whoever put the process into a sandbox meanwhile may have forbidden us all the rest. */
		if (!active) {
			*result = counted(k, EINTR);
			return false;
		}
		if (ready < 0 && errno == EINTR && goes_on_after_signal(k))
			continue;
		if (ready < 0) {
			*result = counted(k, errno);
			return false;
		}
		/* A handler has closed the number that this thread waits at. */
		if (k->c->duplicate && connection_at(k->c) < 0) {
			*result = counted(k, EINTR);
			return false;
		}
		/* Without a duplicate, whoever closed the descriptor, or put another file in its place, has ended this call:
		 * its bytes must not go there. */
		if (!k->c->duplicate && !connection_is_same(k->c)) {
			*result = counted(k, EBADF);
			return false;
		}
		/* An end of input is there for good, and would wake us for ever. */
		if (ready > 0 && (room.revents & (POLLIN | POLLRDHUP)) && !k->input_step_ns)
			k->input_step_ns = INPUT_LOOK_LEAST_NS;
		if (input_calls(k)) {
			*result = counted(k, EAGAIN);
			return false;
		}
		const bool room_there = ready > 0 && (room.revents & ~POLLIN);
		if ((!room_there || k->rest_ns) && clock_now_ns() >= k->look_ns && !look(k, result))
			return false;
		if (!room_there)
			continue;
		/* The kernel tells an error once. With bytes to count, it is left for the next call. */
		if ((room.revents & (POLLERR | POLLHUP)) && k->accepted) {
			*result = (ssize_t)k->accepted;
			return false;
		}
		/* A unix socket's own wait finds the error first; a new send would find the end, and raise SIGPIPE. */
		const int error = ready > 0 && (room.revents & POLLERR) && k->c->look.is_unix
		                          ? socket_take_error(connection_at(k->c)) : 0;
		if (error) {
			*result = counted(k, error);
			return false;
		}
		return true;
	}
}

/** Whether it has to be noted that there was room: nothing else tells of it later. */
static bool follows_room(const struct carried *k)
{
	return k->c->look.is_unix || k->c->look.partial || summary_on;
}

/** @p sent bytes more were accepted. @return whether that ends it */
static bool took(struct carried *k, size_t sent, ssize_t *result)
{
	k->accepted += sent;
	k->rest_ns = 0;
	*result = (ssize_t)k->accepted;
	/* There was room until now: the next refusal is no older, even if this process was stopped since the last look and
	 * the peer acknowledged all it had long ago. */
	k->c->looked_ns = clock_now_ns();
	if (follows_room(k))
		connection_room(k->c, k->c->looked_ns);
	return k->accepted >= k->o->length || !k->whole || k->source_ended ||
	       total_passed(k, k->c->looked_ns, result);
}

/** What a step that failed means. @return whether it is over */
static bool broke(struct carried *k, int error, ssize_t *result)
{
	if (error == EINTR && goes_on_after_signal(k))
		return false;
	if (error == EAGAIN) {
		/* There was room, and there is none: the kernel lacks memory, or another writer was quicker. */
		k->rest_ns = k->rest_ns ? least(2 * k->rest_ns, REST_MOST_NS) : REST_LEAST_NS;
		k->rest_until_ns = clock_now_ns() + k->rest_ns;
		return false;
	}
	const bool broken = error == ECONNRESET || error == EPIPE;
	*result = counted(k, broken && connection_has_ended(k->c) ? ETIMEDOUT : error);
	return true;
}

static ssize_t carry_on(struct carried *k)
{
	sigset_t mask;
	ssize_t result;
	signals_block(&mask);
	while (wait_for_room(k, &mask, &result)) {
		const ssize_t sent = k->step(k);
		if (sent >= 0 ? took(k, (size_t)sent, &result) : broke(k, errno, &result))
			break;
		/* A peer may be too slow and yet make a little room sooner than any wait for it ends. */
		if (sent > 0 && k->c->limits->min_rate && clock_now_ns() >= k->look_ns && !look(k, &result))
			break;
	}
	const int error = errno;
	/* This one by what is held of it: its number may be another file by now. */
	nudge_off(k->c);
	nudge_no_more();
	signals_restore(&mask);
	errno = error;
	return result;
}

ssize_t carry(struct carried *k, int64_t refused_ns, int error)
{
	ssize_t result = k->accepted ? (ssize_t)k->accepted : -1;
	struct connection *c = k->c;
	const int at = connection_at(c);
	bool ended = false;
	k->total_until_ns = k->own_until_ns = NEVER_NS;
	if (!k->nonblocking && (k->own_us = socket_own_send_timeout_us(at, &ended)))
		k->own_until_ns = clock_sum_ns(refused_ns, k->own_us * 1000);
	/* By another process; input is still unread. */
	if (ended)
		return counted(k, ETIMEDOUT);
	if (k->nonblocking)
		k->unread_before = socket_unread(at);
	if (c->limits->send_total_ms)
		k->total_until_ns = refused_ns + c->limits->send_total_ms * NS_PER_MS;
	if (!look(k, &result))
		return result;
	if (!c->look.established && (k->nonblocking || k->accepted))
		return counted(k, error);
	if (!c->look.established) {
		/* It broke as it began to wait, and has an error to tell. */
		const ssize_t sent = k->step(k);
		if (sent >= 0)
			return sent;
		if (errno != EAGAIN)
			broke(k, errno, &result);
		return result;
	}
	if (!connection_began_here(c))
		return counted(k, EINTR);
	c->from_start = true;
	if (input_calls(k))
		return counted(k, EAGAIN);
	return carry_on(k);
}

bool carries_for_writer(const struct connection *c)
{
	return atomic_load_explicit(&writer_any, memory_order_relaxed) && writer_cookie && writer_cookie == c->cookie &&
	       !settings.dry_run && c->limits->policy == POLICY_REPLACE && c->limits->send_ms;
}
