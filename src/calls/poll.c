/* SPDX-License-Identifier: MIT */
/** @file
 * @brief poll(2) and its kin.
 */
#include <errno.h>

#include "base/await.h"
#include "calls/sliced.h"
#include "calls/wait.h"
#include "limits/configured.h"

#define WRITING (POLLOUT | POLLWRNORM | POLLWRBAND)

/** Whether any of ours is waited for until it can be written to. */
static bool waits_for_writing(const struct pollfd *fds, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++)
		if ((fds[i].events & WRITING) && fds[i].fd >= 0 && !descriptor_plain(fds[i].fd))
			return true;
	return false;
}

bool poll_is_plain(const struct pollfd *fds, nfds_t count, bool long_one)
{
	if (wait_matters(long_one) || waits_for_writing(fds, count))
		return false;
	writer_end();
	return true;
}

/** What the kernel refuses with EINVAL is for the kernel to refuse. */
static bool valid(const struct timespec *timeout)
{
	return !timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < NS_PER_S);
}

static int64_t nanoseconds(const struct timespec *timeout)
{
	const int64_t seconds = timeout ? timeout->tv_sec : INT64_MAX;
	return seconds >= INT64_MAX / NS_PER_S - 1 ? NEVER_NS : seconds * NS_PER_S + timeout->tv_nsec;
}

int poll_limited(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct wait w = {.fds = fds, .count = count, .mask = mask};
	if (!valid(timeout))
		return libc.ppoll(fds, count, timeout, mask);
	if (count && !wait_array_is_on_stack(fds, count)) {
		/* Whether the array can be read, and how many entries there may be, is the kernel's to say. */
		const struct timespec now = {0};
		const int before = errno;
		await_begin();
		w.ready = libc.ppoll(fds, count, &now, mask);
		await_end();
		w.asked_before = true;
		if (w.ready < 0)
			return w.ready;
		errno = before;
		if (poll_is_plain(fds, count, !timeout || timeout->tv_sec >= WATCH_LONG_NS / NS_PER_S))
			return w.ready || nanoseconds(timeout) == 0 ? w.ready : libc.ppoll(fds, count, timeout, mask);
	}
	/* The kernel's own argument for it may be NULL with none; ours tells poll from select by it. */
	struct pollfd none;
	if (!fds)
		w.fds = &none;
	w.alone = count == 1 && (fds->events & (POLLOUT | POLLWRNORM)) &&
	          !(fds->events & ~(POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR | POLLHUP));
	return wait_limited(&w, nanoseconds(timeout));
}
