/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The library's start and end, and the settings it read then.
 */
#ifndef SNDTIMEO_START_H
#define SNDTIMEO_START_H

#include <stdbool.h>

#include "settings.h"

/**
 * Find the real functions, read the environment, arm the sockets this process was started with. Runs once: from the
 * constructor, or from the first call of a replaced function where another library's constructor comes earlier. Keeps
 * errno.
 */
void start(void);

/** The process is about to end, or to become another program: tell the summary, if there is one to tell and nothing told
 * it since the last event. Async-signal-safe, keeps errno; nothing happens in a vfork child. */
void finish(void);

/** Whether the real functions are found (libc.h). */
extern bool bound __attribute__((visibility("hidden")));

/** Whether any limit is set. Before start(), and with none set for good, every wrapper is inert. */
extern bool active __attribute__((visibility("hidden")));

/** What was read at start. */
extern struct settings settings __attribute__((visibility("hidden")));

#endif
