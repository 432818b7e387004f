/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The settings that are given as options, and how they get to the program: through the environment.
 */
#ifndef SNDTIMEO_GIVEN_H
#define SNDTIMEO_GIVEN_H

#include <getopt.h>
#include <stdbool.h>

/** So many settings have an option. */
enum { GIVEN_COUNT = 13 };

/** Their options, for getopt_long(3). */
void given_options(struct option options[GIVEN_COUNT]);

/** Take one of them. @p value stays where it is */
void given_take(int letter, const char *value);

/**
 * Check what was given, put it into the environment, or what counts if nobody says, and read all of that as the library is going to
 * (limits/configured.h). Ends if anything is bad.
 *
 * @param or_none whether nothing is limited if nobody has said anything of limits
 */
void given_apply(bool or_none);

/** Read it again as the program is going to that is the file @p file (NULL: not known) and is started as @p name (NULL: not
 * known), if rules name programs. */
void given_read_for(const char *file, const char *name);

#endif
