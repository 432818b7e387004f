/* SPDX-License-Identifier: MIT */
/** @file
 * @brief How the connections of a process did over the last seconds: rates, and how long nothing has moved.
 */
#ifndef SNDTIMEO_PAST_H
#define SNDTIMEO_PAST_H

#include <stddef.h>
#include <stdint.h>

#include "sockets.h"

struct past_of;

/** All zero: nothing was seen yet. */
struct past {
	struct past_of *all;   /**< by the number of the socket; allocated */
	size_t count;
};

/** Take down how they are. What is not among them is forgotten. @return false: there is no memory, and nothing changed */
bool past_note(struct past *past, const struct sockets *sockets, int64_t now_ns);

/** Bytes acknowledged in a second, over the last five at most; -1: it is not known (yet). */
int64_t past_rate(const struct past *past, const struct socket_facts *facts);

/** For how long bytes have been there and nothing was acknowledged, nor the window moved, as far back as it was looked at; -1: nothing
 * is outstanding, or it is not known. */
int64_t past_no_progress_ms(const struct past *past, const struct socket_facts *facts, int64_t now_ns);

void past_end(struct past *past);

#endif
