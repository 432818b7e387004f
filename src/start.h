/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The library's start, and the limits it read then.
 */
#ifndef SNDTIMEO_START_H
#define SNDTIMEO_START_H

#include <stdbool.h>

#include "limits.h"

/**
 * Find the real functions, read the environment, arm the sockets this process was started with. Runs once: from the
 * constructor, or from the first call of a replaced function where another library's constructor comes earlier.
 */
void start(void);

/** Whether any limit is set. Before start(), and with none set for good, every wrapper is inert. */
extern bool active __attribute__((visibility("hidden")));

/**
 * The limits for a socket: the one place where they depend on the destination, once rules do that. Never NULL.
 */
const struct limits *limits_for(int fd);

#endif
