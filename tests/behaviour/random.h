/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Random scripts for the tester: the same ones from the same seed, everywhere.
 */
#ifndef SNDTIMEO_TESTS_RANDOM_H
#define SNDTIMEO_TESTS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A script as it grows. */
struct script {
	char text[8192];
	size_t length;
};

/** From now on the numbers are those of @p seed. */
void random_start(uint64_t seed);
/** @return a number below @p limit */
unsigned below(unsigned limit);
bool one_in(unsigned n);
#define ONE_OF(list) (list)[below(sizeof(list) / sizeof *(list))]

/** @return the name of a call of the tester's that sends, or receives. */
const char *random_send(void);
const char *random_receive(void);
/** Append to @p script; fails the test if it becomes too long. */
void add(struct script *script, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Play this group's share of the runs: SNDTIMEO_TEST_RUNS of them, @p usual without it, or the one that
 * SNDTIMEO_TEST_SEED names.
 *
 * @param group, groups a group plays its share one run after the other, and groups go side by side
 */
void random_play(int group, int groups, unsigned usual, void (*play_one)(uint64_t seed));

#endif
