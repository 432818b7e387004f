/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which process we are in: the one whose memory this is, or a vfork child that shares it for a while.
 */
#ifndef SNDTIMEO_PROCESS_H
#define SNDTIMEO_PROCESS_H

#include <stdbool.h>

/** Once, before anything else here. */
void process_start(void);

/** Points to 0 where limits are set and another thread may act meanwhile: there are other threads, or may be (musl, and glibc
 * before 2.32, do not tell). */
extern const char *process_only_thread __attribute__((visibility("hidden")));

/** The kernel's number of this thread (gettid(2)); asked for once a thread, but in processes that were forked past us. */
int process_thread(void);
/** This process was just forked, and this is its only thread. */
void process_forked(void);

/** The tables of descriptors are not one any more (unshare(CLONE_FILES)): a number may be two files. */
void process_tables_part(void);
/** Whether what this thread learns of a number may not be true for others: in a vfork child, or with tables apart. */
bool process_numbers_differ(void);

/** Whether the caller shares its memory with another process (vfork(2), CLONE_VM), so that what it does is not to change
 * what is remembered of that one. One system call (getpid). Async-signal-safe, touches no errno and no thread-local
 * storage. */
bool process_is_vforked(void);

#endif
