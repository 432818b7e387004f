/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Waits: poll(2), select(2), epoll_wait(2) and their kin. All of them look after the sockets that were refused room
 * (watch.h); those for writing look after what they wait for, too.
 *
 * The kernel is asked with no wait first. Only a wait that would block looks at sockets, and goes on in slices. All are
 * async-signal-safe, may be left by siglongjmp() or cancellation while they wait, and report as the replaced call would.
 */
#ifndef SNDTIMEO_WAIT_H
#define SNDTIMEO_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/libc.h"
#include "base/process.h"
#include "calls/writer.h"
#include "connection/watch.h"

/** poll(2) of ours, or of an array that nobody knows to be readable, with the timeout as ppoll(2) has it (NULL: for ever) and
 * @p mask NULL for plain poll. */
int poll_limited(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

/** select(2) and pselect(2), likewise; the timeout is not changed. */
int select_limited(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
                   const sigset_t *mask);

/** epoll_wait(2) and its kin, for @p timeout_ns (NEVER_NS: for ever); @p precise: through epoll_pwait2(2), which counts
 * in nanoseconds, the others in milliseconds. */
int epoll_limited(int epfd, struct epoll_event *events, int most, int64_t timeout_ns, bool precise,
                  const sigset_t *mask);

/** Whether a wait has to be looked after whatever it is for: there is something to look after, or a thread is to be no
 * synchronous writer any more; or it lasts so long (@p long_one) that another thread may be refused meanwhile. */
static inline bool wait_matters(bool long_one)
{
	return atomic_load_explicit(&memory_waits_matter, memory_order_relaxed) ||
	       (long_one && !*process_only_thread);
}

/** Whether @p start is in the caller's part of the stack, so that it can be read; so far up it is looked for. */
#define WAIT_STACK ((uintptr_t)65536)
static inline bool wait_is_on_stack(const void *start)
{
	const char here = 0;
	return (uintptr_t)start - (uintptr_t)&here < WAIT_STACK;
}
/** ... and an array of so many, where most have few. */
static inline bool wait_array_is_on_stack(const struct pollfd *fds, nfds_t count)
{
	return count <= 64 && wait_is_on_stack(fds);
}

/** Whether poll(2) of an array that can be read is none of ours: nothing of ours is waited for, for writing, and it need not
 * be looked after. Ends that this thread is a synchronous writer, if so. */
bool poll_is_plain(const struct pollfd *fds, nfds_t count, bool long_one);
/** The same for a wait in epoll. */
static inline bool epoll_is_plain(bool long_one)
{
	return !wait_matters(long_one);
}

/** Whether the kernel can read there, so that we may: a bad pointer is for the kernel to refuse. What is not on the stack is
 * asked for by a system call (epoll_ctl). */
bool wait_can_read(const void *start, size_t size);

#endif
