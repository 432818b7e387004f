/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --status: whether the library is active in a process, with which limits, on which connections.
 */
#ifndef SNDTIMEO_STATUS_H
#define SNDTIMEO_STATUS_H

#include <stdbool.h>

enum {
	STATUS_ACTIVE = 0,
	STATUS_NOT_ACTIVE = 1,
	STATUS_FAILED = 125,
};

/** Say it on standard output, which is not flushed, or why it cannot be said in one line on standard error.
 * @param following once a second, until the process ends or somebody has seen enough (follow.h)
 * @return the exit status; when following, STATUS_ACTIVE or STATUS_FAILED */
int status(const char *pid, bool as_json, bool following);

#endif
