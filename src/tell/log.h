/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where lines go: to standard error, the system's log or a file, whole, and never to the program's harm.
 */
#ifndef SNDTIMEO_LOG_H
#define SNDTIMEO_LOG_H

#include "base/text.h"

/** Room for the longest line, its newline and a NUL included: short of PIPE_BUF, so that a pipe with room takes it whole. */
#define LOG_LINE_SIZE 1024

/** Remember which file standard error is, once, before any line. */
void log_start(void);

/**
 * Write one line, without its newline, to where the settings say, in one write(2).
 *
 * What cannot be written at once is lost. Standard error is written to only while it is the file that the program was
 * begun with, and that is no connection to a peer: else the peer, or a file of the program's own, would get the line. Async-signal-safe; never
 * waits, raises no signal, is no point of cancellation, leaves errno alone and no descriptor open.
 */
void log_line(const struct text *line);

/** The same to standard error, whatever the settings say: what is wrong with them. */
void log_complaint(const struct text *line);

/** Whether a line can get to where the settings say, as far as that can be known now: 0, or errno of the attempt. */
int log_defect(void);

#endif
