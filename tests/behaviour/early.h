/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What early.c's constructor met, for the tester to print.
 */
#ifndef SNDTIMEO_TESTS_EARLY_H
#define SNDTIMEO_TESTS_EARLY_H

/** One call's result; the list `early_results` ends with a NULL name. */
struct early_result {
	const char *name;
	long value;   /**< what it returned, or -errno */
};

#endif
