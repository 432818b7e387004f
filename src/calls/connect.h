/* SPDX-License-Identifier: MIT */
/** @file
 * @brief connect(2) under its deadline, and sends that connect.
 */
#ifndef SNDTIMEO_CONNECT_H
#define SNDTIMEO_CONNECT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "connection/connection.h"
#include "connection/deadline.h"

/** connect(2) on a descriptor that may be a covered socket: ETIMEDOUT when the deadline passes on a blocking socket; on a
 * non-blocking one every way of waiting ends with ETIMEDOUT in SO_ERROR. Async-signal-safe; may be left by siglongjmp() or
 * cancellation while it waits. */
int connect_limited(int fd, const struct sockaddr *to, socklen_t length);

/** A connect that is made by a send. */
struct connecting {
	struct connection c;
	struct deadline deadline;
};

/** Before a send that connects @p fd: put the deadline on. @return false if it does not connect, and nothing was done */
bool connect_first_begin(struct connecting *k, int fd, uint32_t word, const struct sockaddr *to, socklen_t length);
/** Where the kernel cannot keep the deadline and the socket waits: connect first. @return false if that is not so, and nothing was
 * done; else errno tells how it ended, 0: connected */
bool connect_first_exactly(struct connecting *k, const struct sockaddr *to, socklen_t length);
/** The send came back with @p error, 0: none. */
void connect_first_end(struct connecting *k, int error);

#endif
