/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The deadline of a connect: how it is put on a socket, taken off, and what is told of it. Nothing here waits.
 *
 * It is TCP_USER_TIMEOUT, which the kernel counts from the first SYN: it ends the attempt, and so every way of waiting sees
 * ETIMEDOUT. MPTCP has no such option (Linux 6.18); there, and below the second that the kernel needs at least, the
 * waits do what can be done. Once a connect is through, the option is what the program had set, or SNDTIMEO_UNACKED.
 * All are async-signal-safe; those that say so keep errno.
 */
#ifndef SNDTIMEO_DEADLINE_H
#define SNDTIMEO_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "connection/connection.h"
#include "limits/destination.h"
#include "tell/reason.h"

/** Limits below this, in ms, the kernel keeps too late: it looks at the time when it sends a SYN again, after a second. */
#define DEADLINE_KERNEL_LEAST_MS 1000

/** A deadline that was put on a socket. */
struct deadline {
	const struct limits *limits;
	struct destination to;
	int64_t begun_ns;
	int32_t own_ms;      /**< the program's own TCP_USER_TIMEOUT */
	bool kernel_knows;   /**< the kernel keeps one, ours or a lower one of the program's */
	bool ours;           /**< the option is ours, and to be taken off */
	bool shared;         /**< others may have taken it off since it was put on */
	bool earlier;        /**< the attempt was begun by a call before, and has its deadline */
};

/** Put it on the socket at @p at, which is going to be connected. @p m: what is remembered of it, may be NULL. */
void deadline_put_on(struct deadline *d, int at, const struct memory *m);

/** The attempt is over, one way or the other, while its caller waited: take it off from the socket at @p at. @p m as above;
 * @p established: SNDTIMEO_UNACKED counts from now on. */
void deadline_take_off(const struct deadline *d, int at, struct memory *m, bool established);

/** The attempt goes on and nobody waits for it: remember it, so that it is taken off in time. @p c: opened by cookie. */
void deadline_goes_on(const struct deadline *d, struct connection *c);

/** Tell that the deadline has passed. */
void deadline_tell(const struct deadline *d, int64_t waited_ns, enum reason reason);
/** A connect ended with @p error after @p took_ns, in a dry run: tell if the deadline would have ended it before. */
void deadline_tell_dry(const struct deadline *d, int64_t took_ns, int error);

/** What is remembered of a connect at @p c as a deadline. */
struct deadline deadline_of(const struct connection *c);

/** A wait saw that @p c still connects. Give it up if its deadline has passed and the kernel does not do that; tell of it
 * if the kernel has. @return nanoseconds to the deadline, NEVER_NS if there is none any more */
int64_t deadline_left_ns(struct connection *c, int64_t now_ns);

/** The program may have learned that @p fd is connected, or that it failed, or is about to send: take our deadline off if it
 * is through, tell of it if it passed. Cheap where nothing is remembered of @p fd. Keeps errno. */
void deadline_learn(int fd);
/** A wait for the connect of @p fd ended at its deadline, before the kernel ends it: tell of it, once. Keeps errno. */
void deadline_passed(int fd);
/** The connect of @p fd is over: the program was told @p error; or 0, a wait said that it can be written to, and nothing else.
 * Keeps errno. */
void deadline_over(int fd, int error);
/** Whether we gave the connect of @p fd up since the program last asked: it is to be told ETIMEDOUT, once. Keeps errno. */
bool deadline_gave_up(int fd);

#endif
