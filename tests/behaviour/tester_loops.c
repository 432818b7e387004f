/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The two kinds of programs with non-blocking sockets: event loops and synchronous writers.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tester.h"

#define CHUNK_BYTES 65536

/** What a loop has seen so far. */
struct progress {
	struct measured all;     /* ret: bytes sent; error: of the call that ended the loop, 0 if none did */
	int64_t refused_us;      /* when the socket first refused a byte; 0: not yet */
	int64_t longest_us;      /* the longest that one send took */
	long sends;
	long waits;
	long empty_waits;        /* that returned 0 */
};

static void report_progress(const struct step *step, struct progress *progress)
{
	progress->all.end_us = now_us();
	report(step, "sends", progress->sends);
	report(step, "waits", progress->waits);
	report(step, "empty_waits", progress->empty_waits);
	report(step, "longest", (long)(progress->longest_us / 1000));
	/* No stall counts from before the socket refused: report that under the same names. */
	struct measured since = progress->all;

	report(step, "total_ms", (long)((since.end_us - since.start_us) / 1000));
	if (progress->refused_us)
		since.start_us = progress->refused_us;
	report_measured(step, &since);
}

/* Send once. Returns false if that failed, other than for want of room. */
static bool send_some(struct progress *progress, const char *call, struct slot *slot, size_t size,
		      const struct shape *shape)
{
	struct measured m = send_once(call, slot, size, shape);

	progress->sends++;
	if (m.end_us - m.start_us > progress->longest_us)
		progress->longest_us = m.end_us - m.start_us;
	if (m.ret > 0)
		progress->all.ret += m.ret;
	/* Where it began: a synchronous writer's send comes back long after it was refused. */
	if (m.ret < (long)size && !progress->refused_us)
		progress->refused_us = m.start_us;
	if (m.ret >= 0 || m.error == EAGAIN)
		return true;
	progress->all.error = m.error;
	return false;
}

/* Read what the peer says, as loops do. Returns false if the connection is over. */
static bool read_some(struct progress *progress, struct slot *slot)
{
	char buffer[4096];
	ssize_t count = recv(slot->fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (count > 0 || (count < 0 && errno == EAGAIN))
		return true;
	progress->all.error = count ? errno : ECONNRESET;
	return false;
}

/*
 * upload WAITCALL SENDCALL BYTES [events=out] [tick=MS] [chunk=] [with=] [et=1] [oneshot=1] [each=1] [flags=] [iov=]
 *        [max=MS]
 *
 * An event loop: sends until the socket refuses, waits with the tick, for ever again, until all is sent or a call
 * fails (or max is over). Reads when told that there is something to read. With each=1 it waits before each send.
 */
void step_upload(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct waiter waiter = waiter_of(step, word(step, 0), option(step, "events", "out"));
	const struct shape shape = shape_of(step);
	const size_t bytes = (size_t)number_word(step, 2);
	const size_t chunk = (size_t)number_option(step, "chunk", CHUNK_BYTES);
	const int tick_ms = (int)number_option(step, "tick", -1);
	struct progress progress = { .all.start_us = now_us() };
	const int64_t until_us = progress.all.start_us + INT64_C(1000) * number_option(step, "max", 3600000);
	const bool each = number_option(step, "each", 0) != 0;
	bool writable = true;

	while ((size_t)progress.all.ret < bytes && now_us() < until_us) {
		const size_t left = bytes - (size_t)progress.all.ret, size = left < chunk ? left : chunk;
		const long before = progress.all.ret;
		int revents = 0;

		if (writable && !send_some(&progress, word(step, 1), slot, size, &shape))
			break;
		/* After a full count go on without asking, as most loops do. */
		if (!each && writable && progress.all.ret - before == (long)size)
			continue;
		struct measured m = wait_once(&waiter, slot, tick_ms, &revents);

		progress.waits++;
		progress.empty_waits += m.ret == 0;
		if (m.ret < 0 && m.error != EINTR) {
			progress.all.error = m.error;
			break;
		}
		if (revents & POLLIN && !read_some(&progress, slot))
			break;
		writable = revents & (POLLOUT | POLLERR | POLLHUP) || waiter.second_revents;
	}
	report_progress(step, &progress);
}

/*
 * sync SENDCALL BYTES TIMEOUT_MS [wait=poll] [events=out] [flags=] [iov=]
 *
 * CPython's sendall() on a socket with a timeout: one deadline for all of it, looked at before each wait only; waits,
 * then offers the whole rest. Reports timed_out=1 if a wait said so or the deadline was over.
 */
void step_sync(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct waiter waiter = waiter_of(step, option(step, "wait", "poll"), option(step, "events", "out"));
	const struct shape shape = shape_of(step);
	const size_t bytes = (size_t)number_word(step, 1);
	struct progress progress = { .all.start_us = now_us() };
	const int64_t until_us = progress.all.start_us + INT64_C(1000) * number_word(step, 2);
	bool timed_out = false;

	while ((size_t)progress.all.ret < bytes) {
		/* Rounded up, as CPython does. */
		const int left_ms = (int)((until_us - now_us() + 999) / 1000);
		int revents;

		timed_out = left_ms <= 0;
		if (timed_out)
			break;
		struct measured m = wait_once(&waiter, slot, left_ms, &revents);

		progress.waits++;
		progress.empty_waits += m.ret == 0;
		timed_out = m.ret == 0;
		if (timed_out)
			break;
		if (!send_some(&progress, word(step, 0), slot, bytes - (size_t)progress.all.ret, &shape))
			break;
	}
	report(step, "timed_out", timed_out);
	report_progress(step, &progress);
}
