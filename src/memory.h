/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What we remember of a few sockets, by SO_COOKIE: those that connect, refuse bytes, or have had their verdict.
 *
 * A fixed table without locks, in memory that is touched only where it is used; forked children have a copy. Nothing
 * in it decides alone: it may be lost (then we know less) or old (the socket is gone: its cookie never comes back), and
 * whoever acts on a flag asks the kernel first. All functions are async-signal-safe; memory_of() may change
 * errno.
 */
#ifndef SNDTIMEO_MEMORY_H
#define SNDTIMEO_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limits;

enum memory_flag {
	MEMORY_CONNECTING = 1,   /**< the connect deadline is on the socket, and the program may not know it is through */
	MEMORY_ENDED = 2,        /**< a verdict was told of it */
	MEMORY_UNTOLD = 4,       /**< ... to a synchronous writer, whose own timeout is still to be raised by a wait */
	MEMORY_REFUSED_ONCE = 8, /**< ... and whose send was refused with EAGAIN since: the next one gets ETIMEDOUT */
	MEMORY_TAKE_CARE = 16,   /**< SO_SNDTIMEO is not our slice: try without waiting first */
	MEMORY_WATCHED = 32,     /**< an event loop may wait for it: it refused bytes, or connects without the kernel's
	                              knowing the deadline (MPTCP) */
	MEMORY_LINGERING = 64,   /**< ended, but not reset yet because input waits to be read */
	MEMORY_GAVE_UP = 128,    /**< a connect that we gave up, and the program does not know */
	MEMORY_NUDGED = 256,     /**< the kernel is to try again shortly before the verdict (nudge.h) */
	MEMORY_TOLD = 512,       /**< dry run: it was told of this stall, or of this connect, that it would time out */
	MEMORY_AWAITED = 1024,   /**< an event loop has asked epoll to tell it of room, whenever there is some */
};

/** What a send or a receive has to know before it begins. */
#define MEMORY_NOTICED (MEMORY_CONNECTING | MEMORY_GAVE_UP | MEMORY_ENDED | MEMORY_TAKE_CARE)

struct memory {
	_Atomic uint64_t cookie;       /**< 0: free */
	_Atomic uint32_t flags;        /**< enum memory_flag */
	_Atomic int fd;                /**< the descriptor it was last seen at: a hint */
	_Atomic uint64_t clock;        /**< of the stall, see stall.c */
	_Atomic int64_t since_ns;      /**< when connect() was called, or the verdict fell */
	_Atomic int64_t looked_ns;     /**< when its progress was last looked at */
	_Atomic int64_t calm_ns;       /**< nudge.c: the last look that found nothing lost */
	_Atomic int user_timeout_ms;   /**< the program's TCP_USER_TIMEOUT, to be put back once connected */
	_Atomic(const struct limits *) limits;   /**< by its rule, where there are rules (place.h); NULL: not looked up yet */

	/* The wait it is in: it was refused, and again as soon as there was room, without a rest. */
	_Atomic int64_t wait_ns;       /**< when that began */
	_Atomic uint64_t wait_acked;   /**< bytes acknowledged by then */
	_Atomic int64_t refused_ns;    /**< when it was last seen to have no room */
	_Atomic int64_t refused_busy_ns;   /**< look.busy_ns then */
};

/** Have every descriptor count as hinted, for good: every send is looked at before it begins. */
void memory_hint_all(void);

/** How many sockets have a flag of MEMORY_NOTICED: none in most programs at most times. */
extern _Atomic unsigned attention __attribute__((visibility("hidden")));
/** How many have MEMORY_NUDGED. */
extern _Atomic unsigned nudged __attribute__((visibility("hidden")));
/** How many an event loop has to look after (MEMORY_WATCHED, MEMORY_LINGERING, MEMORY_AWAITED). */
extern _Atomic unsigned watched __attribute__((visibility("hidden")));

/** Get the memory, once, before anything else here; without it nothing is ever found or remembered. */
void memory_start(void);

/** What is remembered of a socket, or NULL. */
struct memory *memory_find(uint64_t cookie);
/** The same of the socket at @p fd. */
struct memory *memory_at(int fd);
/** The same, and NULL at once if there is no hint (below). */
struct memory *memory_at_hint(int fd);
/** The same, begun if there is nothing yet; NULL if there is no room. @p fd is where it was seen. */
struct memory *memory_of(uint64_t cookie, int fd);
void memory_set(struct memory *m, unsigned flags);
void memory_clear(struct memory *m, unsigned flags);
static inline bool memory_has(const struct memory *m, unsigned flags)
{
	return m && (atomic_load_explicit(&m->flags, memory_order_acquire) & flags);
}

/** Whether the socket behind @p fd may be one that needs attention. A hint by number: wrong costs a system call. */
bool memory_hinted(int fd);
/** @p fd turned out not to need attention. */
void memory_unhint(int fd);
/** @p to is now the same open file as @p from. */
void memory_copy_hint(int from, int to);

/** All slots, for whoever looks at this process from outside. */
const struct memory *memory_all(size_t *count);

/** Walk through what has any of @p flags (of MEMORY_WATCHED, MEMORY_CONNECTING, MEMORY_LINGERING,
 * MEMORY_AWAITED, MEMORY_NUDGED): start with @p *position = 0; NULL at the end. */
struct memory *memory_next(size_t *position, unsigned flags);

#endif
