/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What there is to tell of a connection that is watched.
 */
#ifndef SNDTIMEO_NOTES_H
#define SNDTIMEO_NOTES_H

#include <stdint.h>

#include "outside/watched.h"
#include "tell/report.h"

/** Lines from now on are about the process that has it. */
void notes_about(const struct watched *w);

/** Note what is known while it is: a socket that was given up knows its peer no more. */
void notes_take(struct watched *w, int at, enum report_event event, enum reason reason);

/** Tell of a limit that has passed, as it was noted, and count it. */
void notes_tell(struct watched *w, int64_t waited_ns, struct verdicts *verdicts);

#endif
