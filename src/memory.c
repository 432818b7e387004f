/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What we remember of a few sockets, by SO_COOKIE.
 *
 * Threads that remember the same socket at once may both write; each field is whole by itself and the later one wins.
 * A slot may be taken over while another thread still holds it: what that thread writes is then a flag or a clock of
 * the wrong socket, which the kernel (a flag) or the clock's own stamp (stall.c) gives away when it is used.
 */
#include "memory.h"

#include "libc.h"
#include "route.h"
#include "socket.h"

/** Sockets remembered at most: an event loop may have ten thousand that refuse at once. */
#define SLOTS 16384u
/** Slots that any cookie may be in: a program with few sockets touches no others. */
#define FIRST_SLOTS 8u
/** Slots a cookie may be in: those, and one cache-friendly run. */
#define REACH (FIRST_SLOTS + 16u)
/** Descriptors with a hint of their own; above, every one counts as hinted. */
#define HINTS 65536
#define LOW_HINTS 1024
#define LOOKED_AFTER (MEMORY_WATCHED | MEMORY_LINGERING | MEMORY_AWAITED)
#define LISTED (MEMORY_CONNECTING | MEMORY_NUDGED | LOOKED_AFTER)

_Atomic unsigned attention, watched, nudged;

static bool all_hinted;

/** Most programs touch its first page alone. */
static struct {
	_Atomic unsigned char low_hints[LOW_HINTS];
	_Atomic uint64_t listed[SLOTS / 64];   /**< one bit a slot: it has, or had, a flag that memory_next() looks for */
	struct memory slots[SLOTS];
	_Atomic unsigned char high_hints[HINTS - LOW_HINTS];
} *store;

