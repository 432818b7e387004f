/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which program the rules are for that name one.
 */
#ifndef SNDTIMEO_PROGRAM_H
#define SNDTIMEO_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Whether the @p length bytes of @p name are this program: with a '/' its path, else the last part of it, of the file that runs
 * (proc(5), exe) or of what execve(2) was given (getauxval(3), AT_EXECFN): a link's name, or a script's.
 *
 * Async-signal-safe. The first call reads a link in /proc.
 */
bool program_is(const char *name, size_t length);

/** From now on it is one with these paths, of which any may be NULL, and the strings stay where they are. */
void program_assume(const char *file, const char *started_as);

/** From now on it is every one. */
void program_assume_any(void);

/** Whether it is. */
bool program_is_any(void);

#endif
