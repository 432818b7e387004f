/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the library holds in another process: where it is loaded, its settings, what it remembers of sockets.
 *
 * The process may be anybody's: what is read of it is a copy that was checked, and no pointer of it is followed here.
 */
#ifndef SNDTIMEO_HELD_H
#define SNDTIMEO_HELD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outside/process.h"
#include "connection/memory.h"
#include "limits/settings.h"

/** Mappings of the library that may hold its state; it has one or two. */
#define HELD_AREAS_MOST 16

enum held_kind {
	HELD_ABSENT,     /**< the library is not loaded */
	HELD_IDLE,       /**< it found nothing to limit */
	HELD_READ,       /**< settings and slots are there */
	HELD_OTHER,      /**< it is active, of another version than ours */
	HELD_STRANGE,    /**< its state was not found, or is for a machine of other bits */
	HELD_FORBIDDEN,  /**< we may not read the memory of the process */
};

struct held {
	enum held_kind kind;
	int error;               /**< of HELD_FORBIDDEN */
	char library[PATH_MAX];  /**< its file, as the kernel writes it; "": it is not loaded */
	bool replaced;           /**< ... which has been removed or replaced */
	char version[24];        /**< of HELD_READ and HELD_OTHER */
	struct settings settings; /**< of HELD_READ; without the rules themselves, which are only counted */
	bool has_slots;          /**< of HELD_READ: whether those below are all */
	struct memory *slots;    /**< those in use; allocated */
	size_t n_slots;

	uintptr_t head;          /**< where the library's file begins; 0: unknown */
	struct { uintptr_t start, end; } areas[HELD_AREAS_MOST];
	size_t n_areas;
};

/** @return 0, or why it cannot be known whether the library is loaded: an errno */
int held_find(struct held *held, const struct process *process);

/** What is remembered of a socket; NULL: nothing. */
const struct memory *held_slot(const struct held *held, uint64_t cookie);

/** Copy the limits that a slot points to. @return false: it has none, or they cannot be read */
bool held_limits(const struct process *process, const struct memory *slot, struct limits *limits);

#endif
