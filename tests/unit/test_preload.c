/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The launcher's library_defect() and preload_with().
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/command/preload.h"

Test(preload, value)
{
	static const struct {
		const char *library;
		const char *old;
		const char *wanted;
	} cases[] = {
		{"/l.so", NULL, "/l.so"},
		{"/l.so", "", "/l.so"},
		{"/l.so", "/m.so", "/l.so:/m.so"},
		{"/l.so", "/m.so:/n.so", "/l.so:/m.so:/n.so"},
		{"/l.so", "/l.so", "/l.so"},
		{"/l.so", "/l.so:/m.so", "/l.so:/m.so"},
		{"/l.so", "/l.so /m.so", "/l.so /m.so"},
		{"/l.so", "/l.so.1", "/l.so:/l.so.1"},
		{"/l.so", "/l.s", "/l.so:/l.s"},
		{"/l.so", "/m.so:/l.so", "/l.so:/m.so:/l.so"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *value = preload_with(cases[i].library, cases[i].old);

		cr_expect_str_eq(value, cases[i].wanted);
		free(value);
	}
}

Test(preload, paths_that_ld_preload_cannot_hold)
{
	static const struct {
		const char *path;
		const char *why; /* part of it */
	} cases[] = {
		{"/a b/l.so", "a blank or a colon"},
		{"/a:b/l.so", "a blank or a colon"},
		{"/a\tb/l.so", "a blank or a colon"},
		{"/a\nb/l.so", "a blank or a colon"},
		{"/$LIB/l.so", "a $"},
		{"/${ORIGIN}/l.so", "a $"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *why = library_defect(cases[i].path);

		cr_expect(why && strstr(why, cases[i].why), "%s: %s", cases[i].path, why ? why : "good");
	}
}

Test(preload, files)
{
	char directory[] = "preload-test-XXXXXX", fifo[64], file[64];

	cr_assert(mkdtemp(directory));
	snprintf(fifo, sizeof fifo, "%s/fifo", directory);
	snprintf(file, sizeof file, "%s/file", directory);
	cr_expect_str_eq(library_defect(file), strerror(ENOENT));
	cr_expect_str_eq(library_defect(directory), "not a file");
	cr_assert(mkfifo(fifo, 0600) == 0);
	cr_expect_str_eq(library_defect(fifo), "not a file");
	cr_assert(mknod(file, S_IFREG | 0600, 0) == 0);
	cr_expect_null(library_defect(file));
	cr_assert(chmod(file, 0) == 0);
	if (geteuid() != 0)
		cr_expect_str_eq(library_defect(file), strerror(EACCES));
	unlink(file);
	unlink(fifo);
	rmdir(directory);
}
