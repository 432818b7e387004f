/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sndtimeo --status --follow: how the connections of a process are doing, once a second.
 */
#ifndef SNDTIMEO_FOLLOW_H
#define SNDTIMEO_FOLLOW_H

#include <stdbool.h>
#include <sys/types.h>

#include "inspect.h"

/**
 * Show it on standard output, in place where that is a terminal, else in lines, until the process ends or its user has seen enough.
 *
 * @param[out] inspection the last one, for inspect_end()
 * @return 0; or an errno: it cannot be looked into, or there is no memory
 */
int follow(struct inspection *inspection, pid_t id, bool as_json);

#endif
