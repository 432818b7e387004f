/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The settings that this process runs under.
 */
#include "limits/configured.h"

struct settings settings;
bool active, sends_limited;
