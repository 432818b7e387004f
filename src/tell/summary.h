/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the library saw, counted per destination, in bounded memory.
 *
 * Statistics alone: nothing here decides anything, and whoever tells them writes the words. What is counted may be read
 * at any time, while others go on counting; each number is whole by itself, and they are of about the same moment.
 *
 * A fork child starts with nothing, for what its parent saw is its parent's to tell. A vfork child shares its parent's
 * memory: what it does is counted as its parent's, and it never gets to tell. One gap is known: if the first that is
 * ever counted in a fork child is done by a vfork child of its own, the numbers pass for that one's, and are not told.
 */
#ifndef SNDTIMEO_SUMMARY_H
#define SNDTIMEO_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits/destination.h"

/** Whether anything is counted (SNDTIMEO_SUMMARY=1). */
extern bool summary_on __attribute__((visibility("hidden")));

/** Map the table, once; before that, and if it cannot be had, nothing is counted. */
void summary_start(void);

/** One destination may be both, and is then counted as two. */
enum summary_side {
	SUMMARY_TO,   /**< connections we made to it */
	SUMMARY_AT,   /**< connections we accepted at it */
};

/** What a connection goes by. */
struct place {
	struct destination destination;
	enum summary_side side;
};

/* Each may be called by any thread and any signal handler, waits for nobody, and leaves errno as it is. Nothing happens
 * unless summary_on. */

/** A connection came about. @p took_ns is how long that took, below 0: not known (accepted). */
void summary_connected(const struct destination *d, enum summary_side side, int64_t took_ns);
/** A send had to wait. */
void summary_waited(const struct destination *d, enum summary_side side);
/** Nothing moved for @p pause_ns, and then it did. */
void summary_recovered(const struct destination *d, enum summary_side side, int64_t pause_ns);
/** A connect deadline passed (@p connect), or a send timeout. */
void summary_timeout(const struct destination *d, enum summary_side side, bool connect);

struct summary_line {
	struct destination destination;
	enum summary_side side;
	bool others;                  /**< all that had no room in the table, of both sides: destination is unknown, side
	                                   says nothing */
	uint64_t connections;         /**< connected or accepted */
	int64_t connect_median_ns;    /**< the lower median, to about 3 % (0.5 us if below 16 us) and never above the
	                                   longest; -1: none measured */
	int64_t connect_longest_ns;   /**< exact; -1: none measured */
	uint64_t waits;
	int64_t longest_pause_ns;     /**< that recovered; 0: none */
	uint64_t connect_timeouts, send_timeouts;
};

/** Walk through what was counted: start with @p *position = 0; false at the end. In the order first seen, each
 * destination and side once, the others last. */
bool summary_next(size_t *position, struct summary_line *line);

/** The longest pause of all that recovered; 0: none. */
int64_t summary_longest_pause_ns(void);

/** A round send timeout that a pause of @p pause_ns leaves ample room below: the first of 1, 2, 5, 10, 15, 30 s, as many
 * minutes, and 1, 2, 5, 10 h, 1, 2, 5, 10, 15, 24 d that is at least twice as long. Nothing is longer than 24 days. */
int32_t summary_suggestion_ms(int64_t pause_ns);

/** Whether anything was counted in this very process. */
bool summary_any(void);

/** Take the right to tell: true for one caller only, until something new is counted. Never for a vfork child, which
 * shares our memory and is not us. */
bool summary_claim(void);

#endif
