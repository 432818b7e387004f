/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The stall clock of a connection, and the verdict.
 *
 * A stall: bytes are outstanding, the program wants to hand over more, the socket refuses, and the peer made no
 * progress for the send timeout. The clock starts when a refusal is first seen, and again at each progress. It belongs
 * to the connection (memory.h), not to a call: a program that polls in short ticks has one clock.
 */
#ifndef SNDTIMEO_STALL_H
#define SNDTIMEO_STALL_H

#include <stdint.h>

#include "memory.h"
#include "socket.h"

/** Of struct memory's clock, those below the time in ms: a stamp of the progress that was seen then. */
#define STALL_STAMP_BITS 24

/** Why a verdict is due. */
enum stall_cause {
	STALL_NO_PROGRESS,   /**< the send timeout passed without any */
	STALL_TOO_SLOW,      /**< progress, but less than SNDTIMEO_MIN_RATE asks for */
	STALL_TOTAL,         /**< one send call took longer than SNDTIMEO_SEND_TOTAL */
};

/** A connection somebody wants to send on. */
struct stall {
	int fd;
	uint64_t cookie;
	struct memory *memory;      /**< may be NULL: then the clock is below, and lasts as long as this struct */
	_Atomic uint64_t clock;
	const struct limits *limits;
	int64_t looked_ns;          /**< the last look, or when the refusal must have begun: no progress after it is
	                                 known of */
	struct look look;           /**< what the last look saw */
	enum stall_cause cause;     /**< of the verdict that is due, or will be next */
	int64_t total_ns;           /**< STALL_TOTAL: how long that send took */
};

/**
 * Begin to watch @p fd, whose socket is to be @p cookie, for somebody who was refused at @p refused_ns at the earliest.
 *
 * @return false if there is nothing to watch: no covered socket, or no send timeout for it. Its memory, if there is any
 * yet, is set in either case.
 */
bool stall_watch(struct stall *s, int fd, uint64_t cookie, int64_t refused_ns);

/**
 * Look: nanoseconds until the verdict if nothing moves, 0 or less if it is due. NEVER_NS if there is no connection that
 * could stall, or the descriptor is another one by now; then look.established is false.
 */
int64_t stall_left_ns(struct stall *s, int64_t now_ns);

/** There is room again, and what was handed over since may hide that the peer made it (unix sockets tell nothing else). */
void stall_room(struct stall *s, int64_t now_ns);

/** The same for a socket that was waited for elsewhere; nothing happens if nobody was refused lately. */
void stall_room_at(int fd, int64_t now_ns);

/** How long to wait at most before the next look: a fortieth of the limit. */
int64_t stall_slice_ns(const struct stall *s);

/**
 * A verdict is due: log it, end the connection for all who hold it (socket_end()), remember it. In a dry run it is
 * logged once per stall, and nothing ends.
 *
 * @param accepted, asked bytes of the send that waited; 0, 0: a wait
 * @param untold whether a synchronous writer still has to raise its own timeout (MEMORY_UNTOLD)
 * @return whether the connection is over
 */
bool stall_end(struct stall *s, int64_t now_ns, uint64_t accepted, uint64_t asked, bool untold);

/** Since when nothing has moved on a connection that is remembered; 0 if nobody had to wait. */
static inline int64_t stall_since_ms(uint64_t clock)
{
	return (int64_t)(clock >> STALL_STAMP_BITS);
}

#endif
