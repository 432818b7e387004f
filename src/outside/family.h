/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that are watched from outside: those that were named, and all that they start.
 */
#ifndef SNDTIMEO_FAMILY_H
#define SNDTIMEO_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outside/configuration.h"
#include "outside/process.h"
#include "outside/want.h"

struct member {
	struct process process;
	struct process seen;    /**< the same by one of its threads that lives: the first one may have ended before the others */
	int through;            /**< process_handle() of that: descriptors are duplicated through it */
	uint64_t began;         /**< process_began(): a number that is used again is another process */
	int handle;             /**< of process_handle_of_all(): readable once the process has ended */
	bool ended;
	bool forbidden;         /**< its descriptors may not be duplicated, and that was told */
	enum machine machine;   /**< of the program that it is */
	const struct configuration *configuration; /**< of the program that it is, */
	char *program;          /**< namely this (configuration.h) */
	struct wishes wishes;   /**< as of ... */
	int64_t wished_ns;      /**< ... then */
};

struct family {
	struct member **all;
	size_t count, room;
	const char *mark;       /**< NAME=VALUE that all of them have in their environment; NULL: none was given */
	bool lost_any;          /**< one has ended since the last look for orphans */
	int64_t sweep_ns;       /**< when the next one is due in any case */
	pid_t newest;           /**< the process that had begun last, at the last one */
	pid_t *strangers;       /**< those that were no orphans then, in order */
	size_t n_strangers;
	bool full;              /**< one could not be added for want of descriptors or memory, and that was told */
};

/** Add a process, unless it is one already or has ended. @return it; NULL, with errno (ESRCH: there is none) */
struct member *family_add(struct family *family, pid_t id);

/** Add what the members have started since, and what is left of the ones that ended: a child whose parent is gone is found
 * by the mark. @p added is told of each. */
void family_grow(struct family *family, void (*added)(const struct member *member, void *context), void *context);

/** Take the name again, and the kind, which exec changes, and another thread, if the one that was looked at has ended. */
void family_refresh(struct member *member);

/** Leave a pipe or socket that is our standard error, unless any of them has it, at a descriptor that programs print to. Whoever reads
 * what a program prints waits until nobody can write there any more: a daemon that was left behind may live for ever, and has given
 * that up. */
void family_leave_standard_error(const struct family *family);

/** Free those that have ended. Nobody may refer to them any more. */
void family_bury(struct family *family);

#endif
