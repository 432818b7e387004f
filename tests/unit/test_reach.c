/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The launcher's reach_of(), on programs that are made here byte by byte and never run.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "src/command/reach.h"

#define NOBODY 65534
#define COMMAND(...) ((char *const[]){__VA_ARGS__, NULL})

/* Every test is in a folder of its own, with ./lib.so for a library and ./dynamic, ./static and bin/env for programs,
 * all of them for the same machine, whichever this one is. */
static char folder[] = "reach-test-XXXXXX";

/* ---- ELF files --------------------------------------------------------------------------------------------------- */

/* All zero: a statically linked program for x86-64. */
struct specimen {
	bool is_32_bit;
	bool is_big_endian;
	uint16_t machine;
	uint16_t type;           /* 0: ET_EXEC */
	const char *interpreter; /* NULL: none, as for the others */
	const char *note;        /* the name of one */
	const char *section;
	const char *soname;
	const char *needed; /* the name of a library, after another */
};

struct image {
	bool is_32_bit;
	bool is_big_endian;
	size_t size;
	unsigned char bytes[4096];
};

static void put(struct image *image, size_t offset, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		image->bytes[offset + (image->is_big_endian ? size - 1 - i : i)] = (unsigned char)(value >> (8 * i));
	if (image->size < offset + size)
		image->size = offset + size;
}

