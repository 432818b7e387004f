/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The library as a file: what it exports, and that it fits into programs of any libc, or of none.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

static const char *file;

static void map_file(void)
{
	int fd = open(needed("SNDTIMEO_TEST_LIBRARY"), O_RDONLY | O_CLOEXEC);
	struct stat status;

	cr_assert(fd >= 0 && fstat(fd, &status) == 0);
	file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	cr_assert(file != MAP_FAILED);
	close(fd);
}

TestSuite(shared_object, .init = map_file);

/* Sanitizers and coverage come with libraries of their own, which need libc. */
static void skip_if_instrumented(void)
{
	if (strcmp(needed("SNDTIMEO_TEST_INSTRUMENTED"), "no") != 0)
		cr_skip_test("a library with a sanitizer or coverage needs others");
}

static const ElfW(Shdr) *section(unsigned index)
{
	const ElfW(Ehdr) *header = (const void *)file;

	cr_assert(index < header->e_shnum);
	return (const void *)(file + header->e_shoff + index * header->e_shentsize);
}

static const ElfW(Shdr) *section_of_type(unsigned type)
{
	unsigned index = 0;

	while (section(index)->sh_type != type)
		index++;
	return section(index);
}

struct symbols {
	const ElfW(Sym) *first, *end;
	const char *names;
};

static struct symbols dynamic_symbols(void)
{
	const ElfW(Shdr) *table = section_of_type(SHT_DYNSYM);
	const ElfW(Sym) *first = (const void *)(file + table->sh_offset);

	/* The first entry stands for "no symbol". */
	return (struct symbols){first + 1, first + table->sh_size / sizeof *first,
	                        file + section(table->sh_link)->sh_offset};
}

static int compare(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

Test(shared_object, exports_what_it_lists_and_nothing_else)
{
	struct symbols symbols = dynamic_symbols();
	const char *exported[200];
	size_t n = 0, most = sizeof exported / sizeof exported[0], length = 0;
	FILE *list = fopen(needed("SNDTIMEO_TEST_SYMBOLS"), "re");
	char *listed = NULL;

	for (const ElfW(Sym) *symbol = symbols.first; symbol < symbols.end && n < most; symbol++)
		/* On some processors ld lists sections, too. */
		if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL)
			exported[n++] = symbols.names + symbol->st_name;
	qsort(exported, n, sizeof exported[0], compare);

	cr_assert(list && n < most);
	for (size_t i = 0; i < n; i++) {
		ssize_t read = getline(&listed, &length, list);

		cr_assert(read > 0, "%s is not listed", exported[i]);
		listed[strcspn(listed, "\n")] = '\0';
		cr_assert_str_eq(exported[i], listed);
	}
	cr_expect(getline(&listed, &length, list) < 0, "%s is not exported", listed);
}

Test(shared_object, needs_no_library)
{
	const ElfW(Shdr) *table = section_of_type(SHT_DYNAMIC);
	const char *names = file + section(table->sh_link)->sh_offset;

	skip_if_instrumented();
	for (const ElfW(Dyn) *entry = (const void *)(file + table->sh_offset); entry->d_tag != DT_NULL; entry++)
		cr_expect(entry->d_tag != DT_NEEDED, "%s", names + entry->d_un.d_val);
}

Test(shared_object, needs_no_symbol)
{
	struct symbols symbols = dynamic_symbols();

	skip_if_instrumented();
	for (const ElfW(Sym) *symbol = symbols.first; symbol < symbols.end; symbol++)
		/* Where the type is, is the same in both classes. */
		cr_expect(symbol->st_shndx != SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) == STB_WEAK,
		          "src/base/optional.h lacks %s", symbols.names + symbol->st_name);
}

Test(shared_object, program_without_libc_runs)
{
	const char *bare = needed("SNDTIMEO_TEST_BARE");

	skip_if_instrumented();
	struct outcome alone = run(&(struct invocation){.program = bare}, ARGUMENTS(NULL));
	struct outcome under = run(&(struct invocation){0}, ARGUMENTS(bare));

	cr_assert(alone.signal != 0, "%d", alone.exit_status);
	cr_expect_eq(under.signal, alone.signal, "%d: %s", under.exit_status, under.err);
}

