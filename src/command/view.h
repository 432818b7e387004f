/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The table of connections that sndtimeo --status --follow shows: how they are doing.
 */
#ifndef SNDTIMEO_VIEW_H
#define SNDTIMEO_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "inspect.h"
#include "past.h"

struct view {
	const struct inspection *inspection;
	const struct past *past;
	int64_t now_ns;
	size_t columns, lines;  /**< of the terminal, for view_screen() */
	const char *clock;      /**< what each line begins with, for view_lines() */
};

/** Print the table, with a bar below what waits without progress, which fills towards the send timeout. What does not fit is counted.
 * @return false: there is no memory */
bool view_screen(FILE *to, const struct view *view);

/** Print a line for each connection. @param heading whether to print one above */
bool view_lines(FILE *to, const struct view *view, bool heading);

#endif
