/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Duplicates of descriptors, which whoever waits or acts on a socket holds.
 */
#include "connection/duplicate.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

#include "base/libc.h"
#include "base/process.h"
#include "base/signals.h"
#include "connection/descriptor.h"

/** Held at once at most; whoever finds no room goes by number and cookie. */
#define MOST 4096
/** What is remembered instead of the cookie of what has none, once its number is being closed. */
#define NO_COOKIE UINT64_MAX
/** Not one of the standard descriptors, which programs find free and fill by order. */
#define LOWEST 3

static struct duplicate table[MOST];
/** Above the highest entry that was ever taken. */
static _Atomic unsigned table_end;

/** The innermost one that this thread holds. */
static __thread struct duplicate *current;

static struct duplicate *claim(int thread)
{
	for (unsigned i = 0; i < MOST; i++) {
		int nobody = 0;
		if (atomic_load_explicit(&table[i].thread, memory_order_relaxed) ||
		    !atomic_compare_exchange_strong(&table[i].thread, &nobody, thread))
			continue;
		unsigned end = atomic_load(&table_end);
		while (end <= i && !atomic_compare_exchange_weak(&table_end, &end, i + 1))
			;
		return &table[i];
	}
	return NULL;
}

static uint64_t cookie_at(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;
	return libc.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

/** Close the number, if it is still the socket that it was: a program may close all numbers it knows nothing of, by ways
 * that no wrapper sees, and get one of them for a file of its own. */
static void close_at(struct duplicate *d)
{
	const int at = duplicate_at(d);
	const uint64_t was = atomic_load(&d->cookie);
	if (at >= 0 && (!was || cookie_at(at) == was)) {
		/* From its close on, and before anybody can be told, the number may be a file of the program's. Only a cookie tells
		 * them apart; without one it counts as the program's. */
		if (!was) {
			const uint64_t cookie = cookie_at(at);
			atomic_store(&d->cookie, cookie ? cookie : NO_COOKIE);
		}
		descriptor_leaving(at);
		libc.close(at);
	}
	/* In this order: until it is closed nobody is to close it for us, and use the number for a file of its own. */
	atomic_store(&d->at, -1);
	descriptor_clear(at, DESCRIPTOR_OURS);
}

/** Whether it is this thread that holds it: what a library behind us does with it, we do. */
static bool is_own(const struct duplicate *d)
{
	for (const struct duplicate *mine = current; mine; mine = mine->outer)
		if (mine == d)
			return true;
	return false;
}

bool duplicate_is_at(int fd)
{
	const int before = errno;
	const unsigned end = atomic_load(&table_end);
	bool found = false;
	for (unsigned i = 0; i < end && !found; i++) {
		const uint64_t cookie = atomic_load(&table[i].cookie);
		found = atomic_load(&table[i].thread) && duplicate_at(&table[i]) == fd && !is_own(&table[i]) && (!cookie || cookie_at(fd) == cookie);
	}
	errno = before;
	return found;
}

static void close_held(struct duplicate *d)
{
	const int before = errno, cancelled = signals_hold_cancellation();
	close_at(d);
	signals_release_cancellation(cancelled);
	errno = before;
}

/** The thread has left its connect(): the deadline is not the program's own, unless that has set another since. */
static void put_back(struct duplicate *d)
{
	const int before = errno, deadline_ms = atomic_load(&d->deadline_ms), own_ms = atomic_load(&d->own_ms);
	int ms;
	socklen_t size = sizeof ms;
	if (deadline_ms && duplicate_at(d) >= 0 &&
	    libc.getsockopt(duplicate_at(d), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size) == 0 && ms == deadline_ms)
		libc.setsockopt(duplicate_at(d), IPPROTO_TCP, TCP_USER_TIMEOUT, &own_ms, sizeof own_ms);
	errno = before;
}

static void drop(struct duplicate *d)
{
	close_held(d);
	atomic_store(&d->thread, 0);
}

/** A thread ends, by cancellation perhaps, and whoever waits for it closes the number next. */
static void drop_all(void *unused)
{
	(void)unused;
	while (current) {
		struct duplicate *left = current;
		current = left->outer;
		put_back(left);
		drop(left);
	}
}

static pthread_key_t at_threads_end;
static bool has_key;

void duplicate_start(void)
{
	has_key = libc.pthread_key_create && libc.pthread_setspecific && libc.pthread_key_create(&at_threads_end, drop_all) == 0;
}

/**
 * Whether this thread's innermost wait was left by siglongjmp(). If it was not, we are in a signal handler that
 * interrupted it, and deeper on the same stack (all Linux' stacks grow down), or on the handlers' own.
 */
static bool was_left(const struct duplicate *d, uintptr_t here)
{
	stack_t stack;
	return here >= d->frame && (libc.sigaltstack(NULL, &stack) < 0 || !(stack.ss_flags & SS_ONSTACK));
}

/** @p here: where the caller's stack is, to be compared with where duplicate_take()'s was. */
static void drop_left(uintptr_t here)
{
	while (current && was_left(current, here)) {
		struct duplicate *left = current;
		current = left->outer;
		put_back(left);
		drop(left);
	}
}

struct duplicate *duplicate_take(int fd)
{
	const char mark = 0;
	drop_left((uintptr_t)&mark);
	const int at = libc.fcntl(fd, F_DUPFD_CLOEXEC, LOWEST);
	if (at < 0)
		return NULL;
	struct duplicate *d = claim(process_thread());
	if (!d) {
		const int cancelled = signals_hold_cancellation();
		libc.close(at);
		signals_release_cancellation(cancelled);
		errno = EMFILE;
		return NULL;
	}
	d->frame = (uintptr_t)&mark;
	d->outer = current;
	atomic_store(&d->cookie, 0);
	atomic_store(&d->deadline_ms, 0);
	atomic_store(&d->number, fd);
	atomic_store(&d->at, at);
	descriptor_made(at, DESCRIPTOR_OURS);
	descriptor_set(fd, DESCRIPTOR_HELD);
	if (has_key)
		libc.pthread_setspecific(at_threads_end, d);
	current = d;
	return d;
}

void duplicate_release(struct duplicate *d)
{
	current = d->outer;
	drop(d);
}

static bool is_dead(int thread)
{
	return libc.syscall(SYS_tgkill, libc.getpid(), thread, 0) < 0 && errno == ESRCH;
}

bool duplicate_of(int fd)
{
	const unsigned end = atomic_load(&table_end);
	for (unsigned i = 0; i < end; i++)
		if (atomic_load(&table[i].thread) && atomic_load(&table[i].number) == fd)
			return true;
	return false;
}

void duplicate_orphans(int fd)
{
	const int before = errno;
	const unsigned end = atomic_load(&table_end);
	const char mark = 0;
	bool held = false;
	drop_left((uintptr_t)&mark);
	/* What this thread itself holds is of a wait that was left, from deeper on the stack than it is now; or else of one that
	 * our caller has interrupted, and ends. Its entry goes when the thread is back above it. */
	for (struct duplicate *mine = current; mine; mine = mine->outer)
		if (atomic_load(&mine->number) == fd)
			close_held(mine);
	for (unsigned i = 0; i < end; i++) {
		struct duplicate *d = &table[i];
		int thread = atomic_load(&d->thread);
		if (!thread || atomic_load(&d->number) != fd || duplicate_at(d) < 0)
			continue;
		/* By one thread only, of all that close the number at once. */
		if (is_dead(thread) && atomic_compare_exchange_strong(&d->thread, &thread, process_thread()))
			drop(d);
		else
			held = true;
	}
	if (!held)
		descriptor_clear(fd, DESCRIPTOR_HELD);
	errno = before;
}

void duplicate_move(int at)
{
	const int before = errno;
	const unsigned end = atomic_load(&table_end);
	for (unsigned i = 0; i < end; i++) {
		struct duplicate *d = &table[i];
		const uint64_t cookie = atomic_load(&d->cookie);
		if (!atomic_load(&d->thread) || duplicate_at(d) != at || (cookie && cookie_at(at) != cookie))
			continue;
		const int to = libc.fcntl(at, F_DUPFD_CLOEXEC, LOWEST);
		if (to >= 0)
			descriptor_made(to, DESCRIPTOR_OURS);
		atomic_store(&d->at, to);
	}
	descriptor_clear(at, DESCRIPTOR_OURS);
	errno = before;
}

void duplicate_forked(void)
{
	const int before = errno;
	process_forked();
	const unsigned end = atomic_load(&table_end);
	for (unsigned i = 0; i < end; i++) {
		if (!atomic_load(&table[i].thread))
			continue;
		if (is_own(&table[i]))
			atomic_store(&table[i].thread, process_thread());
		else
			drop(&table[i]);
	}
	errno = before;
}

int duplicate_next(unsigned first)
{
	const int before = errno;
	const unsigned end = atomic_load(&table_end);
	int next = -1;
	for (unsigned i = 0; i < end; i++) {
		const int at = duplicate_at(&table[i]);
		const uint64_t cookie = atomic_load(&table[i].cookie);
		/* It may have been closed just now, and the number be the program's. */
		if (atomic_load(&table[i].thread) && at >= 0 && (unsigned)at >= first && (next < 0 || at < next) &&
		    (!cookie || cookie_at(at) == cookie))
			next = at;
	}
	errno = before;
	return next;
}
