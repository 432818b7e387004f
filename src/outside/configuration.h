/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which settings count for each watched process, where rules name programs.
 */
#ifndef SNDTIMEO_CONFIGURATION_H
#define SNDTIMEO_CONFIGURATION_H

#include <stdbool.h>

#include "outside/process.h"

struct configuration;

/** From now on rules are for the program that @p process runs (limits/program.h), until the next call. */
void configuration_of_program(const struct process *process);

/**
 * Find the settings of the program that @p process runs, by the environment of this process. They stay where they are, and are the
 * same for all programs for which the same rules count.
 *
 * @param program which program it ran when that was asked last, and now; allocated, NULL at first
 * @param known the answer then: while it runs the same, nothing is read again
 * @return NULL: no rule names a program, or there is no memory
 */
const struct configuration *configuration_find(const struct process *process, char **program, const struct configuration *known);

/** The number that configuration_assume() would return. */
unsigned configuration_number(const struct configuration *configuration);

/** Make them those that count (limits/configured.h); NULL: those of the beginning. @return a number for which they are; 0: the latter */
unsigned configuration_assume(const struct configuration *configuration);

#endif
