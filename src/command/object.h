/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What is known of a process and its connections as a JSON object in one line.
 */
#ifndef SNDTIMEO_OBJECT_H
#define SNDTIMEO_OBJECT_H

#include <stdint.h>
#include <stdio.h>

#include "inspect.h"
#include "past.h"

/** @param past NULL: it was not looked at before @param now_ns of CLOCK_MONOTONIC */
void object_print(FILE *to, const struct inspection *inspection, const struct past *past, int64_t now_ns);

#endif
