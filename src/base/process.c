/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which process we are in.
 *
 * The number of the process is on a page that the kernel wipes for a forked child (MADV_WIPEONFORK, Linux 4.14), however
 * it was forked. So a number that is not ours is the one of a process that shares this memory.
 */
#include "base/process.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/libc.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

struct page {
	_Atomic int owner;        /**< its number; 0: nobody asked yet, since it was forked */
	_Atomic int keeps_numbers;   /**< the numbers that threads keep of themselves are of this process */
};

/** NULL: there is no such page, and every caller counts as the process itself. */
static struct page *page;
static __thread int own_number;
static atomic_bool tables_apart;

static const char no = 0, yes = 1;
const char *process_only_thread = &yes;
/** Not 0 while there is one thread for certain (sys/single_threaded.h). Weak: musl has none. */
extern char __libc_single_threaded __attribute__((weak));

void process_start(void)
{
	process_only_thread = &__libc_single_threaded ? &__libc_single_threaded : &no;
	const size_t size = 4096;
	struct page *made = libc.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		return;
	if (libc.madvise(made, size, MADV_WIPEONFORK) == 0) {
		atomic_store(&made->owner, libc.getpid());
		atomic_store(&made->keeps_numbers, 1);
		page = made;
	} else
		libc.munmap(made, size);
}

int process_thread(void)
{
	if (!page || !atomic_load_explicit(&page->keeps_numbers, memory_order_relaxed))
		return libc_thread();
	if (!own_number)
		own_number = libc_thread();
	return own_number;
}

void process_forked(void)
{
	own_number = 0;
	if (page)
		atomic_store(&page->keeps_numbers, 1);
}

void process_tables_part(void)
{
	atomic_store(&tables_apart, true);
}

bool process_numbers_differ(void)
{
	return atomic_load_explicit(&tables_apart, memory_order_relaxed) || process_is_vforked();
}

bool process_is_vforked(void)
{
	int nobody = 0;
	if (!page)
		return false;
	const int own = libc.getpid();
	return !atomic_compare_exchange_strong(&page->owner, &nobody, own) && nobody != own;
}