Test(shared_object, program_with_musl_is_limited)
{
	char program[] = "./musl-test-XXXXXX";
	int fd = mkostemp(program, O_CLOEXEC), error = 0;
	long took_ms = -1;

	skip_if_instrumented();
	cr_assert(fd >= 0 && close(fd) == 0);
	const char *source = text("%s/tests/launcher/musl.c", needed("SNDTIMEO_TEST_SRCDIR"));
	struct outcome compiled = run(&(struct invocation){.program = "/usr/bin/env"},
	                              ARGUMENTS("musl-gcc", "-o", program, source));

	if (compiled.exit_status == 127) {
		unlink(program);
		cr_skip_test("there is no musl-gcc (Debian, Ubuntu: musl-tools)");
	}
	cr_assert(compiled.exit_status == 0, "%s", compiled.err);
	struct outcome outcome = run(&(struct invocation){0}, ARGUMENTS("-s", "1", program));

	unlink(program);
	cr_assert(sscanf(outcome.out, "%d %ld", &error, &took_ms) == 2, "%s%s", outcome.out, outcome.err);
	cr_expect_eq(error, ETIMEDOUT, "%s", strerror(error));
	cr_expect(took_ms >= 950 && took_ms < 2000, "%ld ms", took_ms);
	cr_expect(strstr(outcome.err, "timed out after 1."), "%s", outcome.err);
}

/* AddressSanitizer ends a program in which its runtime is not the first library, and does not say what to do. */
Test(shared_object, program_with_address_sanitizer_is_limited)
{
	const char *source = text("%s/tests/launcher/musl.c", needed("SNDTIMEO_TEST_SRCDIR"));
	const char *order = "LD_PRELOAD=libasan.so.";
	char program[] = "./asan-test-XXXXXX";
	int fd = mkostemp(program, O_CLOEXEC), error = 0;
	long took_ms = -1;

	skip_if_instrumented();
	cr_assert(fd >= 0 && close(fd) == 0);
	struct outcome compiled = run(&(struct invocation){.program = "/usr/bin/env"},
	                              ARGUMENTS("gcc", "-fsanitize=address", "-o", program, source));
	struct outcome bare = run(&(struct invocation){.program = "/usr/bin/env"}, ARGUMENTS("timeout", "1", program));

	if (compiled.exit_status != 0 || bare.exit_status != 124) {
		unlink(program);
		cr_skip_test("there is no gcc with an AddressSanitizer that works here: %s%s", compiled.err, bare.err);
	}
	const struct invocation strict = {.environment = ARGUMENTS("ASAN_OPTIONS=verify_asan_link_order=1")};
	struct outcome check = run(&strict, ARGUMENTS("--check", program));
	struct outcome outcome = run(&strict, ARGUMENTS("--verbose", "-s", "1", program));

	unlink(program);
#ifdef __i386__
	cr_expect(strstr(check.out, "can be limited from outside: ") && strstr(check.out, "before the loader has bound it"), "%s", check.out);
	order = "";
#else
	cr_expect_eq(check.exit_status, 0);
	cr_expect(strstr(check.out, "asan-test-") && strstr(check.out, "can be limited; ") &&
	                  strstr(check.out, order) && strstr(check.out, needed("SNDTIMEO_TEST_LIBRARY")),
	          "%s", check.out);
#endif
	cr_expect(strstr(outcome.err, order), "%s", outcome.err);
	cr_assert(sscanf(outcome.out, "%d %ld", &error, &took_ms) == 2, "%s%s", outcome.out, outcome.err);
	cr_expect_eq(error, ETIMEDOUT, "%s", strerror(error));
	cr_expect(took_ms >= 950 && took_ms < 3000, "%ld ms", took_ms);
}
