/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Why a connection stalled, as far as a look at it tells.
 */
#ifndef SNDTIMEO_WHY_H
#define SNDTIMEO_WHY_H

#include <stdint.h>

#include "connection/look.h"
#include "connection/stall.h"
#include "tell/reason.h"

/** @p waited_ns: for how long it stalled, as @p cause counts it. Asks nothing; async-signal-safe. */
enum reason why_stalled(const struct look *look, enum stall_cause cause, int64_t waited_ns);

#endif
