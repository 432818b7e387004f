/* SPDX-License-Identifier: MIT */
/** @file
 * @brief How long 10,000 rules take to load, and a look-up that walks through all of them.
 *
 * Exits with 1 if loading takes more than 20 ms or a look-up more than 100 us. Each number is that of the best run of
 * several: what else the machine does is not meant.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/libc.h"
#include "src/limits/rules.h"

#define RULES 10000u
#define RUNS 30
#define LOOKUPS 100
#define LOAD_MOST_US 20000.0
#define LOOKUP_MOST_US 100.0
/** More than any cache holds. */
#define CACHES ((size_t)64 << 20)

struct times {
	double mean, worst;
};

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void complain(const char *line, void *context)
{
	(void)context;
	fprintf(stderr, "rules: %s\n", line);
	exit(1);
}

/** As many kinds of rules as there are, the last of them for 192.0.2.7:443. */
static size_t write_rules(char *text, size_t size)
{
	size_t length = 0;
	for (unsigned i = 0; i < RULES - 1; i++) {
		const unsigned high = i >> 8 & 255, low = i & 255;
		char *at = text + length;
		const size_t room = size - length;
		switch (i % 8) {
		case 0:
			length += (size_t)snprintf(at, room, "[2001:db8:%x::]/48:443 connect=1s send=1m\n", i);
			break;
		case 1:
			length += (size_t)snprintf(at, room, "unix:/run/service-%u/app.sock send=5s\n", i);
			break;
		case 2:
			length += (size_t)snprintf(at, room, "*:%u off\n", 1024 + i);
			break;
		case 3:
			length += (size_t)snprintf(at, room, "192.0.2.7:%u-%u send=2.5\n", 1000 + i, 1010 + i);
			break;
		default:
			length += (size_t)snprintf(at, room, "10.%u.%u.0/24 connect=250ms send=30s min_rate=64K\n", high, low);
		}
	}
	return length + (size_t)snprintf(text + length, size - length, "192.0.2.7:443 send=5s\n");
}

static double load(struct rules *rules, const char *text, size_t length)
{
	double best = 1e9;
	for (int run = 0; run < RUNS; run++) {
		*rules = (struct rules){0};
		const double start = now_us();
		rules_add(rules, text, length, "bench", complain, NULL);
		rules_complete(rules, &(struct limits){.send_ms = 1000});
		const double took = now_us() - start;
		best = took < best ? took : best;
	}
	return best;
}

/** Look @p destination up; with @p caches, as if nothing had been used for long. @return how long it took */
static double look_up(const struct rules *rules, const struct destination *destination, size_t wanted,
                      volatile char *caches)
{
	size_t number = 0;
	for (size_t i = 0; caches && i < CACHES; i += 64)
		caches[i]++;
	const double start = now_us();
	rules_find(rules, destination, &number);
	const double took = now_us() - start;
	if (number != wanted) {
		fprintf(stderr, "rules: found rule %zu, not %zu\n", number, wanted);
		exit(1);
	}
	return took;
}

static struct times look_up_often(const struct rules *rules, const struct destination *destination, size_t wanted,
                                  int times, char *caches)
{
	struct times best = {1e9, 1e9};
	for (int run = 0; run < RUNS; run++) {
		double sum = 0, worst = 0;
		for (int i = 0; i < times; i++) {
			const double took = look_up(rules, destination, wanted, caches);
			sum += took;
			worst = took > worst ? took : worst;
		}
		best.mean = sum / times < best.mean ? sum / times : best.mean;
		best.worst = worst < best.worst ? worst : best.worst;
	}
	return best;
}

int main(void)
{
	bind_libc();
	bind_libc_rest();
	/* The kinds that rules of every kind are compared with, and are not for. */
	static const struct destination none[] = {
		{.kind = DESTINATION_IPV4, .port = 443, .address = {10, 255, 0, 1}},
		{.kind = DESTINATION_IPV6, .port = 80, .address = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff}},
		{.kind = DESTINATION_UNIX, .path = "/run/service-0/app.sock"},
	}, last = {.kind = DESTINATION_IPV4, .port = 443, .address = {192, 0, 2, 7}};
	static char text[RULES * 64];
	struct rules rules;
	const double loaded = load(&rules, text, write_rules(text, sizeof text));
	struct times most = look_up_often(&rules, &last, RULES, LOOKUPS, NULL);
	char *caches = calloc(1, CACHES);
	if (!caches)
		return 1;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		const struct times times = look_up_often(&rules, &none[i], 0, LOOKUPS, NULL);
		most = times.mean > most.mean ? times : most;
	}
	const double cold = look_up_often(&rules, &none[0], 0, 5, caches).mean;
	printf("rules: %zu loaded in %.1f ms\n", rules.count, loaded / 1e3);
	printf("rules: lookup that matches none: %.1f us (worst of %d: %.1f us; with nothing in the caches: %.1f us)\n",
	       most.mean, LOOKUPS, most.worst, cold);
	free(caches);
	return loaded > LOAD_MOST_US || most.mean > LOOKUP_MOST_US || most.worst > LOOKUP_MOST_US || cold > LOOKUP_MOST_US;
}
