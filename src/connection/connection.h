/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One connection while somebody is concerned with it: resolved once, and handed down by every slow path.
 *
 * Who only looks goes by the number and the cookie: a look at another file costs a system call and tells nothing. Who
 * waits or acts holds a duplicate (duplicate.h). Where there is none to be had (EMFILE), the cookie is asked for before
 * each step.
 *
 * All functions are async-signal-safe, and may change errno; not for vfork children.
 */
#ifndef SNDTIMEO_CONNECTION_H
#define SNDTIMEO_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "connection/descriptor.h"
#include "connection/duplicate.h"
#include "connection/look.h"
#include "connection/memory.h"
#include "connection/stall.h"

struct connection {
	int fd;                       /**< the program's number */
	uint32_t word;                /**< descriptor_word() before the call began */
	struct duplicate *duplicate;  /**< NULL: none */
	uint64_t cookie;              /**< 0: the kernel does not say */
	struct memory *memory;        /**< never NULL; `own` if nothing is, or can be, remembered */
	struct memory own;
	const struct limits *limits;
	int64_t looked_ns;            /**< the last look, or when the refusal must have begun */
	struct look look;             /**< what the last look saw */
	enum stall_cause cause;       /**< of the verdict that is due, or will be next */
	bool from_start;              /**< the duplicate was taken before the call did anything */
	bool passes;                  /**< who looks does not wait */
	int64_t total_ns;             /**< STALL_TOTAL: how long that send took */
};

/** Where to act: the duplicate, or the number. */
static inline int connection_at(const struct connection *c)
{
	return c->duplicate ? duplicate_at(c->duplicate) : c->fd;
}

/**
 * Resolve the socket at @p fd by its number.
 *
 * @param word descriptor_word() as it was before the call that this is about
 * @param refused_ns when it was refused at the earliest
 */
void connection_open(struct connection *c, int fd, uint32_t word, int64_t refused_ns);

/** The same, for somebody who was just refused by the file that was at @p fd, and is going to wait for it: a duplicate is
 * taken. @return false if the number may have become another file since; then nothing is held */
bool connection_open_held(struct connection *c, int fd, uint32_t word, int64_t refused_ns);

/** Ask once more, after the first look: by now whoever put another file at the number has said so. */
bool connection_began_here(const struct connection *c);

/** The same, for a call that begins now and will wait in the kernel: its duplicate is what it is about, and the cookie is
 * asked for only once it is needed (connection_identify()). */
void connection_open_blindly(struct connection *c, int fd, uint32_t word);
/** Ask for the cookie, and find what is remembered. */
void connection_identify(struct connection *c);

/** Take a duplicate of what was opened by number, to act on it. @return false if it is another file by now */
bool connection_hold(struct connection *c);

/** Whether connection_at() still is what it was, as far as can be told without a duplicate. */
bool connection_is_same(const struct connection *c);

/** Let go of the duplicate, if one is held. Keeps errno. */
void connection_release(struct connection *c);

/** Look: nanoseconds until the verdict if nothing moves, 0 or less if it is due. NEVER_NS if there is no connection that
 * could stall, or the descriptor is another file by now; then look.established is false. It is remembered from now on. */
int64_t connection_left_ns(struct connection *c);

/** There is room again at @p c, which was waited for: note how long it took. */
void connection_room(struct connection *c, int64_t now_ns);

/**
 * A verdict is due: log it, end the connection for all who hold it (socket_end()), remember it. In a dry run it is
 * logged once per stall, and nothing ends.
 *
 * @param accepted, asked bytes of the send that waited; 0, 0: a wait
 * @param untold whether a synchronous writer still has to raise its own timeout (MEMORY_UNTOLD)
 * @return whether the connection is over
 */
bool connection_end(struct connection *c, uint64_t accepted, uint64_t asked, bool untold);

/** Whether the connection had its verdict, in this process or another: what is remembered, or the mark on the socket. */
bool connection_has_ended(struct connection *c);

/** The kernel said ETIMEDOUT of the connection at @p fd: tell of it, if it was SNDTIMEO_UNACKED that ran out. Keeps errno. */
void connection_unacked_passed(int fd);

/** Whether @p fd is a covered socket as the kernel says (up to three system calls). If it is not, its word says so from now
 * on, unless it is not @p word any more. */
bool connection_is_covered(int fd, uint32_t word);
/** The kernel said that it is no socket, or none of ours: its word says so from now on, unless it is not @p word any more, or
 * what this thread learns of a number may not be true for others. */
void connection_not_covered(int fd, uint32_t word);

#endif
