/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which process we are in: the one whose memory this is, or a vfork child that shares it for a while.
 */
#ifndef SNDTIMEO_PROCESS_H
#define SNDTIMEO_PROCESS_H

#include <stdbool.h>

/** Once, before anything else here. */
void process_start(void);

/** Whether the caller shares its memory with another process (vfork(2), CLONE_VM), so that what it does is not to change
 * what is remembered of that one. One system call (getpid). Async-signal-safe, touches no errno and no thread-local
 * storage. */
bool process_is_vforked(void);

#endif
