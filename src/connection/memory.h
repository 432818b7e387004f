/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What we remember of the socket at a descriptor: of those that connect, refuse bytes, or have had their verdict.
 *
 * A slot for each number, without locks, in memory that is mapped when it is first needed; forked children have a copy. A
 * slot is of one socket, by its cookie: whoever asks for another's finds nothing, and whoever begins to remember another
 * takes it over. So nothing in it decides alone. It may be lost (then we know less) or old (the socket is gone: its
 * cookie never comes back), and whoever acts on a flag asks the kernel first.
 *
 * All functions are async-signal-safe; memory_of() may change errno.
 */
#ifndef SNDTIMEO_MEMORY_H
#define SNDTIMEO_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection/descriptor.h"
#include "connection/stall.h"

struct limits;

enum memory_flag {
	MEMORY_CONNECTING = 1,    /**< the connect deadline is on the socket, and the program may not know it is through */
	MEMORY_GAVE_UP = 2,       /**< a connect that we gave up, and the program does not know */
	MEMORY_ENDED = 4,         /**< a verdict was told of it */
	MEMORY_UNTOLD = 8,        /**< ... to a synchronous writer, whose own timeout is still to be raised by a wait */
	MEMORY_REFUSED_ONCE = 16, /**< ... and whose send was refused with EAGAIN since: the next one gets ETIMEDOUT */
	MEMORY_LINGERING = 32,    /**< ended, but not reset yet because input waits to be read */
	MEMORY_WATCHED = 64,      /**< it refused bytes, and a wait of whatever kind may be for it */
	MEMORY_AWAITED = 128,     /**< an event loop has asked epoll to tell it of room, whenever there is some */
	MEMORY_NUDGED = 256,      /**< the kernel is to try again shortly before the verdict (nudge.h) */
	MEMORY_TOLD = 512,        /**< what would be told of this stall, or of this connect, was told */
	MEMORY_UNACKED = 1024,    /**< its TCP_USER_TIMEOUT is SNDTIMEO_UNACKED's */
	MEMORY_HEARD = 2048,      /**< the verdict was told by a send: nobody needs an event any more */
	MEMORY_SHARED = 8192,     /**< another process or number may have taken its connect deadline off */
	MEMORY_ONESHOT = 4096,    /**< MEMORY_AWAITED ends with the next event (EPOLLONESHOT) */
};

/** What a send or a receive has to know before it begins; the descriptor has DESCRIPTOR_NOTICED then. */
#define MEMORY_NOTICED (MEMORY_CONNECTING | MEMORY_GAVE_UP | MEMORY_ENDED | MEMORY_WATCHED | MEMORY_ONESHOT)
/** What waits look after (watch.h). */
#define MEMORY_LOOKED_AFTER (MEMORY_CONNECTING | MEMORY_LINGERING | MEMORY_WATCHED | MEMORY_AWAITED | MEMORY_NUDGED)

struct memory {
	_Atomic uint64_t cookie;       /**< 0: free */
	_Atomic uint32_t flags;        /**< enum memory_flag */
	_Atomic int32_t fd;            /**< the descriptor it is of; -1: of none that others find */
	_Atomic uint32_t word;         /**< the generation that its number had (descriptor.h), or 0: not known */
	struct stall_clock clock;
	_Atomic int64_t since_ns;      /**< when connect() was called, or the verdict fell */
	_Atomic int64_t due_ns;        /**< when a wait has to look at it next (watch.h) */
	_Atomic(const struct limits *) limits;   /**< by its rule, where there are rules (place.h); NULL: not looked up yet */
	_Atomic int32_t awaited_by;        /**< the epoll descriptor that was last asked for room there, and one; 0: none */
	_Atomic int32_t user_timeout_ms;   /**< the program's TCP_USER_TIMEOUT, to be put back once connected */
};

/** How many sockets the waits have to look after (MEMORY_LOOKED_AFTER): none in most programs at most times. */
extern _Atomic unsigned memory_looked_after __attribute__((visibility("hidden")));
/** The same, and one more for each other reason that all waits have to be looked after, as that the library has not started: no
 * wait need ask twice. */
extern _Atomic unsigned memory_waits_matter __attribute__((visibility("hidden")));
/** How many of them have MEMORY_NUDGED. */
extern _Atomic unsigned memory_nudged __attribute__((visibility("hidden")));

/** What is remembered of the socket at @p fd, which is @p cookie; NULL: nothing. */
struct memory *memory_find(int fd, uint64_t cookie);
/** The same, begun if there is nothing yet; NULL if there is no room, or @p cookie is 0. */
struct memory *memory_of(int fd, uint64_t cookie);
/** A send at @p fd was complete: whoever was refused there, or was told of room once, has what it wanted. Without looking at
 * the cookie, for nothing but a hint is lost. */
void memory_satisfied(int fd);
/** The epoll descriptor @p epfd is about to be closed: nobody waits for room through it. */
void memory_epoll_closed(int epfd);
/** A process was just forked, and this is it (@p child) or its parent: both have the sockets that connect, and what was refused
 * is the parent's to look after. */
void memory_forked(bool child);

/** What is remembered of whatever is or was at @p fd, unverified; NULL: nothing. */
struct memory *memory_unverified(int fd);
/** @p to is now the same socket as @p from: it is remembered of both. */
void memory_copy(int from, int to);

/** A wait has to look at it at @p at_ns (watch.h). */
void memory_due(struct memory *m, int64_t at_ns);
/** No look is due before this. */
extern _Atomic int64_t memory_next_due_ns __attribute__((visibility("hidden")));

void memory_set(struct memory *m, unsigned flags);
void memory_clear(struct memory *m, unsigned flags);
/** Set one. @return whether it was not set: of all that do so at once, one is told yes */
bool memory_claim(struct memory *m, unsigned flag);
static inline bool memory_has(const struct memory *m, unsigned flags)
{
	return m && (atomic_load_explicit(&m->flags, memory_order_acquire) & flags);
}

/** Walk through what has any of MEMORY_LOOKED_AFTER: start with @p *position = 0; NULL at the end. */
struct memory *memory_next(unsigned *position);

/** Slots of one mapping, and how many such mappings there may be, for whoever looks at this process from outside: an array
 * of pointers, NULL where nothing was ever remembered. */
#define MEMORY_CHUNK 256
#define MEMORY_CHUNKS (DESCRIPTORS / MEMORY_CHUNK)
_Atomic(struct memory *) *memory_chunks(void);

#endif
