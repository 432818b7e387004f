/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where the library is, and how ld.so(8) is told of it.
 */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY "libsndtimeo.so"

/* What separates the entries of LD_PRELOAD: glibc splits at colons and spaces, musl at every kind of blank. */
#define SEPARATORS ": \t\n\v\f\r"

#ifdef BUILD_DIR
/* Cut the last component off @p path. Returns it, or NULL if there is none to cut. */
static char *cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return NULL;
	*slash = '\0';
	return slash + 1;
}

static bool same_directory(const char *one, const char *other)
{
	struct stat first, second;

	return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* Whether this program is BUILD_DIR/sndtimeo, or BUILD_DIR/.libs/sndtimeo, where libtool keeps programs that it starts
 * through a script. Only the directory that configure saw counts: looking for .libs beside the program would let
 * whoever can write to a directory choose the library for the programs in it. */
static bool in_build_tree(void)
{
	char directory[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", directory, sizeof directory);

	if (length < 0 || (size_t)length >= sizeof directory)
		return false;
	directory[length] = '\0';
	if (!cut_last(directory))
		return false;
	if (same_directory(directory, BUILD_DIR))
		return true;

	const char *name = cut_last(directory);

	return name && strcmp(name, ".libs") == 0 && same_directory(directory, BUILD_DIR);
}
#endif

char *library_path(void)
{
#ifdef BUILD_DIR
	if (in_build_tree())
		return strdup(BUILD_DIR "/.libs/" LIBRARY);
#endif
	return strdup(LIBRARY_DIR "/" LIBRARY);
}

const char *library_defect(const char *path)
{
	struct stat file;

	if (strpbrk(path, SEPARATORS))
		return "LD_PRELOAD cannot hold a path with a blank or a colon in it";
	if (strchr(path, '$'))
		return "LD_PRELOAD cannot hold a path with a $ in it, which ld.so may replace";

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us */

	if (fd < 0)
		return strerror(errno);
	bool is_file = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);

	close(fd);
	return is_file ? NULL : "not a file";
}

char *preload_with(const char *library, const char *old)
{
	size_t length = strlen(library);
	char *value;

	if (!old || *old == '\0')
		return strdup(library);
	if (strncmp(old, library, length) == 0 && (old[length] == '\0' || strchr(SEPARATORS, old[length])))
		return strdup(old);
	return asprintf(&value, "%s:%s", library, old) < 0 ? NULL : value;
}
