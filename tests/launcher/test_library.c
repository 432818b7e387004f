/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which library the command takes: its build tree's or the installed one, and no other.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#define INSTALLED LIBRARY_DIR "/libsndtimeo.so"

/* A folder with everything in it that must not be taken: a libsndtimeo.so, one in .libs and one in lib. */
static char folder[] = "launcher-test-XXXXXX";
static char *here;

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat file;

	cr_assert(in >= 0 && out >= 0 && fstat(in, &file) == 0);
	for (off_t left = file.st_size; left > 0;) {
		ssize_t count = sendfile(out, in, NULL, (size_t)left);

		cr_assert(count > 0);
		left -= count;
	}
	close(in);
	close(out);
}

static void make_folder(void)
{
	static const char *const folders[] = {".libs", "bin", "lib"};
	static const char *const libraries[] = {"libsndtimeo.so", ".libs/libsndtimeo.so", "lib/libsndtimeo.so",
	                                        "bin/libsndtimeo.so"};
	static const char *const programs[] = {"sndtimeo", ".libs/sndtimeo", "bin/sndtimeo"};
	char *working_directory = getcwd(NULL, 0);

	cr_assert(working_directory && mkdtemp(folder));
	here = text("%s/%s", working_directory, folder);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		cr_assert(mkdir(text("%s/%s", here, folders[i]), 0755) == 0);
	for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
		copy(needed("SNDTIMEO_TEST_LIBRARY"), text("%s/%s", here, libraries[i]));
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		copy(needed("SNDTIMEO_TEST_LAUNCHER"), text("%s/%s", here, programs[i]));
}

static void remove_folder(void)
{
	if (here)
		cr_assert(system(text("rm -rf '%s'", here)) == 0);
}

TestSuite(library, .init = make_folder, .fini = remove_folder);

Test(library, away_from_its_build_tree_it_is_the_installed_one)
{
	static const char *const programs[] = {"sndtimeo", ".libs/sndtimeo", "bin/sndtimeo"};
	static const char *const directories[] = {"", "bin", ".libs"};

	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		for (size_t j = 0; j < sizeof directories / sizeof directories[0]; j++) {
			const struct invocation how = {
				.program = text("%s/%s", here, programs[i]),
				.directory = text("%s/%s", here, directories[j]),
			};
			struct outcome outcome = run(&how, ARGUMENTS("--version"));

			cr_expect(strstr(outcome.out, "\nlibrary: " INSTALLED), "%s", outcome.out);
		}
	}
}

/* What is installed is another program, which knows of no build tree, even if it is run in one. */
Test(library, what_gets_installed_takes_the_installed_one)
{
	char *build_tree = strdup(needed("SNDTIMEO_TEST_LAUNCHER"));

	*strrchr(build_tree, '/') = '\0';
	const char *program = text("%s/launcher-test-installed-%d", build_tree, (int)getpid());

	copy(text("%s/installed/sndtimeo", build_tree), program);
	struct outcome outcome = run(&(struct invocation){.program = program, .directory = build_tree}, ARGUMENTS("--version"));

	unlink(program);
	cr_expect(strstr(outcome.out, "\nlibrary: " INSTALLED), "%s", outcome.out);
}

Test(library, missing_is_a_failure_that_names_it)
{
	if (access(INSTALLED, F_OK) == 0)
		cr_skip_test("sndtimeo is installed on this machine");
	const struct invocation how = {.program = text("%s/sndtimeo", here), .directory = here};
	struct outcome outcome = run(&how, ARGUMENTS("echo", "started"));

	cr_expect_eq(outcome.exit_status, 125);
	cr_expect_str_eq(outcome.err, "sndtimeo: " INSTALLED ": No such file or directory\n");
	cr_expect_str_empty(outcome.out);
	outcome = run(&how, ARGUMENTS("-V"));
	cr_expect(strstr(outcome.out, "\nlibrary: " INSTALLED ": No such file or directory\n"), "%s", outcome.out);
	cr_expect_eq(outcome.exit_status, 0);
}

Test(library, build_tree_is_known_by_any_name_and_from_anywhere)
{
	const char *link = text("%s/link", here);

	cr_assert(symlink(needed("SNDTIMEO_TEST_LAUNCHER"), link) == 0);
	const char *const programs[] = {NULL, link};

	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		const struct invocation how = {.program = programs[i], .directory = here};
		struct outcome outcome = run(&how, ARGUMENTS("sh", "-c", "printf %s \"$LD_PRELOAD\""));

		cr_expect_str_eq(outcome.out, needed("SNDTIMEO_TEST_LIBRARY"));
	}
}

Test(library, is_loaded)
{
	struct outcome outcome = run(&(struct invocation){0}, ARGUMENTS("cat", "/proc/self/maps"));
	/* The kernel knows it without symbolic links. */
	char *library = realpath(needed("SNDTIMEO_TEST_LIBRARY"), NULL);

	cr_assert(library);
	cr_expect(strstr(outcome.out, library), "%s", outcome.out);
}
