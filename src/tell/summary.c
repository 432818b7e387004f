/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the library saw, counted per destination.
 *
 * An index of small numbers is searched (open addressing); each names an entry of the table. Who finds no entry
 * reserves one, writes the destination into it, and only then lets the index name it, by one compare-and-swap. So:
 *  - an entry that can be found is complete, and nobody ever meets one that is being written: a signal handler that
 *    interrupts the writer just reserves another;
 *  - no destination has two. All who look for it search the same places in the same order, and no place is ever freed,
 *    so two who add it at once aim at the same place. The slower one finds it taken, looks who has it, counts there, and
 *    gives its own entry back.
 * A thread that is killed between reserving and naming takes one entry out of use. One entry on loan to a slower thread
 * may make another's destination one of the others once, when the table is all but full: counted it is in any case.
 *
 * The kernel wipes the table in a fork child. A signal handler that forks and returns into a function here leaves the
 * child with, at worst, an entry that is never told, or is told with a little of another's.
 */
#include "tell/summary.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/libc.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/** Destinations counted apart. */
#define ENTRIES 256u
/** Places of the index, a power of two: so many more that a search seldom looks twice, and always ends. */
#define PLACES 1024u
/** Buckets per power of two: their middle is within 1/32 of all that is in them. */
#define PARTS 16u
/** log2(PARTS) */
#define PARTS_POWER 4u
/** 2^41 us are 25 days; what takes longer counts as that. */
#define TOP_POWER 41u
#define BUCKETS ((TOP_POWER - PARTS_POWER + 1) * PARTS)
/** The position behind the last line. */
#define AT_END SIZE_MAX

/** What was counted of one destination and side. All zero: nothing. */
struct entry {
	struct destination destination;
	enum summary_side side;
	_Atomic uint32_t seen;   /**< ascending in the order of their first sight, from 1 */
	_Atomic uint64_t connections, waits, connect_timeouts, send_timeouts;
	_Atomic int64_t connect_longest_ns, longest_pause_ns;
	_Atomic uint32_t took[BUCKETS];   /**< how many connects took how long; stays at its maximum */
};

enum news { NOTHING, UNTOLD, TOLD };

bool summary_on;

static struct {
	_Atomic pid_t owner;       /**< who counts here; 0 after a wipe, until something is counted */
	_Atomic enum news news;
	_Atomic uint32_t sights;   /**< the last entry.seen given away */
	_Atomic int64_t longest_pause_ns;
	_Atomic uint64_t reserved[ENTRIES / 64];   /**< one bit an entry */
	_Atomic uint32_t index[PLACES];            /**< 0: free; n: entry n - 1 */
	struct entry entries[ENTRIES];
	struct entry others;
} *table;

/** The only process that counts, where the kernel (before 4.14) does not wipe the table for a fork child; or 0. */
static pid_t only;

void summary_start(void)
{
	void *pages = libc.mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pages == MAP_FAILED)
		return;
	table = pages;
	only = libc.madvise(pages, sizeof *table, MADV_WIPEONFORK) == 0 ? 0 : libc.getpid();
	/* Not left to the first who counts, which may be a vfork child. */
	atomic_store(&table->owner, libc.getpid());
}

static bool is_there(void)
{
	return table && (!only || only == libc.getpid());
}

static bool is_owner(void)
{
	return table && atomic_load(&table->owner) == libc.getpid();
}

static uint64_t mixed(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);   /* FNV-1a */
	return hash;
}

/** Where in the index the search for a destination begins: the same for all that destination_same() calls the same. */
static size_t first_place(const struct destination *d, enum summary_side side)
{
	const unsigned char head[] = {(unsigned char)d->kind, (unsigned char)side, (unsigned char)(d->port >> 8),
	                              (unsigned char)d->port};
	uint64_t hash = mixed(UINT64_C(0xcbf29ce484222325), head, sizeof head);

	switch (d->kind) {
	case DESTINATION_UNKNOWN: break;
	case DESTINATION_IPV4: hash = mixed(hash, d->address, 4); break;
	case DESTINATION_IPV6: hash = mixed(hash, d->address, 16); break;
	case DESTINATION_UNIX: hash = mixed(hash, d->path, strlen(d->path)); break;
	}
	return (size_t)(hash ^ hash >> 32) % PLACES;
}

