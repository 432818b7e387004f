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

#include "destination.h"
#include "limits.h"
#include "summary.h"

struct memory;

struct place {
	struct destination destination;
	enum summary_side side;
};

/** Where @p fd leads, or was accepted. */
struct place place_of(int fd);

/** @p fd listens, or is a connection that an exec left to us: note its port as one that connections are accepted at. */
void place_listens(int fd);

/** The limits for a socket, connecting ones included. Without rules they are the same for all; with rules it is one to
 * four system calls. Never NULL. */
const struct limits *limits_for(int fd);

/** The same for one whose cookie is known. */
const struct limits *limits_of(int fd, uint64_t cookie);

/** Keep what limits_for() said of a connected socket, which is remembered from now on. */
void limits_known(struct memory *m, const struct limits *limits);

/** The limits for what is going to be connected to @p to. */
const struct limits *limits_to(const struct destination *to);

/** The same for an address that nobody has read yet: without rules it is left for the kernel to find fault with. */
const struct limits *limits_before(const struct sockaddr *to, socklen_t length);

/** @p fd is going to be connected anew: what was looked up counts no more. */
void limits_forget(int fd);

/** Which rule that is, from 1; 0: none. */
size_t limits_rule(int fd);

#endif
