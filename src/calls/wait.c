/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What all waits have in common.
 */
#include "calls/wait.h"

#include <errno.h>

/** A page is at least so large. */
#define PAGE ((uintptr_t)4096)

__thread uint64_t writer_cookie;
__thread int writer_fd;
__thread uint32_t writer_word;
atomic_int writer_any;

/** epoll_ctl(2) reads its event before it looks at the descriptors, which are none. */
static bool kernel_reads(uintptr_t address)
{
	const int before = errno;
	const bool readable = libc.epoll_ctl(-1, EPOLL_CTL_ADD, -1, (struct epoll_event *)address) < 0 && errno != EFAULT;
	errno = before;
	return readable;
}

bool wait_can_read(const void *start, size_t size)
{
	const uintptr_t from = (uintptr_t)start;
	if (!size || (wait_is_on_stack(start) && size <= PAGE))
		return true;
	if (from + size < from)
		return false;
	for (uintptr_t page = from / PAGE; page <= (from + size - 1) / PAGE; page++)
		/* From its beginning, so that what is read does not reach into the next one. */
		if (!kernel_reads(page * PAGE))
			return false;
	return true;
}
