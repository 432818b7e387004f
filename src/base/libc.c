/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Finds the real functions: what dlsym(3) would, at a tenth of its instructions, which every program pays for.
 *
 * One walk through the libraries behind us finds them by the hash tables that the loader itself uses (DT_GNU_HASH, or
 * DT_HASH). Where one of those has none, or a function is one that a resolver chooses, dlsym() is asked; where there is no
 * dlsym(), the next library is.
 */
#include "base/libc.h"

#include "base/errno.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

struct libc libc;
bool libc_waits_replaced;
#ifdef ERRNO_BY_THREAD_POINTER
ptrdiff_t errno_distance;
#endif

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

#define JOIN(a, b) a##b
#define NUMBER_OF(name) JOIN(NUMBER_OF_, name)
#define REST NUMBER_OF(LIBC_FIRST_UNREPLACED)

/** A walk through the libraries in their search order, for the functions from a first to a last. */
struct walk {
	size_t first, end;
	bool behind_us;              /**< we are past our own library */
	bool strange;                /**< something was not as expected: dlsym() has the last word */
	uint32_t hashes[FUNCTIONS];
	uint16_t names_at[FUNCTIONS];
};

/** A library's own description of what it exports. */
struct exports {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *strings;
	const ElfW(Half) *versions;  /**< NULL: it has none */
	const uint32_t *hash;        /**< DT_GNU_HASH */
	const ElfW(Word) *old_hash;  /**< DT_HASH: it may have one of both. Not where its words are of 64 bits */
};

#if defined __s390x__ || defined __alpha__
#define READS_OLD_HASH 0
#else
#define READS_OLD_HASH 1
#endif

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
		case DT_HASH: e->old_hash = READS_OLD_HASH ? where : NULL; break;
		default: break;
		}
	}
	return e->symbols && e->strings && (e->hash || e->old_hash);
}

/** Whether the symbol number @p i of @p e is the default version of @p name. */
static bool is(const struct exports *e, size_t i, const char *name)
{
	const ElfW(Sym) *symbol = &e->symbols[i];
	return symbol->st_shndx != SHN_UNDEF && symbol->st_value && !(e->versions && (e->versions[i] & VERSION_HIDDEN)) &&
	       strcmp(e->strings + symbol->st_name, name) == 0;
}

