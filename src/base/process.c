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

/** NULL: there is no such page, and every caller counts as the process itself. */
static _Atomic int *owner;

void process_start(void)
{
	const size_t size = 4096;
	_Atomic int *page = libc.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return;
	if (libc.madvise(page, size, MADV_WIPEONFORK) == 0) {
		atomic_store(page, libc.getpid());
		owner = page;
	} else
		libc.munmap(page, size);
}

bool process_is_vforked(void)
{
	int nobody = 0;
	if (!owner)
		return false;
	const int own = libc.getpid();
	return !atomic_compare_exchange_strong(owner, &nobody, own) && nobody != own;
}
