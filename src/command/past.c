/* SPDX-License-Identifier: MIT */
/** @file
 * @brief How the connections of a process did over the last seconds.
 */
#include "past.h"

#include <stdlib.h>

#include "base/clock.h"

#define MOMENTS 6

struct moment {
	int64_t at_ns;
	uint64_t acked;
};

struct past_of {
	uint64_t number;
	struct moment moments[MOMENTS];   /* the youngest first */
	size_t count;
	uint32_t window;
	int64_t moved_ns;                 /* when something moved, or nothing was there to move */
};

static int compare(const void *one, const void *other)
{
	const uint64_t first = ((const struct past_of *)one)->number, second = ((const struct past_of *)other)->number;

	return (first > second) - (first < second);
}

static struct past_of *find(const struct past *past, const struct socket_facts *facts)
{
	const struct past_of wanted = {.number = facts->number};

	return past && past->count && facts->has_traffic ? bsearch(&wanted, past->all, past->count, sizeof wanted, compare) : NULL;
}

static void note(struct past_of *of, const struct socket_facts *facts, int64_t now_ns)
{
	/* It was given up, and may be connected anew. */
	if (of->count && facts->look.acked < of->moments[0].acked)
		of->count = 0;
	if (!of->count || !facts->outstanding || facts->look.acked != of->moments[0].acked || facts->look.window != of->window)
		of->moved_ns = now_ns;
	of->window = facts->look.window;
	if (of->count < MOMENTS)
		of->count++;
	for (size_t i = of->count - 1; i > 0; i--)
		of->moments[i] = of->moments[i - 1];
	of->moments[0] = (struct moment){now_ns, facts->look.acked};
}

bool past_note(struct past *past, const struct sockets *sockets, int64_t now_ns)
{
	struct past_of *all = calloc(sockets->count + 1, sizeof *all);
	size_t count = 0;

	if (!all)
		return false;
	for (size_t i = 0; i < sockets->count; i++) {
		const struct socket_facts *facts = &sockets->all[i];
		const struct past_of *before = find(past, facts);

		if (!facts->has_traffic)
			continue;
		all[count] = before ? *before : (struct past_of){.number = facts->number};
		note(&all[count++], facts, now_ns);
	}
	qsort(all, count, sizeof *all, compare);
	free(past->all);
	*past = (struct past){all, count};
	return true;
}

int64_t past_rate(const struct past *past, const struct socket_facts *facts)
{
	const struct past_of *of = find(past, facts);

	if (!of || of->count < 2)
		return -1;
	const struct moment *last = &of->moments[0], *first = &of->moments[of->count - 1];
	const int64_t ms = (last->at_ns - first->at_ns) / NS_PER_MS;

	return ms > 0 ? (int64_t)((last->acked - first->acked) * 1000 / (uint64_t)ms) : -1;
}

int64_t past_no_progress_ms(const struct past *past, const struct socket_facts *facts, int64_t now_ns)
{
	const struct past_of *of = find(past, facts);

	return of && facts->outstanding && facts->look.established ? (now_ns - of->moved_ns) / NS_PER_MS : -1;
}

void past_end(struct past *past)
{
	free(past->all);
	*past = (struct past){0};
}