#define SIZE_OF(image, type) ((image)->is_32_bit ? sizeof(Elf32_##type) : sizeof(Elf64_##type))
#define PUT(image, type, member, offset, value)                                                                   \
	((image)->is_32_bit                                                                                       \
	         ? put(image, (offset) + offsetof(Elf32_##type, member), value, sizeof((Elf32_##type){0}.member)) \
	         : put(image, (offset) + offsetof(Elf64_##type, member), value, sizeof((Elf64_##type){0}.member)))

/* Where it is put. The NUL counts. */
static size_t append(struct image *image, const char *string)
{
	const size_t offset = (image->size + 7) / 8 * 8;

	memcpy(image->bytes + offset, string, strlen(string) + 1);
	image->size = offset + strlen(string) + 1;
	return offset;
}

static void put_segment(struct image *image, unsigned index, uint32_t type, uint64_t offset, uint64_t size)
{
	const size_t at = SIZE_OF(image, Ehdr) + index * SIZE_OF(image, Phdr);

	PUT(image, Phdr, p_type, at, type);
	PUT(image, Phdr, p_offset, at, offset);
	PUT(image, Phdr, p_vaddr, at, offset);
	PUT(image, Phdr, p_filesz, at, size);
	PUT(image, Phdr, p_align, at, 4);
}

static void put_header(struct image *image, const struct specimen *specimen)
{
	memcpy(image->bytes, ELFMAG, SELFMAG);
	image->bytes[EI_CLASS] = specimen->is_32_bit ? ELFCLASS32 : ELFCLASS64;
	image->bytes[EI_DATA] = specimen->is_big_endian ? ELFDATA2MSB : ELFDATA2LSB;
	image->bytes[EI_VERSION] = EV_CURRENT;
	PUT(image, Ehdr, e_type, 0, specimen->type ? specimen->type : ET_EXEC);
	PUT(image, Ehdr, e_machine, 0, specimen->machine ? specimen->machine : EM_X86_64);
	PUT(image, Ehdr, e_phoff, 0, SIZE_OF(image, Ehdr));
	PUT(image, Ehdr, e_phentsize, 0, SIZE_OF(image, Phdr));
	PUT(image, Ehdr, e_phnum, 0, 4);
	PUT(image, Ehdr, e_shentsize, 0, SIZE_OF(image, Shdr));
	image->size = SIZE_OF(image, Ehdr) + 4 * SIZE_OF(image, Phdr);
}

static void put_note(struct image *image, const char *name)
{
	const size_t at = append(image, "");

	PUT(image, Nhdr, n_namesz, at, 4); /* one of another kind before it */
	PUT(image, Nhdr, n_descsz, at, 5);
	memcpy(image->bytes + at + sizeof(Elf64_Nhdr), "GNU", 4);
	PUT(image, Nhdr, n_namesz, at + 24, strlen(name) + 1);
	PUT(image, Nhdr, n_descsz, at + 24, 1);
	memcpy(image->bytes + at + 36, name, strlen(name) + 1);
	image->size = at + 48;
	put_segment(image, 1, PT_NOTE, at, 48);
}

static void put_soname(struct image *image, const char *soname)
{
	const size_t name = append(image, soname), at = append(image, ""), size = SIZE_OF(image, Dyn);

	PUT(image, Dyn, d_tag, at, DT_SONAME);
	PUT(image, Dyn, d_un, at, name - 100);
	PUT(image, Dyn, d_tag, at + size, DT_STRTAB);
	PUT(image, Dyn, d_un, at + size, 100);
	PUT(image, Dyn, d_un, at + 2 * size, 0);
	put_segment(image, 2, PT_DYNAMIC, at, 3 * size);
}

static void put_needed(struct image *image, const char *needed)
{
	const size_t other = append(image, "libc.so.6"), name = append(image, needed), at = append(image, "");
	const size_t size = SIZE_OF(image, Dyn);

	PUT(image, Dyn, d_tag, at, DT_NEEDED);
	PUT(image, Dyn, d_un, at, other - 100);
	PUT(image, Dyn, d_tag, at + size, DT_NEEDED);
	PUT(image, Dyn, d_un, at + size, name - 100);
	PUT(image, Dyn, d_tag, at + 2 * size, DT_STRTAB);
	PUT(image, Dyn, d_un, at + 2 * size, 100);
	PUT(image, Dyn, d_un, at + 3 * size, 0);
	put_segment(image, 2, PT_DYNAMIC, at, 4 * size);
}

static void put_section(struct image *image, const char *name)
{
	const size_t names = append(image, name), at = append(image, ""), size = SIZE_OF(image, Shdr);

	PUT(image, Shdr, sh_offset, at + 2 * size, names - 1);
	PUT(image, Shdr, sh_name, at + size, 1);
	PUT(image, Shdr, sh_entsize, at + 2 * size, 0);
	PUT(image, Ehdr, e_shoff, 0, at);
	PUT(image, Ehdr, e_shnum, 0, 3);
	PUT(image, Ehdr, e_shstrndx, 0, 2);
}

static struct image make(const struct specimen *specimen)
{
	struct image image = {.is_32_bit = specimen->is_32_bit, .is_big_endian = specimen->is_big_endian};

	put_header(&image, specimen);
	if (specimen->note)
		put_note(&image, specimen->note);
	if (specimen->soname)
		put_soname(&image, specimen->soname);
	if (specimen->needed)
		put_needed(&image, specimen->needed);
	if (specimen->section)
		put_section(&image, specimen->section);
	put_segment(&image, 3, PT_LOAD, 0, sizeof image.bytes);
	/* Last, so that nothing can be cut off without harm. */
	if (specimen->interpreter) {
		const size_t at = append(&image, specimen->interpreter);

		put_segment(&image, 0, PT_INTERP, at, image.size - at);
	}
	return image;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
	unlink(name); /* a new file is written faster than an old one anew, which some file systems flush */
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fchmod(fd, 0755) == 0, "%s", name);
	close(fd);
}

static void write_program(const char *name, const struct specimen *specimen)
{
	const struct image image = make(specimen);

	write_file(name, image.bytes, image.size);
}

static void write_script(const char *name, const char *content)
{
	write_file(name, content, strlen(content));
}

/* The loader has to be there, and that is all that is asked of it. */
static const struct specimen dynamic = {.interpreter = "/"};

static void make_folder(void)
{
	cr_assert(mkdtemp(folder) && chmod(folder, 0755) == 0 && chdir(folder) == 0 && mkdir("bin", 0755) == 0);
	write_program("lib.so", &(struct specimen){.type = ET_DYN});
	write_program("dynamic", &dynamic);
	write_program("bin/env", &dynamic);
	write_program("static", &(struct specimen){0});
}

static void remove_folder(void)
{
	char command[64];

	setenv("PATH", "/usr/bin:/bin", 1); /* the tests have others */
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	cr_assert(chdir("..") == 0 && system(command) == 0);
}

TestSuite(reach, .init = make_folder, .fini = remove_folder);

/* ---- what is expected -------------------------------------------------------------------------------------------- */

static const char *shown(const char *string)
{
	return string ? string : "(nothing)";
}

/* @p part has to be in the reason; NULL: there is none. @p end: the chain ends with it. */
static void expect(struct finding finding, enum reach reach, const char *part, const char *end)
{
	const size_t length = strlen(finding.chain), end_length = strlen(end);

	cr_expect_eq(finding.reach, reach, "%s: %d: %s", finding.chain, (int)finding.reach, shown(finding.why));
	if (part)
		cr_expect(finding.why && strstr(finding.why, part), "%s: %s", finding.chain, shown(finding.why));
	else
		cr_expect_null(finding.why, "%s: %s", finding.chain, shown(finding.why));
	cr_expect_eq(!finding.advice, reach != NOT_REACHED, "%s: %s", finding.chain, shown(finding.advice));
	cr_expect(length >= end_length && strcmp(finding.chain + length - end_length, end) == 0, "%s, not %s",
	          finding.chain, end);
	finding_free(&finding);
}

static void expect_reached(char *const *command, const char *end)
{
	expect(reach_of("lib.so", command), REACHED, NULL, end);
}

static void expect_not(char *const *command, const char *part)
{
	expect(reach_of("lib.so", command), NOT_REACHED, part, "");
}

static void expect_unknown(char *const *command, const char *part)
{
	expect(reach_of("lib.so", command), CANNOT_TELL, part, "");
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

Test(reach, programs)
{
	static const struct {
		struct specimen specimen;
		enum reach reach;
		const char *part;
	} cases[] = {
		{{0}, NOT_REACHED, "'./program' is statically linked, so "},
		{{.type = ET_DYN}, NOT_REACHED, "'./program' is statically linked, so "},
		{{.interpreter = "/"}, REACHED, NULL},
		{{.interpreter = "/", .type = ET_DYN}, REACHED, NULL},
		{{.interpreter = "/none"}, CANNOT_TELL, "its loader '/none' is missing"},
		{{.interpreter = ""}, CANNOT_TELL, "damaged"},
		{{.interpreter = "/", .type = ET_REL}, CANNOT_TELL, "damaged"},
		{{.interpreter = "/", .is_32_bit = true}, NOT_REACHED, "is a 32-bit program, the library is 64-bit"},
		{{.interpreter = "/", .is_32_bit = true, .machine = EM_386}, NOT_REACHED, "is a 32-bit program"},
		{{.interpreter = "/", .is_32_bit = true, .machine = EM_ARM},
	         NOT_REACHED,
	         "(ARM) than the library (x86-64)"},
		{{.machine = EM_AARCH64}, NOT_REACHED, "is for another machine (AArch64) than the library (x86-64)"},
		{{.machine = 54321}, NOT_REACHED, "(ELF machine 54321) than the library"},
		{{.is_big_endian = true, .machine = EM_S390}, NOT_REACHED, "(S/390) than the library"},
		{{.is_big_endian = true}, NOT_REACHED, "is a big-endian program, the library is little-endian"},
		{{.note = "Go"}, NOT_REACHED, "is a Go program, which calls the kernel itself and not libc"},
		{{.note = "Go", .interpreter = "/"}, NOT_REACHED, "is a Go program"},
		{{.note = "Gox", .interpreter = "/"}, REACHED, NULL},
		{{.section = ".go.buildinfo", .interpreter = "/"}, NOT_REACHED, "is a Go program"},
		{{.section = ".note.go.buildid", .interpreter = "/"}, NOT_REACHED, "is a Go program"},
		{{.section = ".note.go.build", .interpreter = "/"}, REACHED, NULL},
		{{.soname = "ld-linux-x86-64.so.2", .type = ET_DYN}, REACHED, NULL},
		{{.soname = "ld-linux-x86-64.so.2"}, NOT_REACHED, "is statically linked"},
		{{.soname = "libexample.so", .type = ET_DYN}, NOT_REACHED, "is statically linked"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_program("program", &cases[i].specimen);
		expect(reach_of("lib.so", COMMAND("./program")), cases[i].reach, cases[i].part, "./program");
	}
}

Test(reach, the_library_says_what_it_is_for)
{
	const struct specimen kinds[] = {
		{.interpreter = "/", .machine = EM_S390, .is_big_endian = true},
		{.interpreter = "/", .machine = EM_ARM, .is_32_bit = true},
		{.interpreter = "/", .machine = EM_PPC, .is_32_bit = true, .is_big_endian = true, .soname = "l"},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		write_program("program", &kinds[i]);
		expect(reach_of("program", COMMAND("./program")), REACHED, NULL, "./program");
		expect(reach_of("program", COMMAND("./dynamic")), NOT_REACHED, "", "./dynamic");
	}
	expect(reach_of("none", COMMAND("./dynamic")), CANNOT_TELL, "'none' is not a library", "");
	expect(reach_of("bin", COMMAND("./dynamic")), CANNOT_TELL, "'bin' is not a library", "");
}

/* Nothing but a name may get into LD_PRELOAD. */
Test(reach, runtime_of_a_sanitizer)
{
#define FIFTY "01234567890123456789012345678901234567890123456789"
	static const struct {
		struct specimen specimen;
		const char *runtime;
	} cases[] = {
		{{.interpreter = "/", .needed = "libasan.so.8"}, "libasan.so.8"},
		{{.interpreter = "/", .needed = "libasan.so"}, "libasan.so"},
		{{.interpreter = "/", .needed = "libclang_rt.asan-x86_64.so"}, "libclang_rt.asan-x86_64.so"},
		{{.interpreter = "/", .needed = "libclang_rt.asan.so"}, "libclang_rt.asan.so"},
		{{.interpreter = "/", .needed = "libasan.so.8:/tmp/other.so"}, NULL},
		{{.interpreter = "/", .needed = "libasan.so.8 other.so"}, NULL},
		{{.interpreter = "/", .needed = "libasan.so.8\n"}, NULL},
		{{.interpreter = "/", .needed = "libasan.so.$LIB"}, NULL},
		{{.interpreter = "/", .needed = "libasan.so/other.so"}, NULL},
		{{.interpreter = "/", .needed = "./libasan.so.8"}, NULL},
		{{.interpreter = "/", .needed = "libasan.so.\xc3\xa4"}, NULL},
		{{.interpreter = "/", .needed = "libasan.so.89" FIFTY}, "libasan.so.89" FIFTY},
		{{.interpreter = "/", .needed = "libasan.so.890" FIFTY}, NULL}, /* as long as nobody's is */
		{{.interpreter = "/", .needed = "libasan.so.890" FIFTY FIFTY}, NULL},
		/* They find no fault with what is before them. */
		{{.interpreter = "/", .needed = "libtsan.so.2"}, NULL},
		{{.interpreter = "/", .needed = "libubsan.so.1"}, NULL},
		{{.interpreter = "/", .needed = "libexample.so"}, NULL},
		{{.interpreter = "/"}, NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_program("program", &cases[i].specimen);
		struct finding finding = reach_of("lib.so", COMMAND("./bin/env", "A=1", "./program"));

		cr_expect_eq(finding.reach, REACHED, "%zu: %s", i, shown(finding.why));
		cr_expect(finding.runtime && cases[i].runtime ? strcmp(finding.runtime, cases[i].runtime) == 0
		                                              : finding.runtime == cases[i].runtime,
		          "%zu: %s", i, shown(finding.runtime));
		finding_free(&finding);
		cr_expect_null(finding.runtime);
	}
}

Test(reach, cut_off_anywhere)
{
	const struct image image = make(&(struct specimen){.interpreter = "/", .note = "GNU", .soname = "l"});

	for (size_t size = SELFMAG; size < image.size; size++) {
		write_file("program", image.bytes, size);
		expect_unknown(COMMAND("./program"), "is a damaged ELF file");
	}
	write_file("program", image.bytes, image.size);
	expect_reached(COMMAND("./program"), "./program");
}

/* In lengths, counts and offsets alike. Whether anything is read beyond its end is for the sanitizers to say. */
Test(reach, anything_may_be_wrong_anywhere)
{
	static const struct specimen specimens[] = {
		{.interpreter = "/", .note = "Gone", .section = ".text"},
		{.soname = "ld-none", .type = ET_DYN, .note = "Gone", .section = ".text"},
		{.soname = "ld-none", .type = ET_DYN, .note = "Gone", .section = ".text", .is_32_bit = true},
		{.interpreter = "/", .needed = "libasan.so.8"},
	};
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

	for (size_t i = 0; i < sizeof specimens / sizeof specimens[0]; i++) {
		const struct image good = make(&specimens[i]);

		for (size_t at = 0; at < good.size * sizeof values; at++) {
			struct image bad = good;

			bad.bytes[at / sizeof values] = values[at % sizeof values];
			write_file("program", bad.bytes, bad.size);
			struct finding finding = reach_of("lib.so", COMMAND("./program"));

			cr_expect_eq(!finding.why, finding.reach == REACHED);
			finding_free(&finding);
		}
	}
}

Test(reach, the_loaders_name_is_a_string)
{
	struct image image = make(&(struct specimen){.interpreter = "//"});

	put_segment(&image, 0, PT_INTERP, image.size - 2, 1);
	write_file("program", image.bytes, image.size);
	expect_unknown(COMMAND("./program"), "damaged");
	put_segment(&image, 0, PT_INTERP, image.size - 3, 2); /* without its NUL */
	write_file("program", image.bytes, image.size);
	expect_unknown(COMMAND("./program"), "damaged");
	put_segment(&image, 0, PT_INTERP, 0, UINT32_MAX);
	write_file("program", image.bytes, image.size);
	expect_unknown(COMMAND("./program"), "damaged");
}

Test(reach, counts_are_bounded)
{
	struct image image = make(&(struct specimen){.interpreter = "/", .section = ".text"});
	struct timespec start, end;

	PUT(&image, Ehdr, e_shnum, 0, 0xffff);
	PUT(&image, Ehdr, e_shstrndx, 0, 0xfffe);
	write_file("program", image.bytes, image.size);
	cr_assert(truncate64("program", INT64_C(1) << 40) == 0 || truncate("program", 1 << 30) == 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	expect_reached(COMMAND("./program"), "./program");
	clock_gettime(CLOCK_MONOTONIC, &end);
	cr_expect(end.tv_sec - start.tv_sec < 10);
	PUT(&image, Ehdr, e_phnum, 0, 0xffff);
	write_file("program", image.bytes, image.size);
	expect_unknown(COMMAND("./program"), "damaged");
	PUT(&image, Ehdr, e_phnum, 0, 0);
	write_file("program", image.bytes, image.size);
	expect_unknown(COMMAND("./program"), "damaged");
}

Test(reach, foreign_names_stay_on_one_line)
{
	write_program("a\nb\033\303\244c", &(struct specimen){0});
	struct finding finding = reach_of("lib.so", COMMAND("./a\nb\033\303\244c"));

	cr_expect_str_eq(finding.file, "./a\nb\033\303\244c");
	cr_expect_str_eq(finding.chain, "./a?b???c");
	cr_expect(finding.why && strncmp(finding.why, "'./a?b???c' is statically", 25) == 0, "%s", shown(finding.why));
	finding_free(&finding);
}

/* ---- finding them ------------------------------------------------------------------------------------------------ */

Test(reach, is_found_as_execvp_does)
{
	cr_assert(mkdir("one", 0755) == 0 && mkdir("one/program", 0755) == 0 && mkdir("two", 0755) == 0 &&
	          mkdir("three", 0755) == 0);
	write_program("two/program", &(struct specimen){0});
	cr_assert(chmod("two/program", 0644) == 0);
	write_program("three/program", &dynamic);
	setenv("PATH", "none:one:two:three:bin", 1);
	expect_reached(COMMAND("program"), "three/program");
	setenv("PATH", "one:two", 1);
	expect_unknown(COMMAND("program"), "'program' cannot be run: Permission denied");
	setenv("PATH", "none", 1);
	expect_unknown(COMMAND("program"), "'program' cannot be run: No such file");
	expect_unknown(COMMAND("dynamic"), "No such file");
	/* An empty one is the current folder. */
	for (char *const *path = COMMAND(":none", "none::none", "none:", ""); *path; path++) {
		setenv("PATH", *path, 1);
		expect_reached(COMMAND("dynamic"), "dynamic");
	}
	expect_unknown(COMMAND(""), "'' cannot be run");
	expect_unknown(COMMAND("./two/program"), "'./two/program' cannot be run: Permission denied");
	cr_assert(symlink("static", "link") == 0);
	expect_not(COMMAND("./link"), "'./link' is statically linked");
}

Test(reach, never_waits)
{
	cr_assert(mkfifo("fifo", 0755) == 0);
	alarm(10);
	expect_unknown(COMMAND("./fifo"), "cannot be run");
	expect_unknown(COMMAND("/dev/zero"), "cannot be run");
	expect_unknown(COMMAND("./bin"), "cannot be run");
	expect(reach_of("fifo", COMMAND("./dynamic")), CANNOT_TELL, "is not a library", "");
	write_script("script", "#!./fifo\n");
	expect_unknown(COMMAND("./script"), "'./fifo' cannot be run");
}

/* ---- scripts ----------------------------------------------------------------------------------------------------- */

Test(reach, scripts)
{
	static const struct {
		const char *content;
		enum reach reach;
		const char *part;
		const char *end;
	} cases[] = {
		{"#!./dynamic\n", REACHED, NULL, "./script -> ./dynamic"},
		{"#!./dynamic", REACHED, NULL, "./script -> ./dynamic"},
		{"#! \t ./dynamic \t\nbin/none", REACHED, NULL, "./script -> ./dynamic"},
		{"#!./dynamic an argument \n", REACHED, NULL, "./script -> ./dynamic"},
		{"#!./static\n", NOT_REACHED, "'./static' is statically linked", "./script -> ./static"},
		{"#!./none\n", CANNOT_TELL, "'./none' cannot be run: No such file", "./script"},
		{"#!./dynamic\r\n", CANNOT_TELL, "'./dynamic?' cannot be run", "./script"},
		/* Not looked for in PATH. */
		{"#!dynamic\n", REACHED, NULL, "./script -> dynamic"},
		{"#!env\n", CANNOT_TELL, "'env' cannot be run", "./script"},
		{"#!bin/env dynamic\n", REACHED, NULL, "./script -> bin/env -> ./dynamic"},
		/* One argument, blanks and all. */
		{"#!bin/env dynamic -x \n", CANNOT_TELL, "'dynamic -x' cannot be run", "./script -> bin/env"},
		{"#!bin/env -S  dynamic\t-x\n", REACHED, NULL, "./script -> bin/env -> ./dynamic"},
		/* Without a PATH, the current folder is not looked in. */
		{"#!bin/env -S -i dynamic\n", CANNOT_TELL, "'dynamic' cannot be run", "./script -> bin/env"},
		{"#!bin/env -S -i ./dynamic\n", NOT_REACHED, "'env -i' takes LD_PRELOAD away from './dynamic'",
	         "dynamic"},
		{"#!bin/env -iS ./dynamic\n", NOT_REACHED, "'env -i' takes LD_PRELOAD away from './dynamic'",
	         "dynamic"},
		{"#!bin/env -S A=1 'dynamic' -x\n", REACHED, NULL, "./script -> bin/env -> ./dynamic"},
		{"#!bin/env -S -C .. ./dynamic\n", CANNOT_TELL, "'./dynamic' cannot be run", "./script -> bin/env"},
	};

	setenv("PATH", ".", 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_script("script", cases[i].content);
		expect(reach_of("lib.so", COMMAND("./script", "one")), cases[i].reach, cases[i].part, cases[i].end);
	}
}

Test(reach, long_first_lines)
{
	char line[512];

	cr_assert(symlink("dynamic", "d") == 0);
	memset(line, '/', sizeof line);
	memcpy(line, "#!.", 3);
	/* 256 bytes count: a name that ends within them, with a newline or a blank, is whole. */
	for (size_t length = 250; length < 260; length++) {
		for (const char *end = "\n "; *end; end++) {
			char script[sizeof line + 16];

			snprintf(script, sizeof script, "%.*sd%cx\n", (int)length, line, *end);
			write_script("script", script);
			struct finding finding = reach_of("lib.so", COMMAND("./script"));

			/* The kernel refuses it otherwise, and the shell runs it. */
			cr_expect_eq(!strstr(finding.chain, "/bin/sh"), length + 1 <= 255, "%zu %c: %s", length, *end,
			             finding.chain);
			finding_free(&finding);
		}
	}
}

Test(reach, text_is_for_the_shell)
{
	static const char *const texts[] = {"", "echo\n", "#!\n", "#! \t", "\177EL"};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		write_script("script", texts[i]);
		struct finding finding = reach_of("lib.so", COMMAND("./script"));

		cr_expect(strncmp(finding.chain, "./script -> /bin/sh", 19) == 0, "%s", finding.chain);
		finding_free(&finding);
	}
	write_file("script", "MZ\0\1", 4);
	expect_unknown(COMMAND("./script"), "is neither a program nor a script");
}

Test(reach, scripts_of_scripts_have_an_end)
{
	write_script("s1", "#!./dynamic\n");
	write_script("s2", "#!./s1\n");
	write_script("s3", "#!./s2\n");
	write_script("s4", "#!./s3\n");
	write_script("s5", "#!./s4\n");
	write_script("s6", "#!./s5\n");
	expect_reached(COMMAND("./s5"), "./s5 -> ./s4 -> ./s3 -> ./s2 -> ./s1 -> ./dynamic");
	expect_unknown(COMMAND("./s6"), "'./s1' cannot be run: too many scripts");
	write_script("loop", "#!./loop\n");
	expect_unknown(COMMAND("./loop"), "too many scripts");
	write_script("loop", "#!bin/env ./loop\n");
	expect_unknown(COMMAND("./loop"), "leads back to itself");
	write_script("loop", "#!bin/env -S -S -S\n");
	expect_unknown(COMMAND("./loop"), "");
	/* env starts them anew. */
	write_script("s6", "#!bin/env ./s5\n");
	expect_reached(COMMAND("./s6"), " -> ./dynamic");
}

/* ---- env --------------------------------------------------------------------------------------------------------- */

Test(reach, env_that_leaves_the_library_alone)
{
	setenv("PATH", "bin", 1);
	cr_assert(mkdir("d", 0755) == 0);
	write_program("d/other", &dynamic);
	expect_reached(COMMAND("env"), "bin/env");
	expect_reached(COMMAND("env", "-i"), "bin/env");
	expect_reached(COMMAND("env", "-u", "LD_PRELOAD", "A=1"), "bin/env");
	expect_reached(COMMAND("env", "--help", "./static"), "bin/env");
	expect_reached(COMMAND("env", "./dynamic", "-i"), "bin/env -> ./dynamic");
	expect_reached(COMMAND("env", "-u", "A", "-uB", "--unset=C", "--unset", "D", "-v", "-0", "A=1", "./dynamic"),
	               "bin/env -> ./dynamic");
	expect_reached(COMMAND("env", "--default-signal", "--ignore-signal=PIPE", "--", "./dynamic"), " -> ./dynamic");
	expect_reached(COMMAND("env", "PATH=d", "other"), " -> d/other");
	expect_reached(COMMAND("env", "-C", "d", "./other"), " -> d/./other");
	expect_reached(COMMAND("env", "--chdir=bin", "PATH=../d", "other"), " -> bin/../d/other");
	expect_reached(COMMAND("env", "-C", "d", "../bin/env", "-C..", "./dynamic"), " -> d/.././dynamic");
	expect_reached(COMMAND("env", "env", "env", "./dynamic"), "bin/env -> bin/env -> bin/env -> ./dynamic");
	expect_reached(COMMAND("env", "LD_PRELOAD=a.so:lib.so", "./dynamic"), " -> ./dynamic");
	expect_reached(COMMAND("env", "-i", "LD_PRELOAD=lib.so b.so", "./dynamic"), " -> ./dynamic");
	expect_reached(COMMAND("env", "-i", "bin/env", "LD_PRELOAD=lib.so", "./dynamic"), " -> ./dynamic");
}

Test(reach, env_that_takes_it_away)
{
	setenv("PATH", "bin", 1);
	expect_not(COMMAND("env", "-i", "./dynamic"), "'env -i' takes LD_PRELOAD away from './dynamic'");
	expect_not(COMMAND("env", "-", "./dynamic"), "'env -i' takes");
	expect_not(COMMAND("env", "-vi", "./dynamic"), "'env -i' takes");
	expect_not(COMMAND("env", "--", "-", "./dynamic"), "'env -i' takes");
	expect_not(COMMAND("env", "--ignore-env", "./dynamic"), "'env -i' takes");
	expect_not(COMMAND("env", "-u", "LD_PRELOAD", "./dynamic"), "'env -u LD_PRELOAD' takes");
	expect_not(COMMAND("env", "--unset=LD_PRELOAD", "./dynamic"), "'env -u LD_PRELOAD' takes");
	expect_not(COMMAND("env", "LD_PRELOAD=", "./dynamic"), "'env LD_PRELOAD=' takes");
	expect_not(COMMAND("env", "LD_PRELOAD=a.so:lib.so.1", "./dynamic"), "'env LD_PRELOAD=' takes");
	expect_not(COMMAND("env", "-i", "bin/env", "./dynamic"), "'env -i' takes LD_PRELOAD away from './dynamic'");
	expect_not(COMMAND("env", "./static"), "'./static' is statically linked");
}

Test(reach, env_splits_strings)
{
	setenv("PATH", "bin", 1);
	expect_reached(COMMAND("env", "-S", "  ./dynamic\t'-i' "), " -> ./dynamic");
	expect_reached(COMMAND("env", "-vS./dynamic"), " -> ./dynamic");
	expect_reached(COMMAND("env", "--split-string=./dyn\"am\"'ic'"), " -> ./dynamic");
	expect_reached(COMMAND("env", "-S", "A='$b' B=\"'\" # ./static", "./dynamic"), " -> ./dynamic");
	expect_reached(COMMAND("env", "-S", "", "./dynamic"), " -> ./dynamic");
	expect_reached(COMMAND("env", "-S", "-S ./dynamic"), " -> ./dynamic");
	expect_not(COMMAND("env", "-S", "-i -v", "./dynamic"), "'env -i' takes");
	expect_not(COMMAND("env", "-S", "-u LD_PRELOAD ./dynamic"), "'env -u LD_PRELOAD' takes");
	expect_unknown(COMMAND("env", "-S", "./none#./dynamic"), "'./none#./dynamic' cannot be run");
	expect_unknown(COMMAND("env", "-S", "'' ./dynamic"), "'' cannot be run");
	expect_unknown(COMMAND("env", "-S", "${A} ./dynamic"), "is not understood");
	expect_unknown(COMMAND("env", "-S", "./dynami\\c"), "is not understood");
	expect_unknown(COMMAND("env", "-S", "'./dynamic"), "is not understood");
	expect_unknown(COMMAND("env", "--none", "./dynamic"), "is not understood");
	expect_unknown(COMMAND("env", "-u"), "is not understood");
}

Test(reach, env_itself)
{
	write_program("bin/env", &(struct specimen){0});
	expect_not(COMMAND("bin/env"), "'bin/env' is statically linked");
	expect_not(COMMAND("bin/env", "-i", "A=1"), "'bin/env' is statically linked");
	/* It hands LD_PRELOAD on. */
	expect_reached(COMMAND("bin/env", "./dynamic"), "bin/env -> ./dynamic");
	write_script("bin/env", "#!./static\n");
	expect_not(COMMAND("bin/env", "./dynamic"), "'./static' is statically linked");
	cr_assert(unlink("bin/env") == 0 && symlink("../dynamic", "bin/env") == 0);
	expect_not(COMMAND("bin/env", "-i", "./dynamic"), "'env -i' takes");
	cr_assert(symlink("bin/env", "other") == 0);
	expect_reached(COMMAND("./other", "-i", "./static"), "./other");
}

Test(reach, getopt_is_left_as_it_was)
{
	optind = 7;
	opterr = 1;
	expect_not(COMMAND("bin/env", "-i", "./dynamic"), "env -i");
	cr_expect_eq(optind, 7);
	cr_expect_eq(opterr, 1);
}

/* ---- the loader as a command ------------------------------------------------------------------------------------- */

Test(reach, loaders_run_programs)
{
	write_program("loader", &(struct specimen){.type = ET_DYN, .soname = "ld-linux-x86-64.so.2"});
	write_program("ld-musl-x86_64.so.1", &(struct specimen){.type = ET_DYN});
	expect_reached(COMMAND("./loader"), "./loader");
	expect_reached(COMMAND("./loader", "--version"), "./loader");
	for (char *const *loader = COMMAND("./loader", "./ld-musl-x86_64.so.1"); *loader; loader++) {
		expect_reached(COMMAND(*loader, "./dynamic", "./static"), " -> ./dynamic");
		expect_reached(COMMAND(*loader, "--argv0", "./static", "--preload=x", "./dynamic"), " -> ./dynamic");
		expect_reached(COMMAND(*loader, "--library-path", "./static", "--", "./dynamic"), " -> ./dynamic");
		expect_not(COMMAND(*loader, "--inhibit-cache", "./static"), "'./static' is statically linked");
		expect_not(COMMAND(*loader, "bin/env", "-i", "./dynamic"), "'env -i' takes");
		expect_unknown(COMMAND(*loader, "./none"), "'./none' cannot be run");
		write_script("script", "#!./dynamic\n");
		expect_unknown(COMMAND(*loader, "./script"), "is not a program that a loader runs");
	}
	expect_reached(COMMAND("./loader", "./loader", "./dynamic"), "./loader -> ./loader -> ./dynamic");
	/* It does not ask the kernel, so nobody asks for the execute bit or another loader. */
	write_program("script", &(struct specimen){.interpreter = "/none"});
	cr_assert(chmod("script", 0644) == 0);
	expect_reached(COMMAND("./loader", "./script"), " -> ./script");
}

/* ---- privileges -------------------------------------------------------------------------------------------------- */

static void need_privileges(void)
{
	struct statvfs system;

	if (getuid() != 0 || geteuid() != 0)
		cr_skip_test("only root can make programs that gain privileges");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		cr_skip_test("under no_new_privs no program gains privileges");
	if (statvfs(".", &system) != 0 || (system.f_flag & ST_NOSUID))
		cr_skip_test("this file system is mounted nosuid");
}

static void become_nobody(void)
{
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		_exit(2);
}

static void become_nobody_forever(void)
{
	become_nobody();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		_exit(2);
}

static void seem_nobody(void)
{
	if (seteuid(NOBODY) != 0)
		_exit(2);
}

/* What is found of @p command after @p become, in a process of its own. @p part as in expect(). */
static void expect_as(void (*become)(void), char *const *command, const char *part)
{
	int status;
	pid_t pid = fork();

	cr_assert(pid >= 0);
	if (pid == 0) {
		become();
		struct finding finding = reach_of("lib.so", command);
		bool right = part ? finding.why && strstr(finding.why, part) : finding.reach == REACHED;

		if (!right)
			fprintf(stderr, "%d: %s\n", (int)finding.reach, shown(finding.why));
		_exit(right ? 0 : 1);
	}
	cr_assert(waitpid(pid, &status, 0) == pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s", command[0], shown(part));
}

static void set_bits(uid_t user, gid_t group, mode_t mode)
{
	cr_assert(chown("dynamic", user, group) == 0 && chmod("dynamic", mode) == 0);
}

Test(reach, set_id_programs)
{
	static const char user[] = "'./dynamic' is set-user-ID, so its loader ignores LD_PRELOAD";
	static const char group[] = "'./dynamic' is set-group-ID, so its loader ignores LD_PRELOAD";

	need_privileges();
	set_bits(NOBODY, 0, 04755);
	expect_not(COMMAND("./dynamic"), user);
	expect_as(become_nobody, COMMAND("./dynamic"), NULL);
	set_bits(0, 0, 04755);
	expect_reached(COMMAND("./dynamic"), "./dynamic");
	expect_as(become_nobody, COMMAND("./dynamic"), user);
	expect_as(become_nobody_forever, COMMAND("./dynamic"), NULL);
	set_bits(0, NOBODY, 02755);
	expect_not(COMMAND("./dynamic"), group);
	set_bits(0, NOBODY, 02745);
	expect_reached(COMMAND("./dynamic"), "./dynamic");
}

Test(reach, set_id_on_the_way)
{
	need_privileges();
	write_script("script", "#!./dynamic\n");
	cr_assert(chown("script", NOBODY, NOBODY) == 0 && chmod("script", 06755) == 0);
	expect_reached(COMMAND("./script"), "./dynamic");
	set_bits(NOBODY, 0, 04755);
	expect_not(COMMAND("./script"), "'./dynamic' is set-user-ID");
	write_program("loader", &(struct specimen){.type = ET_DYN, .soname = "ld.so.1"});
	expect_reached(COMMAND("./loader", "./dynamic"), "./dynamic");
	cr_assert(chown("bin/env", NOBODY, NOBODY) == 0 && chmod("bin/env", 04755) == 0);
	set_bits(0, 0, 0755);
	expect_not(COMMAND("bin/env", "./dynamic"), "'bin/env' is set-user-ID");
}

Test(reach, real_and_effective_user_differ)
{
	need_privileges();
	expect_as(seem_nobody, COMMAND("./dynamic"), "real and effective user or group differ");
}

Test(reach, file_capabilities)
{
	/* Version 2: flags, then permitted and inheritable. */
	static const unsigned char effective[20] = {1, 0, 0, 2, 0, 0x20}, permitted[20] = {0, 0, 0, 2, 0, 0x20},
				   inheritable[20] = {0, 0, 0, 2, 0, 0, 0, 0, 0, 0x20};
	static const char name[] = "security.capability", part[] = "'./dynamic' has file capabilities, so";

	need_privileges();
	if (setxattr("dynamic", name, effective, sizeof effective, 0) != 0)
		cr_skip_test("this file system has no file capabilities");
	expect_reached(COMMAND("./dynamic"), "./dynamic");
	expect_as(become_nobody, COMMAND("./dynamic"), part);
	expect_as(become_nobody_forever, COMMAND("./dynamic"), part);
	cr_assert(setxattr("dynamic", name, permitted, sizeof permitted, 0) == 0);
	expect_as(become_nobody, COMMAND("./dynamic"), part);
	expect_as(become_nobody_forever, COMMAND("./dynamic"), NULL);
	cr_assert(setxattr("dynamic", name, inheritable, sizeof inheritable, 0) == 0);
	expect_as(become_nobody, COMMAND("./dynamic"), NULL);
}

Test(reach, unreadable_programs)
{
	need_privileges();
	set_bits(0, 0, 0711);
	expect_as(become_nobody, COMMAND("./dynamic"), "'./dynamic' cannot be read: Permission denied");
}

/* ---- this machine's ---------------------------------------------------------------------------------------------- */

/* For reach_of() this program's header is as good as the library's. */
Test(reach, this_machines_programs)
{
	static const char dynamic_shell[] =
		"while read -r line; do case $line in */ld-*) exit 0;; esac; done "
		"</proc/$$/maps; exit 1";
	static const char own[] = "/proc/self/exe";

	if (system(dynamic_shell) != 0)
		cr_skip_test("this machine's /bin/sh is statically linked");
	setenv("PATH", "/usr/bin:/bin", 1);
	expect(reach_of(own, COMMAND("/bin/sh")), REACHED, NULL, "/bin/sh");
	expect(reach_of(own, COMMAND("sh", "-c", "x")), REACHED, NULL, "/sh");
	write_script("script", "#!/usr/bin/env -S sh -e\n");
	expect(reach_of(own, COMMAND("./script")), REACHED, NULL, "/sh");
	write_script("script", "#!/usr/bin/env -S -i sh -e\n");
	expect(reach_of(own, COMMAND("./script")), NOT_REACHED, "'env -i' takes LD_PRELOAD away", "/sh");
	write_script("script", "echo\n");
	expect(reach_of(own, COMMAND("./script")), REACHED, NULL, "./script -> /bin/sh");
}
