/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Duplicates of descriptors, which whoever waits or acts on a socket holds: as the kernel holds the file for a
 * call that is blocked in it, so that a close() by another thread ends nothing, and no other file is taken for it.
 *
 * A duplicate is a number more in the program's table, and it must neither be left behind nor be mistaken for the
 * program's own:
 *  - it is closed on exec (O_CLOEXEC), and in a forked child (duplicate_forked());
 *  - who leaves our wait by siglongjmp() leaves one behind: the thread's next call that takes one closes it, and so does
 *    close() of the number it was taken of (duplicate_orphans()); so it is for a thread that was cancelled;
 *  - close() and close_range() of it are the program's mistake, and do nothing (the flag DESCRIPTOR_OURS); dup2() onto it
 *    moves it away first (duplicate_move()).
 *
 * All are async-signal-safe, and make system calls that need fcntl, close, gettid and sigaltstack. Not for vfork
 * children, but for duplicate_is_ours().
 */
#ifndef SNDTIMEO_DUPLICATE_H
#define SNDTIMEO_DUPLICATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct duplicate {
	_Atomic int thread;      /**< who holds it (gettid(2)); 0: free */
	_Atomic int number;      /**< of which descriptor */
	_Atomic int at;          /**< the duplicate */
	_Atomic uint64_t cookie; /**< of its socket, 0: not known */
	/* Of a connect: its TCP_USER_TIMEOUT, and the one to be put back if its holder never does; 0 and 0: none. */
	_Atomic int32_t deadline_ms, own_ms;
	/* The holder's own; atomic for gcc's thread sanitizer, which sees no order between threads within poll(2). */
	_Atomic uintptr_t frame;           /**< where its holder's stack was */
	_Atomic(struct duplicate *) outer; /**< what the thread held before, if a signal handler interrupted its wait */
};

/** Once, at start. */
void duplicate_start(void);

/** Take a duplicate of @p fd for this thread. @return NULL, with errno as fcntl(2) sets it, or EMFILE if too many are
 * held */
struct duplicate *duplicate_take(int fd);

/** Its number now: it may have been moved; -1: it was closed, and the wait that held it is over. */
static inline int duplicate_at(const struct duplicate *d)
{
	return atomic_load_explicit(&d->at, memory_order_acquire);
}

/** Close it. Keeps errno. */
void duplicate_release(struct duplicate *d);

/** Whether any is held of @p fd, by whomever. No system call. */
bool duplicate_of(int fd);

/** @p fd, which has DESCRIPTOR_HELD, is about to be closed: close what was left behind by a wait that is over. */
void duplicate_orphans(int fd);

/** Whether @p fd, which has DESCRIPTOR_OURS, is a duplicate that another thread holds, and no file of the program's: in a vfork
 * child, or in a thread with a table of its own, the number may be both. Keeps errno. */
bool duplicate_is_at(int fd);

/** The program is about to put a file of its own at @p at: use another number. */
void duplicate_move(int at);

/** This process was just forked: its copies of what other threads hold are closed. */
void duplicate_forked(void);

/** Walk through the duplicates in ascending order: the first number from @p first on, or -1. */
int duplicate_next(unsigned first);

#endif
