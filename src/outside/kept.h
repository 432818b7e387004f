/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Signals that come in a wait and nowhere else.
 */
#ifndef SNDTIMEO_OUTSIDE_KEPT_H
#define SNDTIMEO_OUTSIDE_KEPT_H

#include <signal.h>
#include <stddef.h>

/** Have @p handler told of @p count signals, which are blocked from now on but under @p mask (ppoll(2)): what was blocked before,
 * without them. One that is ignored stays so: whoever began us wants that. Once in a process. */
void kept_signals(const int *signals, size_t count, void (*handler)(int number), sigset_t *mask);

#endif
