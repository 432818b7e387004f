/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the library holds in another process.
 */
#include "held.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "base/anchor.h"

#define LIBRARY "libsndtimeo.so"
#define DELETED " (deleted)"

/* Of one area that is searched. The library's data is some KB. */
#define MOST_AREA_BYTES ((size_t)4 << 20)

_Static_assert(sizeof(struct anchor) % 8 == 0, "anchors are looked for at 8 bytes' alignment");

/* ---- where ------------------------------------------------------------------------------------------------------- */

/* Whether it is the library's file; *length is that of the path without the kernel's mark. */
static bool is_library(const char *path, size_t *length, bool *deleted)
{
	const size_t whole = strlen(path), mark = strlen(DELETED), name = strlen(LIBRARY);

	*deleted = whole > mark && strcmp(path + whole - mark, DELETED) == 0;
	*length = *deleted ? whole - mark : whole;
	return *length > name && path[*length - name - 1] == '/' && memcmp(path + *length - name, LIBRARY, name) == 0;
}

static void note_mapping(const struct mapping *mapping, void *context)
{
	struct held *held = context;
	size_t length;
	bool deleted;

	if (!is_library(mapping->path, &length, &deleted) || length >= sizeof held->library)
		return;
	if (!*held->library) {
		memcpy(held->library, mapping->path, length);
		held->library[length] = '\0';
		held->replaced = deleted;
	}
	if (mapping->offset == 0 && !held->head)
		held->head = mapping->start;
	if (mapping->writable && held->n_areas < HELD_AREAS_MOST) {
		held->areas[held->n_areas].start = mapping->start;
		held->areas[held->n_areas++].end = mapping->end;
	}
}

/* ---- what -------------------------------------------------------------------------------------------------------- */

/* Whether the library's structures are laid out as ours. What cannot be read is told later. */
static bool has_our_layout(const struct held *held, const struct process *process)
{
	static const union { uint16_t word; unsigned char low; } order = {1};
	unsigned char ident[EI_NIDENT];

	if (!held->head || process_read(process, held->head, ident, sizeof ident) != sizeof ident)
		return true;
	return ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
	       ident[EI_DATA] == (order.low ? ELFDATA2LSB : ELFDATA2MSB);
}

/* Look for an anchor from @p start to @p end: 1, and *anchor; 0: there is none; -1, with errno. */
static int search_area(const struct process *process, uintptr_t start, uintptr_t end, struct anchor *anchor)
{
	static const char magic[sizeof anchor->magic] = ANCHOR_MAGIC;
	const size_t size = end - start < MOST_AREA_BYTES ? end - start : MOST_AREA_BYTES;
	char *bytes = malloc(size);
	const ssize_t count = bytes ? process_read(process, start, bytes, size) : -1;
	const int error = errno;
	int found = count < 0 ? -1 : 0;

	for (size_t at = 0; !found && at + sizeof *anchor <= (size_t)count; at += 8) {
		if (memcmp(bytes + at, magic, sizeof magic) == 0) {
			memcpy(anchor, bytes + at, sizeof *anchor);
			found = 1;
		}
	}
	free(bytes);
	errno = error;
	return found;
}

/* The anchor of the library that acts, if it is loaded more than once. Returns as search_area(). */
static int find_anchor(const struct held *held, const struct process *process, struct anchor *anchor)
{
	int result = 0;

	for (size_t i = 0; i < held->n_areas; i++) {
		struct anchor candidate;
		const int found = search_area(process, held->areas[i].start, held->areas[i].end, &candidate);

		if (found < 0 && result == 0)
			result = -1;
		if (found <= 0 || (result == 1 && !*candidate.version))
			continue;
		*anchor = candidate;
		result = 1;
		if (*anchor->version)
			break;
	}
	return result;
}

/* A byte of somebody else's need not be a bool. */
static void make_bool(bool *value)
{
	unsigned char byte;

	memcpy(&byte, value, sizeof byte);
	*value = byte != 0;
}

