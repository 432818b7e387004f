/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What we remember of the socket at a descriptor.
 *
 * Threads that remember the same socket at once may both write; each field is whole by itself and the later one wins. A slot
 * may be taken over while another thread still holds it: what that thread writes is then a flag or a clock of the wrong
 * socket, which the kernel (a flag) or the clock's own stamp (stall.c) gives away when it is used.
 */
#include "connection/memory.h"

#include <sys/mman.h>

#include "base/libc.h"

_Atomic unsigned memory_looked_after, memory_waits_matter = 1, memory_nudged;

static _Atomic(struct memory *) chunks[MEMORY_CHUNKS];

/* One bit a descriptor that has, or had, a flag of MEMORY_LOOKED_AFTER; and one for each word of those. */
static _Atomic uint64_t listed[DESCRIPTORS / 64];
static _Atomic uint64_t listed_words[DESCRIPTORS / 64 / 64];

_Atomic(struct memory *) *memory_chunks(void)
{
	return chunks;
}

struct memory *memory_unverified(int fd)
{
	if (!descriptor_in_table(fd))
		return NULL;
	struct memory *chunk = atomic_load_explicit(&chunks[fd / MEMORY_CHUNK], memory_order_acquire);
	return chunk ? &chunk[fd % MEMORY_CHUNK] : NULL;
}

struct memory *memory_find(int fd, uint64_t cookie)
{
	struct memory *m = cookie ? memory_unverified(fd) : NULL;
	return m && atomic_load_explicit(&m->cookie, memory_order_acquire) == cookie ? m : NULL;
}

/** The slot of @p fd, mapped if there is none yet; NULL: no memory. */
static struct memory *slot_of(int fd)
{
	struct memory *m = memory_unverified(fd), *nothing = NULL;
	if (m || !descriptor_in_table(fd))
		return m;
	const size_t size = MEMORY_CHUNK * sizeof *m;
	void *pages = libc.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages != MAP_FAILED && !atomic_compare_exchange_strong(&chunks[fd / MEMORY_CHUNK], &nothing, pages))
		libc.munmap(pages, size);
	return memory_unverified(fd);
}

struct memory *memory_of(int fd, uint64_t cookie)
{
	struct memory *m = cookie ? slot_of(fd) : NULL;
	if (!m)
		return NULL;
	uint64_t old = atomic_load_explicit(&m->cookie, memory_order_acquire);
	if (old == cookie)
		return m;
	atomic_store(&m->fd, fd);
	atomic_store(&m->word, 0);
	if (!atomic_compare_exchange_strong(&m->cookie, &old, cookie))
		return old == cookie ? m : NULL;
	memory_clear(m, ~0u);
	stall_forget(&m->clock);
	atomic_store(&m->since_ns, 0);
	atomic_store(&m->due_ns, 0);
	atomic_store(&m->limits, NULL);
	atomic_store(&m->user_timeout_ms, 0);
	atomic_store(&m->awaited_by, 0);
	return m;
}

void memory_copy(int from, int to)
{
	const struct memory *m = memory_unverified(from);
	if (!memory_has(m, MEMORY_CONNECTING | MEMORY_GAVE_UP | MEMORY_ENDED | MEMORY_UNACKED))
		return;
	struct memory *copy = memory_of(to, atomic_load(&m->cookie));
	if (!copy)
		return;
	atomic_store(&copy->since_ns, atomic_load(&m->since_ns));
	atomic_store(&copy->limits, atomic_load(&m->limits));
	atomic_store(&copy->user_timeout_ms, atomic_load(&m->user_timeout_ms));
	memory_set(copy, atomic_load(&m->flags) & (MEMORY_CONNECTING | MEMORY_GAVE_UP | MEMORY_ENDED | MEMORY_UNACKED | MEMORY_TOLD));
}

_Atomic int64_t memory_next_due_ns;

void memory_due(struct memory *m, int64_t at_ns)
{
	int64_t next_ns = atomic_load(&memory_next_due_ns);
	atomic_store(&m->due_ns, at_ns);
	while (at_ns < next_ns && !atomic_compare_exchange_weak(&memory_next_due_ns, &next_ns, at_ns))
		;
}

