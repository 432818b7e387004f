/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Finds the real functions: what dlsym(3) would, at a tenth of its instructions, which every program pays for.
 *
 * One walk through the libraries behind us finds them by the hash tables that the loader itself uses (DT_GNU_HASH).
 * Where one of those has none, or a function is one that a resolver chooses, dlsym() is asked.
 */
#undef _FORTIFY_SOURCE /* the plain and the checked functions by their own names */
#include "libc.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

struct libc libc;
intptr_t errno_offset;

/** One behind the other: an array of pointers would be relocated. */
static const char names[] =
#define LIBC_NAME(name) #name "\0"
	LIBC_FUNCTIONS(LIBC_NAME);
#undef LIBC_NAME

enum {
#define LIBC_NUMBER(name) NUMBER_OF_##name,
	LIBC_FUNCTIONS(LIBC_NUMBER)
#undef LIBC_NUMBER
	FUNCTIONS
};

/** A symbol with this bit in its version is not the default one (the bit is in no header). */
#define VERSION_HIDDEN 0x8000

/** The first that is not replaced. */
#define REST NUMBER_OF_clock_gettime

/** A walk through the libraries in their search order, for the functions from a first to a last. */
struct walk {
	size_t first, end;
	bool behind_us;              /**< we are past our own library */
	bool strange;                /**< something was not as expected: dlsym() has the last word */
	uintptr_t send_in, sendto_in;   /**< where the libraries are that these were found in */
	uint32_t hashes[FUNCTIONS];
	uint16_t names_at[FUNCTIONS];
};

/** A library's own description of what it exports. */
struct exports {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *strings;
	const ElfW(Half) *versions;  /**< NULL: it has none */
	const uint32_t *hash;
};

static void **pointer_of(size_t function)
{
	return (void **)&libc + function;
}

/** Set out: which names to find, and their hashes. */
static void begin(struct walk *w, size_t first, size_t end)
{
	const char *at = names;
	*w = (struct walk){.first = first, .end = end};
	for (size_t i = 0; i < end; i++) {
		uint32_t hash = 5381;
		w->names_at[i] = (uint16_t)(at - names);
		for (; *at; at++)
			hash = hash * 33 + (unsigned char)*at;
		at++;
		w->hashes[i] = hash;
	}
}

/** glibc has made addresses of these offsets, musl has not. */
static const void *at(uintptr_t base, ElfW(Addr) address)
{
	return (const void *)(address < base ? base + address : address);
}

static bool read_exports(const struct dl_phdr_info *library, struct exports *e)
{
	const ElfW(Dyn) *dynamic = NULL;
	*e = (struct exports){.base = library->dlpi_addr};
	for (size_t i = 0; i < library->dlpi_phnum; i++)
		if (library->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(library->dlpi_addr + library->dlpi_phdr[i].p_vaddr);
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
		const void *where = at(e->base, dynamic->d_un.d_ptr);
		switch (dynamic->d_tag) {
		case DT_SYMTAB: e->symbols = where; break;
		case DT_STRTAB: e->strings = where; break;
		case DT_VERSYM: e->versions = where; break;
		case DT_GNU_HASH: e->hash = where; break;
		default: break;
		}
	}
	return e->symbols && e->strings && e->hash;
}

/** The default version of the function @p name as @p e exports it, or NULL. */
static const ElfW(Sym) *find(const struct exports *e, const char *name, uint32_t hash)
{
	/* Four numbers, a Bloom filter of words as wide as addresses, the first symbol of each bucket, and, from the first
	 * symbol on that is in the table, a hash each, whose last bit ends a bucket. */
	const uint32_t buckets = e->hash[0], first = e->hash[1], words = e->hash[2], shift = e->hash[3];
	const ElfW(Addr) *filter = (const ElfW(Addr) *)(e->hash + 4);
	const uint32_t *bucket = (const uint32_t *)(filter + words), *chain = bucket + buckets;
	const unsigned bits = 8 * sizeof *filter;
	const ElfW(Addr) word = filter[hash / bits % words];
	if (!(word >> hash % bits & word >> (hash >> shift) % bits & 1))
		return NULL;
	uint32_t i = bucket[hash % buckets];
	if (i < first)
		return NULL;
	do {
		const ElfW(Sym) *symbol = &e->symbols[i];
		if ((chain[i - first] ^ hash) >> 1 == 0 && symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
		    !(e->versions && (e->versions[i] & VERSION_HIDDEN)) && strcmp(e->strings + symbol->st_name, name) == 0)
			return symbol;
	} while (!(chain[i++ - first] & 1));
	return NULL;
}

static bool holds(const struct dl_phdr_info *library, const void *address)
{
	for (size_t i = 0; i < library->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &library->dlpi_phdr[i];
		if (p->p_type == PT_LOAD && (uintptr_t)address - (library->dlpi_addr + p->p_vaddr) < p->p_memsz)
			return true;
	}
	return false;
}

/** One library (dl_iterate_phdr(3)); they come in the order they are searched in. */
static int look_through(struct dl_phdr_info *library, size_t size, void *context)
{
	struct walk *w = context;
	struct exports e;
	(void)size;
	if (!w->behind_us) {
		w->behind_us = holds(library, &libc);
		return 0;
	}
	if (!read_exports(library, &e)) {
		w->strange = true;
		return 1;
	}
	for (size_t i = w->first; i < w->end; i++) {
		const ElfW(Sym) *symbol = *pointer_of(i) ? NULL : find(&e, names + w->names_at[i], w->hashes[i]);
		if (!symbol)
			continue;
		if (ELF32_ST_TYPE(symbol->st_info) != STT_FUNC) {
			w->strange = true;
			return 1;
		}
		*pointer_of(i) = (void *)(e.base + symbol->st_value);
		if (i == NUMBER_OF_send)
			w->send_in = e.base;
		else if (i == NUMBER_OF_sendto)
			w->sendto_in = e.base;
	}
	return 0;
}

static void look_up(struct walk *w, size_t first, size_t end)
{
	begin(w, first, end);
	dl_iterate_phdr(look_through, w);
	for (size_t i = first; w->strange && i < end; i++)
		if (!*pointer_of(i))
			*pointer_of(i) = dlsym(RTLD_NEXT, names + w->names_at[i]);
}

void bind_libc(void)
{
	struct walk w;
	look_up(&w, 0, REST);
#ifdef __x86_64__
	uintptr_t thread;
	__asm__("mov %%fs:0, %0" : "=r"(thread));
	errno_offset = (intptr_t)((uintptr_t)&errno - thread);
#endif
	if (w.send_in && w.send_in == w.sendto_in)
		libc.send_is_sendto = true;
}

void bind_libc_rest(void)
{
	struct walk w;
	look_up(&w, REST, FUNCTIONS);
}
