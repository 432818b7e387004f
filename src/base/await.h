/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The wait for room at one descriptor, also where poll(2) is refused.
 */
#ifndef SNDTIMEO_AWAIT_H
#define SNDTIMEO_AWAIT_H

#include <poll.h>
#include <signal.h>
#include <time.h>

/** Wait until @p room has room (POLLOUT) or is broken, as ppoll(2) would. A process that may have no descriptors
 * (RLIMIT_NOFILE 0, as vsftpd and OpenSSH set it for children that talk to the network) is refused even one by poll(2);
 * there it is asked in another way, which says POLLOUT of what is broken as well. Async-signal-safe; ppoll or pselect6. */
int await_one(struct pollfd *room, const struct timespec *timeout, const sigset_t *mask);

#endif