static void list(const struct memory *m)
{
	const unsigned word = (unsigned)m->fd / 64;
	atomic_fetch_or(&listed[word], UINT64_C(1) << m->fd % 64);
	atomic_fetch_or(&listed_words[word / 64], UINT64_C(1) << word % 64);
}

/** Count a socket among those with a flag of a kind, or no more. */
static void count(_Atomic unsigned *sockets, unsigned before, unsigned now)
{
	if (now && !before)
		atomic_fetch_add(sockets, 1);
	else if (before && !now)
		atomic_fetch_sub(sockets, 1);
}

static void recount(unsigned before, unsigned now)
{
	count(&memory_looked_after, before & MEMORY_LOOKED_AFTER, now & MEMORY_LOOKED_AFTER);
	count(&memory_waits_matter, before & MEMORY_LOOKED_AFTER, now & MEMORY_LOOKED_AFTER);
	count(&memory_nudged, before & MEMORY_NUDGED, now & MEMORY_NUDGED);
}

void memory_set(struct memory *m, unsigned flags)
{
	if (!m)
		return;
	const unsigned before = atomic_fetch_or(&m->flags, flags), now = before | flags;
	if (m->fd < 0)
		return;
	if (flags & MEMORY_NOTICED)
		descriptor_set(m->fd, DESCRIPTOR_NOTICED);
	if (flags & MEMORY_LOOKED_AFTER)
		list(m);
	recount(before, now);
}

bool memory_claim(struct memory *m, unsigned flag)
{
	const bool claimed = !(atomic_fetch_or(&m->flags, flag) & flag);
	memory_set(m, flag);
	return claimed;
}

void memory_clear(struct memory *m, unsigned flags)
{
	if (!m)
		return;
	const unsigned before = atomic_fetch_and(&m->flags, ~flags);
	if (m->fd >= 0)
		recount(before, before & ~flags);
}

void memory_satisfied(int fd)
{
	struct memory *m = memory_unverified(fd);
	memory_clear(m, MEMORY_WATCHED | (memory_has(m, MEMORY_ONESHOT) ? MEMORY_ONESHOT | MEMORY_AWAITED : 0));
	if (!memory_has(m, MEMORY_NOTICED))
		descriptor_clear(fd, DESCRIPTOR_NOTICED);
}

void memory_epoll_closed(int epfd)
{
	unsigned position = 0;
	for (struct memory *m; (m = memory_next(&position));)
		if (atomic_load(&m->awaited_by) == epfd + 1)
			memory_clear(m, MEMORY_AWAITED | MEMORY_ONESHOT);
}

void memory_forked(bool child)
{
	unsigned position = 0;
	for (struct memory *m; atomic_load(&memory_looked_after) && (m = memory_next(&position));) {
		memory_set(m, MEMORY_SHARED);
		if (child)
			memory_clear(m, MEMORY_WATCHED | MEMORY_AWAITED | MEMORY_ONESHOT | MEMORY_NUDGED);
	}
}

/** The lowest listed descriptor from @p fd on; DESCRIPTORS: none. */
static unsigned next_listed(unsigned fd)
{
	while (fd < DESCRIPTORS) {
		const unsigned word = fd / 64;
		const uint64_t words = atomic_load_explicit(&listed_words[word / 64], memory_order_relaxed) >> word % 64;
		if (!words) {
			fd = (word / 64 + 1) * 64 * 64;
			continue;
		}
		const uint64_t bits = atomic_load_explicit(&listed[word], memory_order_relaxed) >> fd % 64;
		if (bits)
			return fd + (unsigned)__builtin_ctzll(bits);
		fd = (word + 1) * 64;
	}
	return DESCRIPTORS;
}

struct memory *memory_next(unsigned *position)
{
	while ((*position = next_listed(*position)) < DESCRIPTORS) {
		const unsigned fd = (*position)++;
		struct memory *m = memory_unverified((int)fd);
		if (memory_has(m, MEMORY_LOOKED_AFTER))
			return m;
		/* Take the bit back, then look once more: a flag may have come in between. The words' bits stay: a few. */
		atomic_fetch_and(&listed[fd / 64], ~(UINT64_C(1) << fd % 64));
		if (memory_has(m, MEMORY_LOOKED_AFTER))
			list(m);
	}
	return NULL;
}