/** The number of a destination's entry, searched from @p *place on; 0 if it has none, and would belong at @p *place. */
static unsigned search(const struct destination *d, enum summary_side side, size_t *place)
{
	for (;; *place = (*place + 1) % PLACES) {
		const unsigned number = atomic_load_explicit(&table->index[*place], memory_order_acquire);

		if (!number)
			return 0;
		const struct entry *e = &table->entries[number - 1];

		if (e->side == side && destination_same(&e->destination, d))
			return number;
	}
}

/** The number of an entry that is now the caller's alone, and in no index; 0 if none is left. */
static unsigned reserve(void)
{
	for (unsigned word = 0; word < ENTRIES / 64; word++) {
		uint64_t bits = atomic_load(&table->reserved[word]);

		while (~bits) {
			const unsigned bit = (unsigned)__builtin_ctzll(~bits);

			if (atomic_compare_exchange_strong(&table->reserved[word], &bits, bits | UINT64_C(1) << bit))
				return word * 64 + bit + 1;
		}
	}
	return 0;
}

static void give_back(unsigned number)
{
	atomic_fetch_and(&table->reserved[(number - 1) / 64], ~(UINT64_C(1) << (number - 1) % 64));
}

/** Reserve an entry and write into it what it is to count. */
static unsigned prepare(const struct destination *d, enum summary_side side)
{
	const unsigned number = reserve();

	if (number) {
		struct entry *e = &table->entries[number - 1];

		e->destination = *d;
		e->side = side;
		atomic_store(&e->seen, atomic_fetch_add(&table->sights, 1) + 1);
	}
	return number;
}

static struct entry *others(void)
{
	atomic_store(&table->others.seen, 1);
	return &table->others;
}

/** The entry of a destination, begun if there is none yet; the others' if there is no room. */
static struct entry *entry_of(const struct destination *d, enum summary_side side)
{
	size_t place = first_place(d, side);
	unsigned found, own = 0;

	while (!(found = search(d, side, &place))) {
		uint32_t nobody = 0;

		if (!own)
			own = prepare(d, side);
		if (!own)
			return others();
		if (atomic_compare_exchange_strong(&table->index[place], &nobody, own))
			return &table->entries[own - 1];
		/* Somebody was faster here, maybe with this destination. */
	}
	if (own)
		give_back(own);
	return &table->entries[found - 1];
}

/** Where to count, or NULL if nothing is. */
static struct entry *begin(const struct destination *d, enum summary_side side)
{
	pid_t nobody = 0;

	if (!summary_on || !is_there())
		return NULL;
	if (!atomic_load_explicit(&table->owner, memory_order_relaxed))
		atomic_compare_exchange_strong(&table->owner, &nobody, libc.getpid());
	return entry_of(d, side);
}

/** Last of all, so that who claims before this is not the last to tell. */
static void end(void)
{
	atomic_store(&table->news, UNTOLD);
}

static void lengthen(_Atomic int64_t *longest, int64_t ns)
{
	int64_t before = atomic_load(longest);

	while (ns > before && !atomic_compare_exchange_weak(longest, &before, ns))
		continue;
}

static void count_one_more(_Atomic uint32_t *counter)
{
	uint32_t before = atomic_load(counter);

	while (before < UINT32_MAX && !atomic_compare_exchange_weak(counter, &before, before + 1))
		continue;
}

/** One for each microsecond first, then PARTS for each power of two. */
static unsigned bucket_of(int64_t ns)
{
	const uint64_t us = (uint64_t)ns / 1000;

	if (us < PARTS)
		return (unsigned)us;
	const unsigned power = 63 - (unsigned)__builtin_clzll(us);

	if (power >= TOP_POWER)
		return BUCKETS - 1;
	return (power - PARTS_POWER + 1) * PARTS + (unsigned)(us >> (power - PARTS_POWER)) % PARTS;
}

static int64_t middle_ns(unsigned bucket)
{
	const unsigned shift = bucket < PARTS ? 0 : bucket / PARTS - 1;
	const int64_t from = bucket < PARTS ? bucket : PARTS + bucket % PARTS;

	return (from << shift) * 1000 + (INT64_C(1) << shift) * 500;
}

