/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which program the rules are for that name one.
 */
#include "limits/program.h"

#include <limits.h>
#include <string.h>

#include "base/libc.h"

static enum { UNKNOWN, KNOWN, ANY } state;
static const char *names[2];

static void find_own(void)
{
	static char file[PATH_MAX];
	/* Longer ones are cut, and are nobody's then. */
	const long length = libc.syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", file, sizeof file - 1);

	program_assume(length > 0 ? file : NULL, (const char *)libc.getauxval(AT_EXECFN));
}

static bool is(const char *path, const char *name, size_t length)
{
	if (!path)
		return false;
	const size_t its_length = strlen(path);

	if (its_length < length || memcmp(path + its_length - length, name, length) != 0)
		return false;
	return its_length == length || (path[its_length - length - 1] == '/' && !memchr(name, '/', length));
}

bool program_is(const char *name, size_t length)
{
	if (state == UNKNOWN)
		find_own();
	return state == ANY || is(names[0], name, length) || is(names[1], name, length);
}

void program_assume(const char *file, const char *started_as)
{
	names[0] = file;
	names[1] = started_as;
	state = KNOWN;
}

void program_assume_any(void)
{
	state = ANY;
}

bool program_is_any(void)
{
	return state == ANY;
}
