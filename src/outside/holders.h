/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that have a socket, and duplicates of it.
 */
#ifndef SNDTIMEO_HOLDERS_H
#define SNDTIMEO_HOLDERS_H

#include <stdbool.h>

#include "outside/watched.h"

/** Duplicate it, by whichever process still has it. Says once of a process that it may not be looked into.
 * @return a descriptor, to be closed; -1: none has it, or may be asked */
int holders_duplicate(struct watched *w);

/** Whether any process still has it, beside us. */
bool holders_are_there(struct watched *w);

#endif
/** Say once of a process that it may not be looked into. An end of it, or of a descriptor, is no such error. */
void holders_complain(struct member *member, int error);