/** The middle of the bucket the lower median is in; -1 if all are empty. */
static int64_t median_ns(const struct entry *e)
{
	uint64_t total = 0, below = 0;

	for (unsigned i = 0; i < BUCKETS; i++)
		total += atomic_load_explicit(&e->took[i], memory_order_relaxed);
	for (unsigned i = 0; i < BUCKETS; i++) {
		below += atomic_load_explicit(&e->took[i], memory_order_relaxed);
		if (below && below >= (total + 1) / 2)
			return middle_ns(i);
	}
	return -1;
}

void summary_connected(const struct destination *d, enum summary_side side, int64_t took_ns)
{
	struct entry *e = begin(d, side);

	if (!e)
		return;
	atomic_fetch_add(&e->connections, 1);
	if (took_ns >= 0) {
		/* In this order: who finds it in a bucket finds a longest one as well. */
		lengthen(&e->connect_longest_ns, took_ns);
		count_one_more(&e->took[bucket_of(took_ns)]);
	}
	end();
}

void summary_waited(const struct destination *d, enum summary_side side)
{
	struct entry *e = begin(d, side);

	if (!e)
		return;
	atomic_fetch_add(&e->waits, 1);
	end();
}

void summary_recovered(const struct destination *d, enum summary_side side, int64_t pause_ns)
{
	struct entry *e = begin(d, side);

	if (!e)
		return;
	lengthen(&e->longest_pause_ns, pause_ns);
	lengthen(&table->longest_pause_ns, pause_ns);
	end();
}

void summary_timeout(const struct destination *d, enum summary_side side, bool connect)
{
	struct entry *e = begin(d, side);

	if (!e)
		return;
	atomic_fetch_add(connect ? &e->connect_timeouts : &e->send_timeouts, 1);
	end();
}

static struct summary_line line_of(const struct entry *e)
{
	struct summary_line line = {
		.destination = e->destination,
		.side = e->side,
		.others = e == &table->others,
		.connections = atomic_load(&e->connections),
		.connect_median_ns = median_ns(e),
		.connect_longest_ns = -1,
		.waits = atomic_load(&e->waits),
		.longest_pause_ns = atomic_load(&e->longest_pause_ns),
		.connect_timeouts = atomic_load(&e->connect_timeouts),
		.send_timeouts = atomic_load(&e->send_timeouts),
	};

	if (line.connect_median_ns >= 0) {
		line.connect_longest_ns = atomic_load(&e->connect_longest_ns);
		/* The middle of the last bucket may be above all that is in it, and would read like a mistake. */
		if (line.connect_median_ns > line.connect_longest_ns)
			line.connect_median_ns = line.connect_longest_ns;
	}
	return line;
}

/** The first entry seen after @p seen, or NULL. By way of the index: what it does not name is not complete. */
static const struct entry *seen_after(size_t seen)
{
	const struct entry *next = NULL;

	for (size_t place = 0; place < PLACES; place++) {
		const unsigned number = atomic_load_explicit(&table->index[place], memory_order_acquire);
		const struct entry *e = number ? &table->entries[number - 1] : NULL;

		if (e && e->seen > seen && (!next || e->seen < next->seen))
			next = e;
	}
	return next;
}

__attribute__((cold)) bool summary_next(size_t *position, struct summary_line *line)
{
	if (!is_there() || *position == AT_END)
		return false;
	const struct entry *next = seen_after(*position);

	*position = next ? next->seen : AT_END;
	if (!next && atomic_load(&table->others.seen))
		next = &table->others;
	if (next)
		*line = line_of(next);
	return next;
}

int64_t summary_longest_pause_ns(void)
{
	return is_there() ? atomic_load(&table->longest_pause_ns) : 0;
}

int32_t summary_suggestion_ms(int64_t pause_ns)
{
	enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
	static const int32_t round_s[] = {
		1,          2,          5,          10,          15,          30,
		MINUTE,     2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
		HOUR,       2 * HOUR,   5 * HOUR,   10 * HOUR,
		DAY,        2 * DAY,    5 * DAY,    10 * DAY,    15 * DAY,    24 * DAY,
	};
	size_t i = 0;

	while (i < sizeof round_s / sizeof *round_s - 1 && pause_ns > round_s[i] * INT64_C(500000000))
		i++;
	return round_s[i] * 1000;
}

bool summary_any(void)
{
	return is_owner() && atomic_load(&table->news) != NOTHING;
}

bool summary_claim(void)
{
	enum news untold = UNTOLD;

	return is_owner() && atomic_compare_exchange_strong(&table->news, &untold, TOLD);
}
