/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The settings that this process runs under: written once by the library's start, and read everywhere.
 */
#ifndef SNDTIMEO_CONFIGURED_H
#define SNDTIMEO_CONFIGURED_H

#include <stdbool.h>

#include "limits/settings.h"

/** What was read at start. */
extern struct settings settings __attribute__((visibility("hidden")));

/** Whether any limit is set, and the process has not put itself into a sandbox (preload/notice.c). Before the start, and
 * with none set for good, every wrapper is the real function. */
extern bool active __attribute__((visibility("hidden")));

/** Whether any limit is for sends, too. */
extern bool sends_limited __attribute__((visibility("hidden")));

#endif
