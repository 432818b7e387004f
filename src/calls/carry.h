/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Carries a send through: wait for room on a duplicate, send, until all is accepted, a signal comes, or the
 * connection has stalled.
 */
#ifndef SNDTIMEO_CARRY_H
#define SNDTIMEO_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include "calls/send.h"
#include "connection/connection.h"

struct carried;

/** Send what is left (from k->accepted on) to connection_at(k->c), without waiting; as send(2). */
typedef ssize_t carry_step(struct carried *k);

/** A send in progress. */
struct carried {
	const struct outgoing *o;
	struct connection *c;
	carry_step *step;
	size_t accepted;
	bool nonblocking;       /**< the socket is: this is a synchronous writer's send */
	bool whole;             /**< it may be completed; else it ends with the first bytes that are accepted */
	bool source_ended;      /**< a step has come to the end of its file, or its pipe is empty */
	int64_t own_us;         /**< the program's own SO_SNDTIMEO; 0: none */
	int64_t own_until_ns;   /**< when it runs out */
	int64_t total_until_ns; /**< when SNDTIMEO_SEND_TOTAL does */
	int64_t look_ns;        /**< when to look at the connection next */
	int64_t rest_ns;        /**< POLLOUT was followed by EAGAIN: sleep so long */
	int64_t rest_until_ns;  /**< ... that is, until then */
	int unread_before;      /**< bytes of input when it began */
	int64_t input_step_ns;  /**< ask for input again after so long; 0: none has come yet */
};

/**
 * Carry on. @p k: o, c, step, accepted, nonblocking and whole are set; @p c holds a duplicate if it can.
 *
 * @param refused_ns when it was refused at the earliest
 * @param error errno of the last step, if it failed
 * @return as the call: a count, or -1 with errno
 */
ssize_t carry(struct carried *k, int64_t refused_ns, int error);

/** Whether a refused send to @p c, a socket that does not wait, is to be carried through: this thread is its synchronous writer,
 * and has a limit that stands for the program's own. */
bool carries_for_writer(const struct connection *c);

#endif
