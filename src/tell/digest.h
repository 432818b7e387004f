/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The summary as it is told: a line for each destination, and what follows from all of them.
 */
#ifndef SNDTIMEO_DIGEST_H
#define SNDTIMEO_DIGEST_H

/** Tell what was counted (summary.h). Async-signal-safe; may change errno. */
void digest_tell(void);

#endif
