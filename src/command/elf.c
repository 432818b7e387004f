/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What an ELF file says of itself: for which machine it is, what loads it, and whether it is a Go program.
 *
 * Read with pread() and not mapped: a file that shrinks meanwhile would end us with SIGBUS.
 */
#include "elf.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* The kernel refuses program headers of more than this. */
#define MOST_HEADER_BYTES 65536

/* Of the notes of one segment, and of the dynamic section. A program has a few hundred bytes of either. */
#define MOST_NOTE_BYTES 4096
#define MOST_DYNAMIC_ENTRIES 512

struct reader {
	int fd;
	struct elf *elf;
	uint64_t segments; /* where the program headers are */
	uint64_t sections;
	unsigned n_segments;
	unsigned n_sections;
	unsigned names; /* the section with the sections' names */
};

struct segment {
	uint64_t type;
	uint64_t offset;
	uint64_t address;
	uint64_t size;
	uint64_t alignment;
};

/* The two classes have the same members at different places. */
#define SIZE_OF(elf, type) ((elf)->is_64_bit ? sizeof(Elf64_##type) : sizeof(Elf32_##type))
#define MEMBER(elf, type, member, bytes)                                                                            \
	((elf)->is_64_bit ? number(elf, (bytes) + offsetof(Elf64_##type, member), sizeof((Elf64_##type){0}.member)) \
	                  : number(elf, (bytes) + offsetof(Elf32_##type, member), sizeof((Elf32_##type){0}.member)))

static uint64_t number(const struct elf *elf, const unsigned char *bytes, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | bytes[elf->is_big_endian ? i : size - 1 - i];
	return value;
}

/* Returns how much of it there is. */
static size_t read_some(const struct reader *r, void *bytes, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size && offset <= (uint64_t)INT64_MAX - size) {
		ssize_t count = pread(r->fd, (char *)bytes + done, size - done, (off_t)(offset + done));

		if (count <= 0)
			break;
		done += (size_t)count;
	}
	return done;
}

static bool read_all(const struct reader *r, void *bytes, size_t size, uint64_t offset)
{
	return read_some(r, bytes, size, offset) == size;
}

/* A string that goes on past @p size is cut. */
static void read_string(const struct reader *r, char *string, size_t size, uint64_t offset)
{
	string[read_some(r, string, size - 1, offset)] = '\0';
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static bool read_ident(const struct reader *r)
{
	unsigned char ident[EI_NIDENT];

	if (!read_all(r, ident, sizeof ident, 0) || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return false;
	r->elf->is_64_bit = ident[EI_CLASS] == ELFCLASS64;
	r->elf->is_big_endian = ident[EI_DATA] == ELFDATA2MSB;
	return (ident[EI_CLASS] == ELFCLASS64 || ident[EI_CLASS] == ELFCLASS32) &&
	       (ident[EI_DATA] == ELFDATA2MSB || ident[EI_DATA] == ELFDATA2LSB);
}

static bool read_header(struct reader *r)
{
	unsigned char header[sizeof(Elf64_Ehdr)];
	struct elf *elf = r->elf;

	if (!read_ident(r) || !read_all(r, header, SIZE_OF(elf, Ehdr), 0))
		return false;
	elf->type = (uint16_t)MEMBER(elf, Ehdr, e_type, header);
	elf->machine = (uint16_t)MEMBER(elf, Ehdr, e_machine, header);
	r->segments = MEMBER(elf, Ehdr, e_phoff, header);
	r->sections = MEMBER(elf, Ehdr, e_shoff, header);
	r->n_segments = (unsigned)MEMBER(elf, Ehdr, e_phnum, header);
	r->n_sections = (unsigned)MEMBER(elf, Ehdr, e_shnum, header);
	r->names = (unsigned)MEMBER(elf, Ehdr, e_shstrndx, header);
	/* The kernel does without sections, and so can we. */
	if (MEMBER(elf, Ehdr, e_shentsize, header) != SIZE_OF(elf, Shdr))
		r->n_sections = 0;
	return (elf->type == ET_EXEC || elf->type == ET_DYN) && r->n_segments > 0 &&
	       r->n_segments * SIZE_OF(elf, Phdr) <= MOST_HEADER_BYTES &&
	       MEMBER(elf, Ehdr, e_phentsize, header) == SIZE_OF(elf, Phdr);
}

static bool read_segment(const struct reader *r, unsigned index, struct segment *segment)
{
	unsigned char header[sizeof(Elf64_Phdr)];
	const size_t size = SIZE_OF(r->elf, Phdr);

	if (!read_all(r, header, size, r->segments + index * size))
		return false;
	segment->type = MEMBER(r->elf, Phdr, p_type, header);
	segment->offset = MEMBER(r->elf, Phdr, p_offset, header);
	segment->address = MEMBER(r->elf, Phdr, p_vaddr, header);
	segment->size = MEMBER(r->elf, Phdr, p_filesz, header);
	segment->alignment = MEMBER(r->elf, Phdr, p_align, header);
	return true;
}

/* ---- Go ---------------------------------------------------------------------------------------------------------- */

static size_t aligned(size_t size, size_t alignment)
{
	return (size + alignment - 1) / alignment * alignment;
}

static bool has_go_note(const struct reader *r, const struct segment *segment)
{
	unsigned char notes[MOST_NOTE_BYTES];
	const size_t alignment = segment->alignment == 8 ? 8 : 4;
	size_t end = segment->size < sizeof notes ? (size_t)segment->size : sizeof notes;

	end = read_some(r, notes, end, segment->offset);
	for (size_t at = 0; at < end && end - at >= sizeof(Elf64_Nhdr);) {
		size_t name_size = (size_t)MEMBER(r->elf, Nhdr, n_namesz, notes + at);
		size_t size = (size_t)MEMBER(r->elf, Nhdr, n_descsz, notes + at);

		at += sizeof(Elf64_Nhdr);
		if (name_size > end - at || size > end)
			return false;
		if (name_size >= 3 && memcmp(notes + at, "Go", 3) == 0)
			return true;
		at = aligned(at + name_size, alignment) + aligned(size, alignment);
	}
	return false;
}

static bool read_section(const struct reader *r, unsigned index, unsigned char *header)
{
	const size_t size = SIZE_OF(r->elf, Shdr);

	return index < r->n_sections && read_all(r, header, size, r->sections + index * size);
}

static bool has_go_section(const struct reader *r)
{
	unsigned char section[sizeof(Elf64_Shdr)];
	char name[sizeof ".note.go.buildid"];

	if (!read_section(r, r->names, section))
		return false;
	const uint64_t names = MEMBER(r->elf, Shdr, sh_offset, section);

	for (unsigned i = 0; read_section(r, i, section); i++) {
		read_string(r, name, sizeof name, names + MEMBER(r->elf, Shdr, sh_name, section));
		if (strcmp(name, ".note.go.buildid") == 0 || strcmp(name, ".go.buildinfo") == 0)
			return true;
	}
	return false;
}

/* ---- loaders ----------------------------------------------------------------------------------------------------- */

/* As the kernel has it: what it would not run is refused. */
static bool read_interpreter(const struct reader *r, const struct segment *segment)
{
	char *interpreter = r->elf->interpreter;

	return segment->size >= 2 && segment->size <= PATH_MAX &&
	       read_all(r, interpreter, (size_t)segment->size, segment->offset) && *interpreter != '\0' &&
	       interpreter[segment->size - 1] == '\0';
}

/* Where in the file that is what would be at @p address; past every end if nothing is. */
static uint64_t offset_of(const struct reader *r, uint64_t address)
{
	struct segment segment;

	for (unsigned i = 0; i < r->n_segments && read_segment(r, i, &segment); i++)
		if (segment.type == PT_LOAD && address >= segment.address && address - segment.address < segment.size)
			return segment.offset + (address - segment.address);
	return UINT64_MAX;
}

static bool read_entry(const struct reader *r, const struct segment *dynamic, size_t index, uint64_t *tag, uint64_t *value)
{
	unsigned char entry[sizeof(Elf64_Dyn)];
	const size_t size = SIZE_OF(r->elf, Dyn);

	if (index >= MOST_DYNAMIC_ENTRIES || index >= dynamic->size / size ||
	    !read_all(r, entry, size, dynamic->offset + index * size))
		return false;
	*tag = MEMBER(r->elf, Dyn, d_tag, entry);
	*value = MEMBER(r->elf, Dyn, d_un, entry);
	return *tag != DT_NULL;
}

/* As gcc and clang name it. Nothing else that is in there may get into LD_PRELOAD. */
static bool is_runtime(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

	return (strncmp(name, "libasan.so", strlen("libasan.so")) == 0 ||
	        strncmp(name, "libclang_rt.asan", strlen("libclang_rt.asan")) == 0) &&
	       name[strspn(name, allowed)] == '\0';
}

/* Among the libraries that it asks for, whose names are at @p strings. */
static void read_runtime(const struct reader *r, const struct segment *dynamic, uint64_t strings)
{
	char name[sizeof r->elf->runtime + 1];
	uint64_t tag, value;

	for (size_t i = 0; read_entry(r, dynamic, i, &tag, &value); i++) {
		if (tag != DT_NEEDED || value > UINT64_MAX - strings)
			continue;
		read_string(r, name, sizeof name, strings + value);
		/* One that is longer was cut. */
		if (is_runtime(name) && strlen(name) < sizeof r->elf->runtime) {
			strcpy(r->elf->runtime, name);
			return;
		}
	}
}

static void read_dynamic(const struct reader *r, const struct segment *dynamic)
{
	uint64_t tag, value, strings = 0, soname = 0;

	for (size_t i = 0; read_entry(r, dynamic, i, &tag, &value); i++) {
		if (tag == DT_STRTAB)
			strings = value;
		if (tag == DT_SONAME)
			soname = value;
	}
	if (*r->elf->interpreter)
		read_runtime(r, dynamic, offset_of(r, strings));
	else if (soname != 0)
		read_string(r, r->elf->soname, sizeof r->elf->soname, offset_of(r, strings + soname));
}

bool elf_read(int fd, struct elf *elf)
{
	struct reader r = {.fd = fd, .elf = elf};
	struct segment segment, dynamic = {0};

	*elf = (struct elf){0};
	if (!read_header(&r))
		return false;
	for (unsigned i = 0; i < r.n_segments; i++) {
		if (!read_segment(&r, i, &segment))
			return false;
		if (segment.type == PT_INTERP && *elf->interpreter == '\0' && !read_interpreter(&r, &segment))
			return false;
		if (segment.type == PT_DYNAMIC)
			dynamic = segment;
		if (segment.type == PT_NOTE && !elf->is_go)
			elf->is_go = has_go_note(&r, &segment);
	}
	elf->is_go = elf->is_go || has_go_section(&r);
	read_dynamic(&r, &dynamic);
	return true;
}

const char *elf_machine_name(uint16_t machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{EM_386, "x86"},
		{EM_X86_64, "x86-64"},
		{EM_ARM, "ARM"},
		{EM_AARCH64, "AArch64"},
		{EM_RISCV, "RISC-V"},
		{EM_PPC, "PowerPC"},
		{EM_PPC64, "PowerPC64"},
		{EM_S390, "S/390"},
		{EM_MIPS, "MIPS"},
		{EM_SPARC, "SPARC"},
		{EM_SPARCV9, "SPARC V9"},
		{EM_IA_64, "Itanium"},
		{EM_68K, "m68k"},
		{EM_PARISC, "PA-RISC"},
		{EM_ALPHA, "Alpha"},
		{EM_SH, "SuperH"},
		{258 /* EM_LOONGARCH, which older headers lack */, "LoongArch"},
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].machine == machine)
			return names[i].name;
	return NULL;
}
