/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is known of a process, in words.
 */
#ifndef SNDTIMEO_DESCRIBE_H
#define SNDTIMEO_DESCRIBE_H

#include <stdbool.h>
#include <stdio.h>

#include "inspect.h"

/** Print whether the library is active in it, which one, and with which limits. */
void describe(FILE *to, const struct inspection *inspection);

/** Print what a table of its sockets will not have, and why. @param traffic whether that shows how they are doing, too */
void describe_gaps(FILE *to, const struct inspection *inspection, bool traffic);

#endif
