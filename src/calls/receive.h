/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a receive that is not plain tells.
 *
 * All are async-signal-safe, and set errno only with a result of -1.
 */
#ifndef SNDTIMEO_RECEIVE_H
#define SNDTIMEO_RECEIVE_H

#include "base/libc.h"

/** A receive from a descriptor that may be a covered socket came back: 0 or a failure is ETIMEDOUT if there was a verdict; any
 * result: a connect is through. @param asked bytes there was room for */
ssize_t receive_limited(int fd, ssize_t result, size_t asked);

/** Adopt the sockets that came with a message (SCM_RIGHTS), which the kernel has just written. Keeps errno. */
void receive_rights(const struct msghdr *message);

#endif
