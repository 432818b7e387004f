/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The deadline of a connect: how it is put on a socket, taken off, and what is told of it. Nothing here waits.
 *
 * A blocking connect gets SO_SNDTIMEO. A non-blocking one gets TCP_USER_TIMEOUT: the kernel ends it, and so every way of
 * waiting sees ETIMEDOUT. MPTCP has no such option; there, and below the second that the kernel needs at least, the waits
 * in wait.c do what can be done. All are async-signal-safe; those that say so keep errno.
 */
#ifndef SNDTIMEO_DEADLINE_H
#define SNDTIMEO_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "destination.h"
#include "limits.h"

struct memory;

/** The SO_SNDTIMEO a connect is made under, and what it is to be afterwards; -1: as it is. */
struct arming {
	int64_t during_us, after_us;
};
struct arming connect_plan(int fd, const struct limits *limits);
/** Arm a socket for a connect under these limits. */
void connect_arm(int fd, const struct limits *limits);
/** SNDTIMEO_UNACKED of an earlier life is not for the SYN. */
void connect_disarm_unacked(int fd, const struct limits *limits);
/** A socket that had its verdict begins a new life. */
void connect_anew(int fd);

/** When the connect of @p fd was begun: now, or by a call before that a signal ended. Keeps errno. */
int64_t connect_begun_ns(int fd);
/** Whom @p fd connects to: the kernel knows, except before it begins and once it has given up. */
struct destination connect_destination(int fd, const struct sockaddr *to, socklen_t length);

/** A connect of @p fd, which need not be a covered socket, is under way and nobody waits for it: the kernel gets the
 * deadline, counted from @p begun_ns. */
void connect_under_way(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns);
/** A wait saw that @p fd still connects. Give it up if its deadline has passed and the kernel does not do that.
 * @return nanoseconds to the deadline, INT64_MAX if there is none */
int64_t connect_left_ns(int fd, struct memory *m, int64_t now_ns);
/** The deadline has passed: say so, and give up, in the kernel, too, so that the socket may be connected anew. */
void connect_give_up(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns);
/** Whether we gave the connect of @p fd up since the program last asked: it is to be told ETIMEDOUT, once. Keeps errno. */
bool connect_gave_up(int fd);

/** The program may have learned that @p fd is connected, or is about to send: take our deadline off if it is through.
 * Cheap where nothing is known of @p fd. Keeps errno. */
void connect_learn(int fd);
/** A wait said of @p fd, which @p m remembers as connecting, that it can be written to, and nothing else: it is through.
 * Keeps errno. */
void connect_through(int fd, struct memory *m);
/** A connect came to its end, for good or bad (@p error), while its caller waited. */
void connect_ended(int fd, const struct destination *to, const struct limits *limits, int64_t took_ns, int error);
/** The program was told @p error for the connect of @p fd to @p to (NULL: whom the kernel names): say so, if it was our
 * deadline that passed. */
void connect_failed(int fd, const struct destination *to, int error);

/** The kernel said ETIMEDOUT of @p fd: say so, if it was SNDTIMEO_UNACKED that ran out. Keeps errno. */
void unacked_passed(int fd);

#endif
