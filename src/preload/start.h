/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The library's start and end.
 */
#ifndef SNDTIMEO_START_H
#define SNDTIMEO_START_H

#include <stdbool.h>

/** Whether the real functions are found (libc.h). */
extern bool started __attribute__((visibility("hidden")));

/**
 * Find the real functions, read the environment, adopt the sockets this process was started with. Runs once: from the
 * constructor, or from the first call of a replaced function where another library's constructor comes earlier. Keeps
 * errno.
 */
void start(void);

/** The process is about to end, or to become another program: tell the summary, if there is one to tell and nothing told
 * it since the last event. Async-signal-safe, keeps errno; nothing happens in a vfork child, and without a summary not even
 * thread-local storage is touched. */
void finish(void);

/** The process is about to put itself into a seccomp sandbox, where nothing could be told any more: tell what there is to
 * tell. */
void start_may_end(void);
/** The process has put itself into a seccomp sandbox, and is left alone from now on. */
void start_no_more(void);

#endif
