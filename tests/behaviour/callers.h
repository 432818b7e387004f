/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The four kinds of caller that the contract tells apart, as steps for the tester.
 */
#ifndef SNDTIMEO_TESTS_CALLERS_H
#define SNDTIMEO_TESTS_CALLERS_H

#include <stdbool.h>

#include "harness.h"

/** A caller: `setup; ...; upload BYTES options`. */
struct caller {
	const char *setup;
	const char *upload;
	const char *options;
	bool writer;    /**< synchronous: it learns of a verdict from its own wait */
	bool in_epoll;
};

#define BLOCKING_CALLER { "sleep 0", "sendall send", "", false, false }
/** A synchronous writer with so much time for all of it. */
#define WRITER(ms) { "nonblock 1", "sync send", #ms, true, false }
#define POLL_LOOP(options) { "nonblock 1", "upload poll send", options, false, false }
#define EPOLL_LOOP(options) { "nonblock 1", "upload epoll_wait send", options, false, true }

/** Fails unless step `up` of this caller ended at the verdict after @p send_ms, with the error that fits it. */
static inline void expect_verdict(const struct run *run, const struct caller *caller, long send_ms)
{
	if (caller->writer)
		expect(run, "up.timed_out", 1);
	else
		expect(run, "up.errno", ETIMEDOUT);
	if (caller->in_epoll)
		expect_stalled_in_epoll_for(run, "up", send_ms);
	else
		expect_stalled_for(run, "up", send_ms);
}

#endif
