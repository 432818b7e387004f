/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Limits from outside: sndtimeo --attach and --outside.
 */
#ifndef SNDTIMEO_OUTSIDE_H
#define SNDTIMEO_OUTSIDE_H

#include <stdint.h>

/** Why nothing can be looked at from outside, to be said of a command that is not run yet: NULL, or a reason with what would
 * help, which lives on. */
const char *outside_defect(void);

/**
 * Start a watcher of this process, which is about to become the program: a process of its own, in a group of its own, whose
 * parent is gone. The environment has a mark from then on. Ends the process with a line if it cannot be had.
 */
void outside_start(void);

/**
 * Watch processes that run until they end, or we are told to: SIGINT, SIGTERM, SIGHUP.
 *
 * @param ids numbers with commas in between
 * @param for_ms for so long at most; 0: any time
 * @return the exit status: 0, nothing timed out; 1, something did; 125
 */
int outside_attach(const char *ids, int64_t for_ms);

#endif
