/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Holds limits from outside: looks at the connections of a family of processes until all of them have ended.
 */
#ifndef SNDTIMEO_WATCHER_H
#define SNDTIMEO_WATCHER_H

#include <stdint.h>

#include "outside/family.h"
#include "outside/watched.h"

/**
 * Watch under the settings of this process (limits/configured.h), until the last process has ended, @p until_ns has come
 * (NEVER_NS: does not) or SIGINT, SIGTERM or SIGHUP was sent, which are blocked elsewhere. Takes everything off again, and
 * tells the summary.
 *
 * @return what timed out
 */
struct verdicts watcher_run(struct family *family, int64_t until_ns);

/** Whether this process may look into @p member: 0, or an errno. */
int watcher_may(const struct member *member);

#endif