/** By the older kind of table: how many buckets, how many symbols, the first symbol of each bucket, the next of each. */
static const ElfW(Sym) *find_by_old_hash(const struct exports *e, const char *name)
{
	const ElfW(Word) *bucket = e->old_hash + 2, *next = bucket + e->old_hash[0];
	uint32_t hash = 0;
	if (e->old_hash[0] == 0)
		return NULL;
	for (const char *at = name; *at; at++) {
		hash = (hash << 4) + (unsigned char)*at;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	for (ElfW(Word) i = bucket[hash % e->old_hash[0]]; i; i = next[i])
		if (is(e, i, name))
			return &e->symbols[i];
	return NULL;
}

/** The default version of the function @p name as @p e exports it, or NULL. */
static const ElfW(Sym) *find(const struct exports *e, const char *name, uint32_t hash)
{
	if (!e->hash)
		return find_by_old_hash(e, name);
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
		if ((chain[i - first] ^ hash) >> 1 == 0 && is(e, i, name))
			return &e->symbols[i];
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

/** dlsym(), or NULL: it is in a library of its own before glibc 2.34, which a program need not have (optional.h). */
static __typeof__(&dlsym) find_elsewhere(void)
{
	__typeof__(&dlsym) volatile found = dlsym;
	return found;
}

/** Something is not as expected. @return whether that ends the walk */
static bool leave_to_dlsym(struct walk *w)
{
	w->strange = find_elsewhere() != NULL;
	return w->strange;
}

static unsigned waits_found(void)
{
	return !!libc.poll + !!libc.ppoll + !!libc.select + !!libc.pselect + !!libc.epoll_wait + !!libc.epoll_pwait +
	       !!libc.epoll_pwait2;
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
	if (!read_exports(library, &e))
		return leave_to_dlsym(w);
	const unsigned waits = waits_found();
	const bool past_libc = libc.prctl;
	for (size_t i = w->first; i < w->end; i++) {
		const ElfW(Sym) *symbol = *pointer_of(i) ? NULL : find(&e, names + w->names_at[i], w->hashes[i]);
		if (!symbol)
			continue;
		if (ELF32_ST_TYPE(symbol->st_info) != STT_FUNC) {
			if (leave_to_dlsym(w))
				return 1;
			continue;
		}
		*pointer_of(i) = (void *)(e.base + symbol->st_value);
	}
	/* Where prctl() is found with them, that is libc itself. */
	if (waits_found() != waits && (past_libc || !libc.prctl))
		libc_waits_replaced = true;
	return 0;
}

static void look_up(struct walk *w, size_t first, size_t end)
{
	begin(w, first, end);
	dl_iterate_phdr(look_through, w);
	if (w->strange)
		libc_waits_replaced = true;
	for (size_t i = first; w->strange && i < end; i++)
		if (!*pointer_of(i))
			*pointer_of(i) = find_elsewhere()(RTLD_NEXT, names + w->names_at[i]);
}

/** What a libc may be without: newer than what we ask for, or in glibc alone. */
static const uint8_t optional[] = {
	NUMBER_OF(__read_chk), NUMBER_OF(__recv_chk), NUMBER_OF(__recvfrom_chk), NUMBER_OF(__poll_chk),
	NUMBER_OF(__ppoll_chk), NUMBER_OF(epoll_pwait2), NUMBER_OF(fcntl64), NUMBER_OF(sendfile64),
	NUMBER_OF(closefrom), NUMBER_OF(__vdprintf_chk), NUMBER_OF(_Fork),
	NUMBER_OF(execvpe), NUMBER_OF(preadv2), NUMBER_OF(preadv64v2), NUMBER_OF(pwritev2),
	NUMBER_OF(pwritev64v2), NUMBER_OF(pthread_key_create), NUMBER_OF(pthread_setspecific), NUMBER_OF(freopen64), NUMBER_OF(quick_exit), NUMBER_OF(fexecve),
#define LIBC_OPTIONAL(name) NUMBER_OF(name),
	TIME64_FUNCTIONS(LIBC_OPTIONAL)
#undef LIBC_OPTIONAL
};

static long absent(void)
{
	errno = ENOSYS;
	return -1;
}

/** There are no more where close_range(2) is not, but in old kernels with other limits than the usual ones. */
#define MOST_CLOSED 65536

static void close_from(int first)
{
	first = first < 0 ? 0 : first;
	if (libc.syscall(SYS_close_range, first, ~0u, 0) < 0)
		while (first < MOST_CLOSED)
			libc.close(first++);
}

/** Whoever looks for a function at run time (dlsym(3), weak symbols) finds ours, and calls it where libc has none. */
static void fill_in(void)
{
	if (!libc._Fork)
		libc._Fork = libc.fork;
	if (!libc.closefrom)
		libc.closefrom = close_from;
	for (size_t i = 0; i < sizeof optional; i++)
		if (optional[i] < REST && !*pointer_of(optional[i]))
			*pointer_of(optional[i]) = (void *)absent;
}

void bind_libc(void)
{
	struct walk w;
	look_up(&w, 0, REST);
	errno_start();
	fill_in();
}

static bool may_be_missing(size_t function)
{
	for (size_t i = 0; i < sizeof optional; i++)
		if (optional[i] == function)
			return true;
	return false;
}

const char *bind_libc_rest(void)
{
	struct walk w;
	look_up(&w, REST, FUNCTIONS);
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (!*pointer_of(i) && !may_be_missing(i))
			return names + w.names_at[i];
	return NULL;
}

int libc_thread(void)
{
	return (int)libc.syscall(SYS_gettid);
}
