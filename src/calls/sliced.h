/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A wait of poll(2) or select(2), in one form for both, waited for in slices.
 */
#ifndef SNDTIMEO_SLICED_H
#define SNDTIMEO_SLICED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/libc.h"

struct wait {
	/* poll; NULL for select. */
	struct pollfd *fds;
	nfds_t count;
	/* select: reads, writes, excepts, as the program gave them, for the result; and what it asked for, three sets one behind
	 * the other, as far as the kernel looks at them. */
	fd_set *sets[3];
	const unsigned long *asked;
	size_t words;               /**< of a set */
	int bits;                   /**< as the program gave them */
	bool asked_before;          /**< the kernel was asked with no wait, and has written to the sets */
	int ready;                  /**< what it said */
	const sigset_t *mask;       /**< NULL: the thread's own */
	bool alone;                 /**< for one descriptor, for writing alone */
};

enum { READS, WRITES, EXCEPTS };

/** Bits of a word of an fd_set. */
#define WORD_BITS (8 * (int)sizeof(long))

/** Wait, for @p timeout_ns (NEVER_NS: for ever). @return as the call, with errno only on failure */
int wait_limited(struct wait *w, int64_t timeout_ns);

#endif
