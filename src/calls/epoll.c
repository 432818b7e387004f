/* SPDX-License-Identifier: MIT */
/** @file
 * @brief epoll_wait(2) and its kin: the kernel itself makes the event when a connection is ended.
 */
#include <errno.h>

#include "base/await.h"
#include "base/signals.h"
#include "calls/wait.h"
#include "connection/nudge.h"

static int ask_kernel(int epfd, struct epoll_event *events, int most, int64_t ns, bool precise, const sigset_t *mask)
{
	const struct timespec timeout = clock_timespec(ns);
	if (precise)
		return libc.epoll_pwait2(epfd, events, most, ns == NEVER_NS ? NULL : &timeout, mask);
	if (ns == NEVER_NS)
		return libc.epoll_pwait(epfd, events, most, -1, mask);
	const int64_t ms = ns <= 0 ? 0 : (ns - 1) / NS_PER_MS + 1;
	return libc.epoll_pwait(epfd, events, most, ms > INT32_MAX ? INT32_MAX : (int)ms, mask);
}

static int ask(int epfd, struct epoll_event *events, int most, int64_t ns, bool precise, const sigset_t *mask)
{
	await_begin();
	const int ready = ask_kernel(epfd, events, most, ns, precise, mask);
	await_end();
	return ready;
}

/** It would block: wait in slices, with signals blocked but for the wait itself. */
static int wait_long(int epfd, struct epoll_event *events, int most, int64_t until_ns, bool precise, const sigset_t *mask)
{
	struct watcher watcher = {0};
	int ready;
	for (;;) {
		const int64_t now_ns = clock_now_ns();
		int64_t wait_ns = until_ns == NEVER_NS ? NEVER_NS : until_ns - now_ns, look_ns = NEVER_NS;
		if (watch_any())
			look_ns = watch_turn(&watcher, now_ns) - now_ns;
		else if (!*process_only_thread)
			look_ns = WATCH_LONG_NS;
		if (look_ns < wait_ns)
			wait_ns = look_ns;
		ready = ask(epfd, events, most, wait_ns < 0 ? 0 : wait_ns, precise, mask);
		if (ready != 0 || clock_now_ns() >= until_ns)
			break;
	}
	const int error = errno;
	watch_leave(&watcher);
	nudge_no_more();
	errno = error;
	return ready;
}

int epoll_limited(int epfd, struct epoll_event *events, int most, int64_t timeout_ns, bool precise,
                  const sigset_t *mask)
{
	const int before = errno;
	sigset_t own;
	writer_end();
	/* Most waits of a busy loop have something to tell at once. */
	int ready = ask(epfd, events, most, 0, precise, mask);
	/* One that never waits would never hear of a stall. */
	watch_pass();
	if (ready == 0 && timeout_ns != 0) {
		const int64_t until_ns = timeout_ns == NEVER_NS ? NEVER_NS : clock_sum_ns(clock_now_ns(), timeout_ns);
		signals_block(&own);
		ready = wait_long(epfd, events, most, until_ns, precise, mask ? mask : &own);
		const int error = errno;
		signals_restore(&own);
		errno = error;
	}
	const int error = errno;
	if (ready > 0)
		watch_learn();
	errno = ready < 0 ? error : before;
	return ready;
}
