/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The table of connections that sndtimeo --status shows.
 */
#ifndef SNDTIMEO_TABLE_H
#define SNDTIMEO_TABLE_H

#include "inspect.h"

/** Print a line for every socket, and one above. @return false if there is no memory */
bool table_print(const struct inspection *inspection);

#endif
