/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The launcher's abi.h: which library ld.so takes for which programs.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/command/abi.h"
#include "src/command/elf.h"

Test(abi, loaders_that_know_lib)
{
	static const struct {
		const char *loader;
		bool knows;
	} cases[] = {
		{"/lib64/ld-linux-x86-64.so.2", true},
		{"/lib/ld-linux.so.2", true},
		{"/lib/ld64.so.1", true},
		{"/lib/ld.so.1", true},
		{"/nix/store/x/lib/ld-linux-aarch64.so.1", true},
		{"/lib/ld-musl-x86_64.so.1", false},
		{"/lib/ld-uClibc.so.0", false},
		{"/ld-linux/other", false},
		{"/", false},
		{"", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(abi_knows_lib(cases[i].loader), cases[i].knows, "%s", cases[i].loader);
}

Test(abi, library_in_another_folder)
{
	static const struct {
		const char *library, *own, *other, *wanted;
	} cases[] = {
		{"/usr/lib64/" ABI_LIBRARY, "lib64", "lib", "/usr/lib/" ABI_LIBRARY},
		{"/usr/lib64/" ABI_LIBRARY, "lib64", "$LIB", "/usr/$LIB/" ABI_LIBRARY},
		{"/usr/lib/a-b-c/" ABI_LIBRARY, "lib/a-b-c", "lib32", "/usr/lib32/" ABI_LIBRARY},
		{"/lib64/" ABI_LIBRARY, "lib64", "lib", "/lib/" ABI_LIBRARY},
		/* Of which its loader says something else. */
		{"/usr/local/lib/" ABI_LIBRARY, "lib/a-b-c", "lib32", NULL},
		{"/usr/mylib64/" ABI_LIBRARY, "lib64", "lib", NULL},
		{"/usr/lib64/libsndtimeo.so", "lib64", "lib", NULL},
		{"/usr/lib64/" ABI_LIBRARY ".1", "lib64", "lib", NULL},
		{"lib64/" ABI_LIBRARY, "lib64", "lib", NULL},
		{"", "lib64", "lib", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *path = abi_in_folder(cases[i].library, cases[i].own, cases[i].other);

		if (cases[i].wanted && path)
			cr_expect_str_eq(path, cases[i].wanted);
		else
			cr_expect_eq(!path, !cases[i].wanted, "%s: %s", cases[i].library, path ? path : "none");
		free(path);
	}
}

/* What this machine's loader puts for $LIB; skips where it has no usual place. */
static char *own_lib(void)
{
	static struct elf own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	cr_assert(fd >= 0 && elf_read(fd, &own));
	close(fd);
	char *lib = abi_lib(own.interpreter);

	if (!lib)
		cr_skip_test("it is not known what '%s' puts for $LIB", own.interpreter);
	return lib;
}

Test(abi, lib_is_where_the_loader_is)
{
	char *lib = own_lib(), path[4096];

	cr_expect_neq(lib[0], '/');
	snprintf(path, sizeof path, "/usr/%s", lib);
	if (access(path, F_OK) != 0)
		snprintf(path, sizeof path, "/%s", lib);
	cr_expect(access(path, F_OK) == 0, "%s", path);
	cr_expect_null(abi_lib("/none/ld-linux.so.2"));
	cr_expect_null(abi_lib("/proc/self/exe"));
}

static char folder[] = "abi-test-XXXXXX";

static void remove_folder(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	cr_assert(system(command) == 0);
}

/* Make a library in @p lib of the folder. */
static char *make_library(const char *lib)
{
	char command[4096], *path;

	cr_assert(asprintf(&path, "%s/%s/" ABI_LIBRARY, folder, lib) >= 0);
	snprintf(command, sizeof command, "mkdir -p %s/%s/sndtimeo && : >%s", folder, lib, path);
	cr_assert(system(command) == 0);
	return path;
}

Test(abi, name_in_preload, .fini = remove_folder)
{
	char *lib = own_lib(), wanted[64], command[64];

	cr_assert(mkdtemp(folder));
	const char *library = make_library(lib);

	snprintf(wanted, sizeof wanted, "%s/$LIB/" ABI_LIBRARY, folder);
	/* The only one, by two names. */
	snprintf(command, sizeof command, "ln -s %s %s/libagain", lib, folder);
	cr_assert(system(command) == 0);
	cr_expect_str_eq(abi_name_in_preload(library), library);

	const char *beside = make_library(strcmp(lib, "lib32") == 0 ? "lib64" : "lib32");

	cr_expect_str_eq(abi_name_in_preload(library), wanted);
	cr_assert(unlink(beside) == 0);
	cr_expect_str_eq(abi_name_in_preload(library), library);
	make_library("lib/none-linux-gnu");
	cr_expect_str_eq(abi_name_in_preload(library), wanted);
	cr_expect_str_eq(abi_name_in_preload("/usr/local/nowhere/" ABI_LIBRARY), "/usr/local/nowhere/" ABI_LIBRARY);
}
