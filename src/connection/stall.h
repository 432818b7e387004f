/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The stall clock: a clock, a look at the connection and the time make what is left until the verdict.
 *
 * A stall is: bytes outstanding, the program wants to hand over more, the socket refuses, and neither acknowledgements nor
 * the window moved for the send timeout. Nothing here asks the kernel or knows a descriptor: whoever looks from elsewhere
 * keeps clocks of its own.
 *
 * A clock may be shared by threads: its time and the stamp of the progress seen then are one atomic word, so two looks never
 * mix. All functions are async-signal-safe and leave errno alone. Times are in nanoseconds, of clock_now_ns().
 */
#ifndef SNDTIMEO_STALL_H
#define SNDTIMEO_STALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "connection/look.h"
#include "limits/limits.h"

/** Of stall_clock.moved, those below the time in ms: a stamp of the progress that was seen then. */
#define STALL_STAMP_BITS 24

/** All zero: nobody has had to wait. */
struct stall_clock {
	_Atomic uint64_t moved;         /**< since when nothing moves, in ms, and the stamp */
	_Atomic int64_t looked_ns;      /**< the last look */
	_Atomic int64_t gap_ns;         /**< between that and the one before */
	_Atomic int64_t granted_ns;     /**< when a look came so late that the connection was given one more slice */
	/* The wait it is in: it was refused, and again as soon as there was room, without a rest. */
	_Atomic int64_t wait_ns;        /**< when that began */
	_Atomic uint64_t wait_acked;    /**< bytes acknowledged by then */
	_Atomic int64_t refused_ns;     /**< when it was last seen to have no room */
	_Atomic int64_t refused_busy_ns;   /**< look.busy_ns then */
	_Atomic int64_t calm_ns;        /**< the last look that found nothing lost (nudge.h) */
};

/** Why a verdict is due. */
enum stall_cause {
	STALL_NO_PROGRESS,   /**< the send timeout passed without any */
	STALL_TOO_SLOW,      /**< progress, but less than SNDTIMEO_MIN_RATE asks for */
	STALL_TOTAL,         /**< one send call took longer than SNDTIMEO_SEND_TOTAL */
};

/** What a look told. */
struct stall_news {
	enum stall_cause cause;   /**< of the verdict that is due, or will be next */
	bool wait_began;          /**< it was not refused just before */
	bool moved;               /**< there was progress since the look before */
	int64_t pause_ns;         /**< for how long nothing had moved that moves again; 0: none */
};

/** Begin anew. */
void stall_forget(struct stall_clock *clock);

/**
 * What is left until the verdict if nothing moves; 0 or less: it is due. NEVER_NS: no send timeout.
 *
 * A look that comes late (the process was stopped, the machine suspended, the clock jumped) is no proof: the connection is
 * given one more slice.
 *
 * @param waits the caller was waiting meanwhile, or is going to; one that comes by is late only if it used to come much sooner
 * @param key tells the connection from others that the clock may have been of (SO_COOKIE)
 * @param floor_ns no progress after this is known of: the caller's last look, or when the refusal began at the earliest
 */
int64_t stall_left_ns(struct stall_clock *clock, const struct look *look, const struct limits *limits, uint64_t key,
                      int64_t floor_ns, int64_t now_ns, bool waits, struct stall_news *news);

/** There is room again, and what was handed over since may hide that the peer made it (unix sockets tell nothing else).
 * @return how long nothing had moved; 0: nobody waited */
int64_t stall_room(struct stall_clock *clock, const struct look *look, uint64_t key, int64_t now_ns);

/** Whether somebody was refused so lately that the room there is now ends a wait. */
bool stall_was_refused_lately(const struct stall_clock *clock, const struct limits *limits, int64_t now_ns);

/** How long to wait at most before the next look: a fortieth of the limit. */
int64_t stall_slice_ns(const struct limits *limits);

/**
 * While the window is shut, the last acknowledgements only answer its probes. Each of those was sent when a timer had run out that
 * began with the last progress, or with the probe before, and doubled (net/ipv4/tcp_timer.c).
 *
 * @return how long before the last acknowledgement the last progress was, at the least; 0 if it may have been with it
 */
int64_t stall_answers_ns(const struct look *look);

/** For how long it has stalled, as @p cause counts it: without progress, or since the wait began. */
int64_t stall_waited_ns(const struct stall_clock *clock, enum stall_cause cause, int64_t now_ns);

/** Since when nothing has moved on a connection that is remembered; 0 if nobody had to wait. @p moved: stall_clock's. */
static inline int64_t stall_since_ms(uint64_t moved)
{
	return (int64_t)(moved >> STALL_STAMP_BITS);
}

#endif
