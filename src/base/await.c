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

int await_one(struct pollfd *room, const struct timespec *timeout, const sigset_t *mask)
{
	const int ready = libc.ppoll(room, 1, timeout, mask);
	if (ready >= 0 || errno != EINVAL || room->fd < 0 || room->fd > SELECT_MOST)
		return ready;
	return await_by_select(room, timeout, mask);
}
