/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --status: whether the library is active in a process, with which limits, on which connections.
 */
#ifndef SNDTIMEO_STATUS_H
#define SNDTIMEO_STATUS_H

enum {
	STATUS_ACTIVE = 0,
	STATUS_NOT_ACTIVE = 1,
	STATUS_FAILED = 125,
};

/** Say it on standard output, which is not flushed, or why it cannot be said in one line on standard error.
 * @return the exit status */
int status(const char *pid);

#endif
