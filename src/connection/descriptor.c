/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One word for each descriptor number.
 */
#include "connection/descriptor.h"

_Atomic uint32_t descriptor_words[DESCRIPTORS];
unsigned descriptor_bound, descriptor_tried = ~0u;
unsigned char descriptor_known;
atomic_bool descriptor_any;

/** Above the highest number that was ever marked. */
static _Atomic unsigned marked_end;

static void note(int fd)
{
	unsigned end = atomic_load_explicit(&marked_end, memory_order_relaxed);
	while (end <= (unsigned)fd && !atomic_compare_exchange_weak(&marked_end, &end, (unsigned)fd + 1))
		;
	atomic_store_explicit(&descriptor_any, true, memory_order_relaxed);
}

/** Replace flags, and move the generation on; @p kept: flags that stay if no others come. */
static void put(int fd, unsigned flags, unsigned kept)
{
	_Atomic uint32_t *word = &descriptor_words[fd];
	uint32_t old = atomic_load_explicit(word, memory_order_relaxed), next;
	do {
		const unsigned stay = flags & DESCRIPTOR_FLAGS ? 0 : old & kept;
		next = ((old & (DESCRIPTOR_LEFT | DESCRIPTOR_MADE)) + DESCRIPTOR_MADE_STEP) | flags | stay;
	} while (!atomic_compare_exchange_weak(word, &old, next));
}

void descriptor_made(int fd, unsigned flags)
{
	if (!descriptor_in_table(fd))
		return;
	if (flags & DESCRIPTOR_FLAGS)
		note(fd);
	/* A number that was never marked need not be touched: most are files. */
	if (flags || atomic_load_explicit(&descriptor_words[fd], memory_order_relaxed))
		put(fd, flags, 0);
}

void descriptor_copied(int from, int to)
{
	if (descriptor_word(from) & DESCRIPTOR_COVERED)
		descriptor_set(from, DESCRIPTOR_SHARED);
	const unsigned flags = descriptor_word(from) & DESCRIPTOR_OF_SOCKET;
	if (!descriptor_in_table(to))
		return;
	if (flags & DESCRIPTOR_FLAGS)
		note(to);
	/* A vfork child puts pipes at its standard descriptors, and its parent's may be sockets. */
	if (flags || atomic_load_explicit(&descriptor_words[to], memory_order_relaxed))
		put(to, flags, DESCRIPTOR_COVERED);
}

/** Move the count of closes on, which is to carry into no other. */
void descriptor_leaving(int fd)
{
	if (!descriptor_in_table(fd))
		return;
	_Atomic uint32_t *word = &descriptor_words[fd];
	uint32_t old = atomic_load_explicit(word, memory_order_relaxed);
	while (old && !atomic_compare_exchange_weak(word, &old, (old & ~DESCRIPTOR_LEFT) |
	                                                                ((old + DESCRIPTOR_LEFT_STEP) & DESCRIPTOR_LEFT)))
		;
}

void descriptor_leaving_range(unsigned first, unsigned last)
{
	const unsigned end = atomic_load(&marked_end);
	for (unsigned fd = first; fd < end && fd <= last; fd++)
		descriptor_leaving((int)fd);
}

int descriptor_next(int first, unsigned flags)
{
	const unsigned end = atomic_load(&marked_end);
	for (unsigned fd = (unsigned)first; fd < end; fd++)
		if ((descriptor_word((int)fd) & flags) == flags)
			return (int)fd;
	return -1;
}

void descriptor_set(int fd, unsigned flags)
{
	if (!descriptor_in_table(fd) || !flags)
		return;
	note(fd);
	atomic_fetch_or(&descriptor_words[fd], flags);
}

void descriptor_clear(int fd, unsigned flags)
{
	if (descriptor_in_table(fd))
		atomic_fetch_and(&descriptor_words[fd], ~flags);
}

void descriptor_not_covered(int fd, uint32_t word)
{
	if (descriptor_in_table(fd))
		atomic_compare_exchange_strong(&descriptor_words[fd], &word, (word & ~DESCRIPTOR_FLAGS) | DESCRIPTOR_SEEN);
}
