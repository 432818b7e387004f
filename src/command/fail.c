/* SPDX-License-Identifier: MIT */
/** @file
 * @brief How the command ends if it cannot do what it was asked for.
 */
#include "fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "sndtimeo: %s: %s\n", what, why);
	exit(EXIT_OWN_FAILURE);
}

_Noreturn void fail_memory(void)
{
	fail("out of memory", strerror(ENOMEM));
}

void *checked(void *memory)
{
	if (!memory)
		fail_memory();
	return memory;
}
