/* SPDX-License-Identifier: MIT */
/** @file
 * @brief How sndtimeo --status finds the library's state in another process's memory.
 *
 * The library has one struct anchor in its data; the command finds it there by its magic, and reads on from its pointers.
 * Both are of the same version then, so what they point to means the same to both.
 */
#ifndef SNDTIMEO_ANCHOR_H
#define SNDTIMEO_ANCHOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define ANCHOR_MAGIC "sndtimeo anchor\n"

struct memory;
struct settings;

struct anchor {
	char magic[24];                    /**< ANCHOR_MAGIC and NULs; in the data of the library alone, at 8 bytes' alignment */
	char version[24];                  /**< "": the library was loaded and found nothing to limit */
	const struct settings *settings;   /**< its rules point into the process, too */
	_Atomic(struct memory *) *memories;   /**< MEMORY_CHUNKS pointers to MEMORY_CHUNK slots each (memory.h) */
	const bool *active;                /**< false: the process put itself into a sandbox */
	size_t rules;
};

#endif
