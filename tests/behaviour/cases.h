/* SPDX-License-Identifier: MIT */
/** @file
 * @brief For tests whose right result is whatever happens bare.
 */
#ifndef SNDTIMEO_TESTS_CASES_H
#define SNDTIMEO_TESTS_CASES_H

#include "harness.h"

/** Fails unless a program of programs/ says the same bare, with nothing set, and under @p limits. */
static inline void same_as_bare(const char *program, const char *script, const struct setting *limits)
{
	struct setting settings[] = { { .bare = true }, { .bare = false }, *limits };
	struct run *runs[3];

	for (int i = 0; i < 3; i++) {
		settings[i].program = program;
		runs[i] = play(&settings[i], "%s", script);
		expect_clean(runs[i]);
		cr_expect_str_eq(comparable(runs[i]), comparable(runs[0]), "%s, %s:\n%sand bare:\n%s", script,
				 i == 1 ? "with nothing set" : "with limits", comparable(runs[i]), comparable(runs[0]));
	}
}

#endif
