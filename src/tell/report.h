/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is said of each event, in a line of text or of JSON; tell/log.c knows where it goes.
 *
 * Everything here takes plain structs, asks nothing of a socket, is async-signal-safe and leaves errno alone.
 */
#ifndef SNDTIMEO_REPORT_H
#define SNDTIMEO_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "limits/destination.h"
#include "limits/limits.h"
#include "tell/reason.h"
#include "tell/summary.h"

/** What is wrong with a setting, or with what the library has to work with, to standard error. */
void report_complaint(const char *said);

/** The same to the log, where that takes lines of text: every program of the machine would say it. */
void report_complaint_of_machine(const char *said);

/** The library is active under its settings, or has nothing to limit (verbose). */
void report_active(void);

/** The process puts itself into a sandbox, and is left alone from now on (verbose). */
void report_sandboxed(void);

/** The program at @p path is started, and no library is loaded into it. @p why: a sentence. */
void report_unreached(const char *path, const char *why);

/** A connection to @p peer was made, accepted or inherited, and is limited from now on (verbose). @p rule: the number of
 * the rule, from 1; 0: none. */
void report_armed(const struct destination *peer, enum summary_side side, const struct limits *limits, size_t rule);

enum report_event { REPORT_CONNECT, REPORT_SEND, REPORT_UNACKED };

/** A limit that ran out. */
struct timeout {
	enum report_event event;
	struct place place;           /**< for the summary */
	struct destination peer;
	int64_t waited_ms;            /**< without progress, or since the connect or the wait began */
	enum reason reason;
	/* Of REPORT_SEND. */
	uint64_t accepted, asked;     /**< bytes of the call; asked 0: a wait, not a call */
	int unacknowledged, unread;   /**< bytes (SIOCOUTQ, SIOCINQ) */
};

/** Count it in the summary, and tell of it. */
void report_timeout(const struct timeout *timeout);

#endif
