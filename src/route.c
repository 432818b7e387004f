/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where a call that is made often goes first.
 */
#undef _FORTIFY_SOURCE /* the plain and the checked functions by their own names */
#include "route.h"

#include <assert.h>
#include <stdatomic.h>

#include "memory.h"
#include "slow.h"
#include "start.h"

/** Whoever waits for a thread that is going back to the real functions gives up after so many turns: that thread may be
 * gone (this process was forked from its), or be the one that this signal handler interrupted. */
#define TURNS_MOST 1000

#define LOOK_BEFORE(name, parameters, arguments)                                                                   \
	static ssize_t look_before_##name parameters                                                               \
	{                                                                                                          \
		return !bound || memory_hinted(fd) ? NOT_TRIED : libc.name arguments;                              \
	}
#define LOOK_AFTER(name, parameters, arguments)                                                                    \
	static ssize_t look_after_##name parameters                                                                \
	{                                                                                                          \
		if (!bound)                                                                                        \
			start();                                                                                   \
		const ssize_t received = libc.name arguments;                                                      \
		if (memory_hinted(fd))                                                                             \
			connect_learn(fd);                                                                         \
		return received;                                                                                   \
	}
#define START_FIRST(name, parameters, arguments)                                                                   \
	static int start_first_##name parameters                                                                   \
	{                                                                                                          \
		if (!bound)                                                                                        \
			start();                                                                                   \
		return libc.name arguments;                                                                        \
	}
ROUTE_SENDS(LOOK_BEFORE)
ROUTE_RECEIVES(LOOK_AFTER)
ROUTE_WAITS(START_FIRST)

static ssize_t look_before_send(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                                socklen_t size)
{
	(void)to;
	(void)size;
	return !bound || memory_hinted(fd) ? NOT_TRIED : libc.send(fd, data, length, flags);
}

static ssize_t as_send(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	(void)to;
	(void)size;
	return libc.send(fd, data, length, flags);
}

#define ROUTE_LOOK_BEFORE(name, ...) .name = look_before_##name,
#define ROUTE_LOOK_AFTER(name, ...) .name = look_after_##name,
#define ROUTE_START_FIRST(name, ...) .name = start_first_##name,
struct route route = {
	ROUTE_SENDS(ROUTE_LOOK_BEFORE)
	ROUTE_RECEIVES(ROUTE_LOOK_AFTER)
	ROUTE_WAITS(ROUTE_START_FIRST)
	.send = look_before_send,
};
/** As that was at the start. A copy, because each pointer that is written here is relocated in every program. */
static struct route looking;

#define ROUTE_IN_ORDER(name, ...)                                                                                  \
	static_assert(offsetof(struct route, name) == offsetof(struct libc, name), "struct libc begins as struct route");
ROUTE_SENDS(ROUTE_IN_ORDER)
ROUTE_RECEIVES(ROUTE_IN_ORDER)
ROUTE_WAITS(ROUTE_IN_ORDER)

/** In one store each: other threads call through them meanwhile. */
static void lead(const void *functions)
{
	void *const *from = functions;
	void **to = (void **)&route;
	for (size_t i = 0; i < offsetof(struct route, send) / sizeof *to; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
	__atomic_store_n(&route.send, from == (void *const *)&looking ? looking.send
	                              : libc.send_is_sendto           ? libc.sendto
	                                                              : as_send, __ATOMIC_RELAXED);
}

void route_start(void)
{
	looking = route;
	route_settle();
}

void route_settle(void)
{
	/* Only going back has to be alone: a thread that was slow at it would take away what another one set since. */
	static atomic_bool going_back;
	if (!looking.send)
		return;
	if (atomic_load(&attention)) {
		lead(&looking);
		for (int turn = 0; atomic_load(&going_back) && turn < TURNS_MOST; turn++)
			libc.sched_yield();
		lead(&looking);
	} else if (!atomic_exchange(&going_back, true)) {
		lead(&libc);
		if (atomic_load(&attention))
			lead(&looking);
		atomic_store(&going_back, false);
	}
}
