/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The wait for room at one descriptor, also where poll(2) is refused.
 */
#ifndef SNDTIMEO_AWAIT_H
#define SNDTIMEO_AWAIT_H

#include <poll.h>
#include <stdbool.h>
#include <signal.h>
#include <time.h>

/** Wait until @p room has room (POLLOUT) or is broken, as ppoll(2) would. A process that may have no descriptors
 * (RLIMIT_NOFILE 0, as vsftpd and OpenSSH set it for children that talk to the network) is refused even one by poll(2);
 * there it is asked in another way, which says POLLOUT of what is broken as well. Async-signal-safe; ppoll or pselect6. */
int await_one(struct pollfd *room, const struct timespec *timeout, const sigset_t *mask);

/* A library behind us may make one wait of another, as ppoll() of poll(), which is ours again. Whoever asks the kernel says so
 * before and after, and a wait that comes in between, from deeper on the stack, is the real function's. Per thread; touches
 * thread-local storage only where there is such a library, because a thread made by clone(2) may have none. */
void await_begin(void);
void await_end(void);
bool await_is_nested(void);

#endif
