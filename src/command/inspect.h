/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What can be known of a process that runs: whether the library is active in it, with which limits, and its sockets.
 */
#ifndef SNDTIMEO_INSPECT_H
#define SNDTIMEO_INSPECT_H

#include <stdbool.h>

#include "held.h"
#include "outside/process.h"
#include "sockets.h"
#include "limits/settings.h"

struct inspection {
	struct process process;
	struct held held;
	bool loaded;                       /**< the library is there */
	bool limits;                       /**< there is something that it limits, as far as that can be known */
	bool active;                       /**< both, and the process lives */
	bool by_environment;               /**< its settings are not known, but what its environment says of them, which is here: */
	struct settings environment;
	const char *rules_file;            /**< SNDTIMEO_CONFIG, which we do not open; NULL: none */
	pid_t watcher;                     /**< of inspect_watcher(): who limits it from outside; 0: nobody that was found */
	struct sockets sockets;            /**< of inspect_sockets() */
	char *variables;
};

/** Look at the process of that number, or at the one that any of its threads has. @return 0, or an errno of process_find() and
 * held_find(): why nothing can be said of it. In each case inspect_end() frees what was found. */
int inspect(struct inspection *inspection, pid_t id);

/** The settings that count in it, as far as they are known; NULL: they are not. */
const struct settings *inspect_settings(const struct inspection *inspection);

/** Who limits it from outside, too. @param known who did so when it was asked last; 0: look for one */
void inspect_watcher(struct inspection *inspection, pid_t known);

/** Its sockets, too. */
void inspect_sockets(struct inspection *inspection);

void inspect_end(struct inspection *inspection);

#endif
