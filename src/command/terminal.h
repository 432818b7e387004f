/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A terminal that is drawn on again and again, and left as it was.
 *
 * Only codes that every terminal of today knows (ECMA-48, and xterm's second screen): no library of terminals is needed.
 */
#ifndef SNDTIMEO_TERMINAL_H
#define SNDTIMEO_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum terminal_event {
	TERMINAL_TIME,     /**< the time has come */
	TERMINAL_REDRAW,   /**< its size has changed, or something else may have been drawn on it */
	TERMINAL_QUIT,     /**< q, or SIGINT, SIGQUIT, SIGTERM, SIGHUP */
};

/** Take standard output over, if it is a terminal that can be drawn on. From then on SIGINT and its kin are kept for terminal_wait(),
 * and a stop (^Z) leaves the terminal as it was. @return false: it is none */
bool terminal_open(void);

void terminal_size(size_t *columns, size_t *lines);

/** Show @p text, of lines that fit, in place of what was there, unless we are in the background. @return false: the terminal is gone */
bool terminal_show(const char *text, size_t length);

/** @param until_ns of CLOCK_MONOTONIC */
enum terminal_event terminal_wait(int64_t until_ns);

/** As it was before. */
void terminal_close(void);

#endif
