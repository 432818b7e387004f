/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Limits from outside: sndtimeo --attach and --outside.
 */
#ifndef SNDTIMEO_OUTSIDE_H
#define SNDTIMEO_OUTSIDE_H

#include <stdint.h>

/**
 * Start a watcher of this process, which is about to become the program: a process of its own, in a group of its own, whose
 * parent is gone. The environment has a mark from then on.
 *
 * @return NULL; or why it cannot be had, with what would help, in a string that lives until the next call
 */
const char *outside_start(void);

/** Start one that writes samples of it into @p file (record.h). @param program what it is going to be called */
const char *outside_record(const char *file, const char *program);

/** The same answer, and nobody watches. */
const char *outside_defect(void);

/**
 * Watch processes that run until they end, or we are told to: SIGINT, SIGTERM, SIGHUP.
 *
 * @param ids numbers with commas in between
 * @param for_ms for so long at most; 0: any time
 * @param file where samples of them are written, too, and alone if there are no limits (record.h); NULL: nowhere
 * @return the exit status: 0, nothing timed out; 1, something did; 125
 */
int outside_attach(const char *ids, int64_t for_ms, const char *file);

#endif
