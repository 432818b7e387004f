/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which destination a socket goes by, and the limits that are for it: the one place where rules are looked up.
 *
 * A socket that connects goes by the address it connects to; a listening one, and what it accepted, by its own. The
 * kernel does not say which of the two a connection is: one whose port this process has listened on was accepted.
 *
 * Everything here is async-signal-safe and may change errno.
 */
#ifndef SNDTIMEO_PLACE_H
#define SNDTIMEO_PLACE_H

#include "connection/stall.h"
#include "limits/destination.h"
#include "limits/limits.h"
#include "tell/summary.h"

struct memory;

/** Where @p fd leads, or was accepted. */
struct place place_of(int fd);

/** Count for the summary what a look told of the socket at @p fd. */
void place_count(int fd, const struct stall_news *news);

/** @p fd listens, or is a connection that an exec left to us: note its port as one that connections are accepted at. */
void place_listens(int fd);

/** The limits for the socket at @p fd, connecting ones included; @p m: what is remembered of it, may be NULL. Without rules
 * they are the same for all; with rules it is up to four system calls, once if it is remembered. Never NULL. */
const struct limits *limits_of(int fd, struct memory *m);

/** Keep the limits of a socket that connects, which is remembered from now on. */
void limits_known(struct memory *m, const struct limits *limits);

/** The limits for what is going to be connected to @p to. */
const struct limits *limits_to(const struct destination *to);

/** The same for an address that nobody has read yet: without rules it is left for the kernel to find fault with. */
const struct limits *limits_before(const struct sockaddr *to, socklen_t length);

/** Which rule that is, from 1; 0: none. */
size_t limits_rule(int fd);

#endif
