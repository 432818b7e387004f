/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The wait for room at one socket, also where poll(2) is refused.
 */
#include "base/await.h"

#include <errno.h>
#include <string.h>

#include "base/libc.h"


/** The largest descriptor to put into a set on the stack: 8 KB. */
#define SELECT_MOST 65535

/** select(2) looks at no limit. */
static int await_by_select(struct pollfd *room, const struct timespec *timeout, const sigset_t *mask)
{
	const size_t bits = 8 * sizeof(long), word = (size_t)room->fd / bits;
	unsigned long set[word + 1];
	memset(set, 0, sizeof set);
	set[word] = 1ul << (size_t)room->fd % bits;
	const int ready = libc.pselect(room->fd + 1, NULL, (fd_set *)set, NULL, timeout, mask);
	room->revents = ready > 0 ? POLLOUT : 0;
	return ready;
}

/** How deep such a library may go. */
#define NESTED_MOST 65536

/** Where the thread's stack was when it asked; 0: it does not. What siglongjmp() leaves behind is found out by the next one. */
static __thread uintptr_t asked_from;

void await_begin(void)
{
	const char here = 0;
	if (libc_waits_replaced)
		asked_from = (uintptr_t)&here;
}

void await_end(void)
{
	if (libc_waits_replaced)
		asked_from = 0;
}

bool await_is_nested(void)
{
	const char here = 0;
	if (!libc_waits_replaced)
		return false;
	const bool nested = asked_from && asked_from - (uintptr_t)&here < NESTED_MOST;
	asked_from = 0;
	return nested;
}

int await_one(struct pollfd *room, const struct timespec *timeout, const sigset_t *mask)
{
	await_begin();
	const int ready = libc.ppoll(room, 1, timeout, mask);
	await_end();
	if (ready >= 0 || errno != EINVAL || room->fd < 0 || room->fd > SELECT_MOST)
		return ready;
	return await_by_select(room, timeout, mask);
}
