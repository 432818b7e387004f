/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a fuzzer ends at, and what every one of them defines.
 */
#ifndef SNDTIMEO_TESTS_HOLDS_H
#define SNDTIMEO_TESTS_HOLDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Not assert(), which NDEBUG takes away. */
#define HOLDS(condition)                                                                                           \
	do {                                                                                                       \
		if (!(condition)) {                                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);             \
			abort();                                                                                   \
		}                                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