void memory_start(void)
{
	void *pages = libc.mmap(NULL, sizeof *store, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	store = pages == MAP_FAILED ? NULL : pages;
}

const struct memory *memory_all(size_t *count)
{
	*count = store ? SLOTS : 0;
	return store ? store->slots : NULL;
}

/** One of the slots that @p cookie may be in. */
static struct memory *candidate(uint64_t cookie, size_t i)
{
	const size_t run = (size_t)(cookie * UINT64_C(0x9e3779b97f4a7c15) >> 32);
	return &store->slots[i < FIRST_SLOTS ? i : FIRST_SLOTS + (run + i) % (SLOTS - FIRST_SLOTS)];
}

/** Whether a slot behind the first ones was ever taken: until then nobody looks there, because even that costs a page. */
static atomic_bool outgrown;

struct memory *memory_find(uint64_t cookie)
{
	if (!store || !cookie)
		return NULL;
	const size_t reach = atomic_load(&outgrown) ? REACH : FIRST_SLOTS;
	for (size_t i = 0; i < reach; i++) {
		struct memory *m = candidate(cookie, i);
		if (atomic_load_explicit(&m->cookie, memory_order_acquire) == cookie)
			return m;
	}
	return NULL;
}

/** What is begun anew with a slot, a word at a time: whoever reads along sees no half of anything. */
typedef uint64_t __attribute__((may_alias)) word;
#define FIRST_WORD (offsetof(struct memory, clock) / sizeof(word))
_Static_assert(FIRST_WORD == 2 && sizeof(struct memory) % sizeof(word) == 0, "flags are counted, and cleared apart");

/** Take a slot for @p cookie that holds @p old (0, or one nobody will miss). */
static bool take(struct memory *m, uint64_t old, uint64_t cookie)
{
	if (!atomic_compare_exchange_strong(&m->cookie, &old, cookie))
		return false;
	memory_clear(m, ~0u);
	for (size_t i = FIRST_WORD; i < sizeof *m / sizeof(word); i++)
		__atomic_store_n((word *)m + i, 0, __ATOMIC_RELAXED);
	return true;
}

/** It holds a clock, which is begun anew at little loss. */
static bool is_idle(const struct memory *m)
{
	return !memory_has(m, ~0u);
}

/** The socket is no longer at its descriptor, most likely closed. */
static bool is_gone(const struct memory *m)
{
	uint64_t cookie;
	return !socket_cookie(atomic_load_explicit(&m->fd, memory_order_relaxed), &cookie) ||
	       cookie != atomic_load_explicit(&m->cookie, memory_order_relaxed);
}

struct memory *memory_of(uint64_t cookie, int fd)
{
	enum { FREE, IDLE, GONE, PASSES };
	struct memory *m = memory_find(cookie);
	if (!store || !cookie)
		return NULL;
	for (int pass = FREE; !m && pass < PASSES; pass++)
		for (size_t i = 0; !m && i < REACH; i++) {
			struct memory *slot = candidate(cookie, i);
			const uint64_t old = atomic_load_explicit(&slot->cookie, memory_order_relaxed);
			const bool spare = pass == FREE ? !old : pass == IDLE ? is_idle(slot) : is_gone(slot);
			if (i == FIRST_SLOTS)
				atomic_store(&outgrown, true);
			if (spare && take(slot, old, cookie))
				m = slot;
		}
	if (m)
		atomic_store_explicit(&m->fd, fd, memory_order_relaxed);
	return m;
}

/** The hint of a descriptor that has one. */
static _Atomic unsigned char *hint(int fd)
{
	return fd < LOW_HINTS ? &store->low_hints[fd] : &store->high_hints[fd - LOW_HINTS];
}

static void list(struct memory *m)
{
	const size_t slot = (size_t)(m - store->slots);
	atomic_fetch_or(&store->listed[slot / 64], UINT64_C(1) << slot % 64);
}

/** Count a socket among those with a flag of a kind, or no more. @return whether there are some now and were none, or the
 * other way round */
static bool count(_Atomic unsigned *sockets, unsigned before, unsigned now)
{
	if (now && !before)
		return atomic_fetch_add(sockets, 1) == 0;
	return before && !now && atomic_fetch_sub(sockets, 1) == 1;
}

static void recount(unsigned before, unsigned now)
{
	if (count(&attention, before & MEMORY_NOTICED, now & MEMORY_NOTICED))
		route_settle();
	count(&watched, before & LOOKED_AFTER, now & LOOKED_AFTER);
	count(&nudged, before & MEMORY_NUDGED, now & MEMORY_NUDGED);
}

void memory_set(struct memory *m, unsigned flags)
{
	if (!m)
		return;
	const unsigned before = atomic_fetch_or(&m->flags, flags), now = before | flags;
	const int fd = atomic_load_explicit(&m->fd, memory_order_relaxed);
	if ((now & MEMORY_NOTICED) && fd >= 0 && fd < HINTS)
		atomic_store(hint(fd), 1);
	if (now & LISTED)
		list(m);
	recount(before, now);
}

void memory_clear(struct memory *m, unsigned flags)
{
	if (!m)
		return;
	const unsigned before = atomic_fetch_and(&m->flags, ~flags);
	recount(before, before & ~flags);
}

bool memory_hinted(int fd)
{
	return store && fd >= 0 &&
	       (all_hinted || fd >= HINTS || atomic_load_explicit(hint(fd), memory_order_relaxed));
}

void memory_hint_all(void)
{
	all_hinted = true;
	atomic_fetch_add(&attention, 1);
	route_settle();
}

struct memory *memory_at(int fd)
{
	uint64_t cookie;
	return socket_cookie(fd, &cookie) ? memory_find(cookie) : NULL;
}

struct memory *memory_at_hint(int fd)
{
	return memory_hinted(fd) ? memory_at(fd) : NULL;
}

void memory_unhint(int fd)
{
	if (store && fd >= 0 && fd < HINTS)
		atomic_store_explicit(hint(fd), 0, memory_order_relaxed);
}

void memory_copy_hint(int from, int to)
{
	if (memory_hinted(from) && to >= 0 && to < HINTS)
		atomic_store(hint(to), 1);
}

struct memory *memory_next(size_t *position, unsigned flags)
{
	while (store && *position < SLOTS) {
		const size_t slot = *position;
		const uint64_t rest = atomic_load_explicit(&store->listed[slot / 64], memory_order_relaxed) >> slot % 64;
		if (!rest) {
			*position = (slot / 64 + 1) * 64;
			continue;
		}
		const size_t found = slot + (size_t)__builtin_ctzll(rest);
		struct memory *m = &store->slots[found];
		*position = found + 1;
		if (memory_has(m, flags))
			return m;
		/* Take the bit back, then look once more: a flag may have come in between. */
		atomic_fetch_and(&store->listed[found / 64], ~(UINT64_C(1) << found % 64));
		if (memory_has(m, LISTED))
			list(m);
	}
	return NULL;
}
