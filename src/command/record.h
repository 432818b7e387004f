/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --record: samples of all connections of a family of processes, in a file for sndtimeo-plot.
 */
#ifndef SNDTIMEO_RECORD_H
#define SNDTIMEO_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "outside/family.h"

/** Make the file anew, before anything is run. @return a descriptor; -1, with errno */
int record_open(const char *path);

/**
 * Write samples, four a second, until the last process has ended, @p until_ns has come (NEVER_NS: does not), or SIGINT, SIGTERM or
 * SIGHUP was sent. The format is in libsndtimeo(7).
 *
 * @param program what the first of them is called
 * @param runs whether it has done so before, and what connections it has are older
 * @param fd of record_open(); it is closed
 * @return 0, or why it could not be written: an errno
 */
int record_run(struct family *family, const char *program, bool runs, int fd, int64_t until_ns);

#endif
