/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The library for programs of another ABI than the command's.
 */
#include "abi.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf.h"

bool abi_knows_lib(const char *loader)
{
	static const char *const names[] = {"ld-linux", "ld64.so", "ld.so"};
	const char *slash = strrchr(loader, '/'), *name = slash ? slash + 1 : loader;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* glibc names $LIB after the folder that it installs ld.so into (slibdir in elf/Makefile), and programs name ld.so by a
 * link to there. */
char *abi_lib(const char *loader)
{
	char *real = abi_knows_lib(loader) ? realpath(loader, NULL) : NULL, *lib = NULL;
	char *slash = real ? strrchr(real, '/') : NULL;

	if (slash) {
		*slash = '\0';
		const char *name = real + (strncmp(real, "/usr/", 5) == 0 ? 5 : 1);

		/* Elsewhere, it is not known where its own are. */
		if (slash > real && strncmp(name, "lib", 3) == 0)
			lib = strdup(name);
	}
	free(real);
	return lib;
}

char *abi_in_folder(const char *library, const char *own, const char *other)
{
	char *end, *path;

	if (asprintf(&end, "/%s/" ABI_LIBRARY, own) < 0)
		return NULL;
	const size_t length = strlen(library), end_length = strlen(end);
	const bool there = length >= end_length && strcmp(library + length - end_length, end) == 0;

	free(end);
	if (!there || asprintf(&path, "%.*s/%s/" ABI_LIBRARY, (int)(length - end_length), library, other) < 0)
		return NULL;
	return path;
}

/* What our own loader puts for $LIB; NULL: not known. */
static char *own_lib(void)
{
	struct elf own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *lib = fd >= 0 && elf_read(fd, &own) ? abi_lib(own.interpreter) : NULL;

	if (fd >= 0)
		close(fd);
	return lib;
}

char *abi_library_for(const char *library, const char *loader)
{
	char *own = own_lib(), *other = abi_lib(loader);
	char *path = own && other ? abi_in_folder(library, own, other) : NULL;

	free(own);
	free(other);
	return path;
}

/* Whether a folder in @p folder has a library that is not the file @p own. */
static bool has_another(const char *folder, const struct stat *own)
{
	DIR *entries = opendir(folder);
	bool found = false;

	for (struct dirent *entry; entries && !found && (entry = readdir(entries));) {
		struct stat file;
		char *path;

		if (asprintf(&path, "%s/%s/" ABI_LIBRARY, folder, entry->d_name) < 0)
			break;
		found = stat(path, &file) == 0 && (file.st_dev != own->st_dev || file.st_ino != own->st_ino);
		free(path);
	}
	if (entries)
		closedir(entries);
	return found;
}

/* Whether there are libraries beside @p library, whose name with $LIB is @p name: in lib, lib64 and lib32, or in lib/TRIPLET,
 * all of them in the folder before $LIB. */
static bool is_one_of_several(const char *library, const char *name)
{
	struct stat own;
	char *triplets = NULL, *folder = strndup(name, (size_t)(strstr(name, "/$LIB/") - name));
	const bool several = folder && stat(library, &own) == 0 && asprintf(&triplets, "%s/lib", folder) >= 0 &&
	                     (has_another(folder, &own) || has_another(triplets, &own));

	free(folder);
	free(triplets);
	return several;
}

char *abi_name_in_preload(const char *library)
{
	char *own = own_lib(), *name = own ? abi_in_folder(library, own, "$LIB") : NULL;

	free(own);
	if (name && is_one_of_several(library, name))
		return name;
	free(name);
	return strdup(library);
}
