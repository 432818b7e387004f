/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The table of connections that sndtimeo --status shows.
 */
#ifndef SNDTIMEO_TABLE_H
#define SNDTIMEO_TABLE_H

#include "held.h"
#include "outside/process.h"
#include "sockets.h"

/** What a table needs beside the sockets. */
struct table {
	const struct process *process;
	const struct held *held;
	const struct settings *settings; /**< in force in the process; NULL: not known */
};

/** Print a line for every socket, and one above. @return false if there is no memory */
bool table_print(const struct table *table, const struct sockets *sockets);

#endif
