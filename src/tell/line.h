/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A line that is under way, in text or in JSON: what all of them begin and end with.
 *
 * Everything here is async-signal-safe and may change errno.
 */
#ifndef SNDTIMEO_LINE_H
#define SNDTIMEO_LINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "limits/destination.h"
#include "tell/log.h"
#include "base/text.h"

/** Room for the newline is kept: text_start() is told of a byte less. */
struct line {
	struct text text;
	char buffer[LOG_LINE_SIZE];
};

/** Remember the program's name, once, before any line. */
void line_start(void);

/** Lines from now on are about this other process, for whoever looks at it from outside. One thread. */
void line_about(const char *name, pid_t pid);

/** Whether lines are JSON (SNDTIMEO_LOG_FORMAT). */
bool line_as_json(void);

/** "sndtimeo: name[pid]: " and @p what. */
void line_begin_text(struct line *line, const char *what);
/** An object with the time, the program and the event. */
void line_begin_json(struct line *line, const char *event);
/** A destination as people write it, null if it is unknown. */
void line_json_destination(struct line *line, const char *key, const struct destination *d);
/** The line is complete, in either form: it goes where the settings say. */
void line_end(struct line *line);

#endif
