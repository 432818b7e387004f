/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the administrator of a machine has set for all of its programs.
 */
#ifndef SNDTIMEO_MACHINE_H
#define SNDTIMEO_MACHINE_H

#include <stdbool.h>

/** The file of rules and settings. */
extern const char machine_config[] __attribute__((visibility("hidden")));

/** Whether it is there. */
bool machine_has_config(void);

/** Whether the library is named in the file by which ld.so(8) preloads it into every program. Async-signal-safe; neither it nor
 * the other opens anything but the two files, and for the time of a call. */
bool machine_preloads_us(void);

#endif
