/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which other watcher limits a process from outside.
 *
 * It is known by what it is called, and by its handle of the process, which nothing but a watcher holds on to for long. Only what may be
 * looked into is found: a user's own, or by root.
 */
#ifndef SNDTIMEO_OUTSIDE_WATCHERS_H
#define SNDTIMEO_OUTSIDE_WATCHERS_H

#include <stdbool.h>
#include <sys/types.h>

/** What a watcher is called (prctl(2), PR_SET_NAME), so that it is told from a command that only looks. */
#define WATCHERS_NAME "sndtimeo-watch"

/** Whether process @p watcher is a watcher of process @p watched. */
bool watchers_are(pid_t watcher, pid_t watched);

/** @return one that is, but for ourselves; 0: none was found */
pid_t watchers_find(pid_t watched);

#endif
