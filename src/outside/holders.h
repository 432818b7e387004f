/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that have a socket, and duplicates of it.
 */
#ifndef SNDTIMEO_HOLDERS_H
#define SNDTIMEO_HOLDERS_H

#include <stdbool.h>

#include "outside/watched.h"

/** Before all others: a signal is what ends a close() that waits. */
void holders_start(void);

/** Close a duplicate. It may be the last of a socket that its program has closed meanwhile: with SO_LINGER we would wait for the
 * peer then, which its program did not, for as long as it has chosen. Until holders_rest() a signal comes each millisecond. */
void holders_release(int fd);

/** Nothing is closed for a while: before every wait. */
void holders_rest(void);

/** Duplicate it, by whichever process still has it. Says once of a process that it may not be looked into.
 * @return a descriptor for holders_release(); -1: none has it, or may be asked */
int holders_duplicate(struct watched *w);

/** Say once of a process that it may not be looked into. An end of it, or of a descriptor, is no such error. */
void holders_complain(struct member *member, int error);

/** Whether any process still has it, beside us. */
bool holders_are_there(struct watched *w);

#endif
