/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Tests that are one function over a table, each row a test of its own, so that their waits run side by side.
 *
 *     static const struct row {...} rows[] = {...};
 *
 *     ROW_TEST(suite, name, ROWS_OF(rows))
 *     {
 *             const struct row *row = &rows[*number];
 *     }
 */
#ifndef SNDTIMEO_TESTS_ROWS_H
#define SNDTIMEO_TESTS_ROWS_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#define ROWS_OF(table) (sizeof(table) / sizeof *(table))

/* The number and not the row: a pointer into a table means nothing to the process that the test runs in. */
#define ROW_TEST(suite, name, count)                                                                               \
	ParameterizedTestParameters(suite, name)                                                                   \
	{                                                                                                          \
		static size_t numbers[count];                                                                      \
                                                                                                                   \
		for (size_t i = 0; i < (count); i++)                                                               \
			numbers[i] = i;                                                                            \
		return cr_make_param_array(size_t, numbers, count);                                                \
	}                                                                                                          \
	ParameterizedTest(size_t *number, suite, name, .timeout = 30)

#endif
