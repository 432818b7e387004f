/* SPDX-License-Identifier: MIT */
/** @file
 * @brief select(2) and pselect(2).
 *
 * A set is read and written as far as the kernel does it, and no further: programs pass numbers far above their sets, and
 * the kernel stops at the end of its own table of descriptors. What was asked for is kept aside, because the kernel
 * overwrites it.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "calls/sliced.h"
#include "calls/wait.h"
#include "limits/configured.h"

/** Sets of so many bits are kept on the stack: 24 KB for three of them. */
#define STACK_BITS 65536
/** The kernel's table has so many at least. */
#define TABLE_LEAST 64

/** Whether the kernel's table ends at @p bits, or before: asked for twice as many, of which the upper half are ones, it says
 * that nothing is ready, for it does not look at them. @p set: room for those */
static bool ends_at(unsigned long *set, int bits)
{
	const size_t bytes = (size_t)bits / 8;
	const struct timespec now = {0};
	memset((char *)set, 0, bytes);
	memset((char *)set + bytes, 0xff, bytes);
	/* It says so, too, if all of the upper half are open. */
	return libc.pselect(2 * bits, NULL, NULL, (fd_set *)set, &now, NULL) == 0 && libc.fcntl(bits, F_GETFD) < 0;
}

static bool table_ends_at(int bits)
{
	const size_t size = 2 * (size_t)bits / 8;
	if (bits < STACK_BITS) {
		unsigned long set[size / sizeof(long)];
		return ends_at(set, bits);
	}
	void *pages = libc.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return true;
	const bool ends = ends_at(pages, bits);
	libc.munmap(pages, size);
	return ends;
}

/** How many bits of sets of @p count the kernel looks at, rounded up to whole words. */
static int reach(int count)
{
	int bits = TABLE_LEAST;
	while (bits < count && bits < INT32_MAX / 4 && !table_ends_at(bits))
		bits *= 2;
	return bits < count ? bits : (count + WORD_BITS - 1) / WORD_BITS * WORD_BITS;
}

static bool valid(const struct timespec *timeout)
{
	return !timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < NS_PER_S);
}

static int64_t nanoseconds(const struct timespec *timeout)
{
	const int64_t seconds = timeout ? timeout->tv_sec : INT64_MAX;
	return seconds >= INT64_MAX / NS_PER_S - 1 ? NEVER_NS : seconds * NS_PER_S + timeout->tv_nsec;
}

static int bits_set(const unsigned long *set, size_t words)
{
	int bits = 0;
	for (size_t i = 0; i < words; i++)
		bits += __builtin_popcountl(set[i]);
	return bits;
}

static int select_kept(struct wait *w, unsigned long *asked, int64_t timeout_ns)
{
	int bits[3];
	for (int i = READS; i <= EXCEPTS; i++) {
		unsigned long *set = asked + (size_t)i * w->words;
		if (w->sets[i])
			memcpy(set, w->sets[i], w->words * sizeof(long));
		else
			memset(set, 0, w->words * sizeof(long));
		bits[i] = bits_set(set, w->words);
	}
	w->asked = asked;
	w->alone = bits[WRITES] == 1 && !bits[READS] && !bits[EXCEPTS];
	return wait_limited(w, timeout_ns);
}

int select_limited(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
                   const sigset_t *mask)
{
	struct wait w = {.sets = {reads, writes, excepts}, .bits = count, .mask = mask};
	const int before = errno;
	const int bits = valid(timeout) && count > 0 ? reach(count) : 0;
	errno = before;
	w.words = (size_t)bits / WORD_BITS;
	const size_t size = w.words * sizeof(long);
	for (int i = READS; i <= EXCEPTS; i++)
		if (w.sets[i] && !wait_can_read(w.sets[i], size))
			return libc.pselect(count, reads, writes, excepts, timeout, mask);
	if (!bits)
		return libc.pselect(count, reads, writes, excepts, timeout, mask);
	if (bits <= STACK_BITS) {
		unsigned long asked[3 * w.words];
		return select_kept(&w, asked, nanoseconds(timeout));
	}
	void *pages = libc.mmap(NULL, 3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return libc.pselect(count, reads, writes, excepts, timeout, mask);
	const int ready = select_kept(&w, pages, nanoseconds(timeout));
	libc.munmap(pages, 3 * size);
	return ready;
}