static void make_limits(struct limits *limits)
{
	int32_t *const times[] = {&limits->connect_ms, &limits->send_ms, &limits->send_total_ms, &limits->unacked_ms};

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		if (*times[i] < 0)
			*times[i] = 0;
	if (limits->min_rate < 0)
		limits->min_rate = 0;
	if (limits->policy != POLICY_CAP)
		limits->policy = POLICY_REPLACE;
}

static bool copy_settings(struct held *held, const struct process *process, const struct anchor *anchor)
{
	struct settings *settings = &held->settings;

	if (process_read(process, (uintptr_t)anchor->settings, settings, sizeof *settings) != sizeof *settings)
		return false;
	make_limits(&settings->limits);
	make_bool(&settings->rules.names_unix);
	make_bool(&settings->dry_run);
	settings->rules.all = NULL;
	return true;
}

/* Append the slots in use of one mapping. */
static bool copy_chunk(struct held *held, const struct process *process, uintptr_t address)
{
	const size_t size = MEMORY_CHUNK * sizeof(struct memory);
	struct memory *slots = reallocarray(held->slots, held->n_slots + MEMORY_CHUNK, sizeof *slots);

	if (!slots)
		return false;
	held->slots = slots;
	if (process_read(process, address, slots + held->n_slots, size) != (ssize_t)size)
		return false;
	const size_t end = held->n_slots + MEMORY_CHUNK;

	for (size_t i = held->n_slots; i < end; i++)
		if (atomic_load(&slots[i].cookie) != 0)
			memmove(&slots[held->n_slots++], &slots[i], sizeof *slots);
	return true;
}

/* Part of them is as good as none: a socket that is not found would be taken for one that does not wait. */
static void copy_slots(struct held *held, const struct process *process, const struct anchor *anchor)
{
	static uintptr_t chunks[MEMORY_CHUNKS];

	held->has_slots = process_read(process, (uintptr_t)anchor->memories, chunks, sizeof chunks) == sizeof chunks;
	for (size_t i = 0; held->has_slots && i < MEMORY_CHUNKS; i++)
		if (chunks[i])
			held->has_slots = copy_chunk(held, process, chunks[i]);
}

static void read_state(struct held *held, const struct process *process)
{
	struct anchor anchor;
	const int found = has_our_layout(held, process) ? find_anchor(held, process, &anchor) : 0;

	held->error = found < 0 ? errno : 0;
	held->kind = found < 0 ? HELD_FORBIDDEN : HELD_STRANGE;
	if (found <= 0)
		return;
	memcpy(held->version, anchor.version, sizeof held->version - 1);
	if (!*held->version)
		held->kind = HELD_IDLE;
	else if (strcmp(held->version, PACKAGE_VERSION) != 0)
		held->kind = HELD_OTHER;
	else if (copy_settings(held, process, &anchor)) {
		held->kind = HELD_READ;
		copy_slots(held, process, &anchor);
	}
}

int held_find(struct held *held, const struct process *process)
{
	memset(held, 0, sizeof *held);
	const int error = process_mappings(process, note_mapping, held);

	if (!error && *held->library)
		read_state(held, process);
	return error;
}

const struct memory *held_slot(const struct held *held, uint64_t cookie)
{
	for (size_t i = 0; cookie && i < held->n_slots; i++)
		if (atomic_load_explicit(&held->slots[i].cookie, memory_order_relaxed) == cookie)
			return &held->slots[i];
	return NULL;
}

bool held_limits(const struct process *process, const struct memory *slot, struct limits *limits)
{
	const uintptr_t address = slot ? (uintptr_t)atomic_load(&slot->limits) : 0;

	if (!address || process_read(process, address, limits, sizeof *limits) != sizeof *limits)
		return false;
	make_limits(limits);
	return true;
}
