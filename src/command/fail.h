/* SPDX-License-Identifier: MIT */
/** @file
 * @brief How the command ends if it cannot do what it was asked for.
 */
#ifndef SNDTIMEO_FAIL_H
#define SNDTIMEO_FAIL_H

/** As env(1) has them. */
enum {
	EXIT_OWN_FAILURE = 125,
	EXIT_CANNOT_INVOKE = 126,
	EXIT_NOT_FOUND = 127,
};

/** End, with a line on standard error: what, and why. */
_Noreturn void fail(const char *what, const char *why);

_Noreturn void fail_memory(void);

/** @return @p memory, if there was any. */
void *checked(void *memory);

#endif
