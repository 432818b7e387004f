/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What of the limits holds for one socket of another process at this moment.
 */
#ifndef SNDTIMEO_JUDGE_H
#define SNDTIMEO_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect.h"

/** Room for all limits with two remarks. */
#define JUDGED_SIZE 256

/** Instead of a time without progress. */
enum { NOBODY_WAITS = -1, NOT_TOLD = -2 };

struct judged {
	int64_t no_progress_ms;     /**< how long its program has been waiting to send; NOBODY_WAITS or NOT_TOLD */
	int32_t send_ms;            /**< the send timeout that will end that; 0: none, or not known */
	char armed[JUDGED_SIZE];    /**< what holds, and remarks on what does not, in words */
};

/** @param now_ns of CLOCK_MONOTONIC, in our time namespace */
struct judged judge(const struct inspection *inspection, const struct socket_facts *facts, int64_t now_ns);

/** "ESTABLISHED", as RFC 9293 names it. */
const char *judge_state(const struct socket_facts *facts);

/** Append whom it is connected to, or where it listens; "-": nobody. */
void judge_peer(struct text *to, const struct socket_facts *facts);

#endif
