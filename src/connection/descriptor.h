/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One word for each descriptor number: whether it may be a socket to take care of, and how often it changed hands.
 *
 * All of it is a hint by number. A flag that is there and should not be costs a system call, and the kernel's own word
 * ("that is no such socket") takes it off; one that is missing means a socket without limits. Nobody acts on a socket
 * because of a flag: what acts asks for the cookie first, or holds a duplicate (duplicate.h).
 *
 * The generation is two counts. One is moved on by what closes the number, before it acts and after; that is a question for
 * the cookie and never an answer, because a vfork child's close() moves its parent's. The other is moved on by whatever
 * makes a socket there, or puts another file there, after it did: that is an answer. If neither has moved between two
 * moments, the number was the same file at both, but for what no wrapper saw (io_uring, system calls).
 *
 * Everything here is atomic, makes no system call, touches no errno and no thread-local storage: it may be used before the
 * start, in signal handlers, in vfork children and in threads without thread-local storage.
 */
#ifndef SNDTIMEO_DESCRIPTOR_H
#define SNDTIMEO_DESCRIPTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Numbers that have a word: fs.nr_open as Linux has it. Each above counts as one that may be anything. */
#define DESCRIPTORS (1 << 20)

enum descriptor_flag {
	DESCRIPTOR_COVERED = 1,       /**< it may be a covered socket */
	DESCRIPTOR_MPTCP = 2,         /**< ... of MPTCP */
	DESCRIPTOR_UNIX = 4,          /**< ... a unix stream socket, which a rule may name */
	DESCRIPTOR_FASTOPEN = 8,      /**< TCP_FASTOPEN_CONNECT was set: the first send connects */
	DESCRIPTOR_NOTICED = 16,      /**< something is remembered of it (memory.h) that a send or a receive has to know first */
	DESCRIPTOR_HELD = 32,         /**< its closing is to be seen: some thread holds a duplicate of it (duplicate.h), or it is an
	                               epoll descriptor that tells of room */
	DESCRIPTOR_OURS = 64,         /**< this number is such a duplicate */
};
#define DESCRIPTOR_FLAGS 127u
/* What is no reason to be other than plain. */
/** We know what it is, or was: a socket that came to be behind our back (torsocks in front of us gets its own libc) is looked
 * at once, by the first call that only sockets are made for. In one byte with the flags. */
#define DESCRIPTOR_SEEN 128u
/** O_NONBLOCK was set, as far as seen. */
#define DESCRIPTOR_NONBLOCKING 256u
/** It was duplicated, inherited or forked: another number, or another process, may have the same socket. */
#define DESCRIPTOR_SHARED 512u
/** Added when it is closed, or about to be: 10 bits. */
#define DESCRIPTOR_LEFT_STEP (1u << 10)
/** Added when another file was put there: the bits above. */
#define DESCRIPTOR_MADE_STEP (1u << 20)
#define DESCRIPTOR_MADE (~(DESCRIPTOR_MADE_STEP - 1))
#define DESCRIPTOR_LEFT (DESCRIPTOR_MADE_STEP - DESCRIPTOR_LEFT_STEP)
/** What a duplicate has, too. */
#define DESCRIPTOR_OF_SOCKET                                                                                       \
	(DESCRIPTOR_COVERED | DESCRIPTOR_MPTCP | DESCRIPTOR_UNIX | DESCRIPTOR_FASTOPEN | DESCRIPTOR_NOTICED |      \
	 DESCRIPTOR_NONBLOCKING | DESCRIPTOR_SEEN | DESCRIPTOR_SHARED)

extern _Atomic uint32_t descriptor_words[DESCRIPTORS] __attribute__((visibility("hidden")));
/** How many of them may be read without further ado: 0 before the library has started. */
extern unsigned descriptor_bound __attribute__((visibility("hidden")));
/** DESCRIPTOR_SEEN if limits are set, else 0. */
extern unsigned char descriptor_known __attribute__((visibility("hidden")));
/** What a word has, of DESCRIPTOR_COVERED and of all that is to be looked at first, if a send may be tried at once: the former,
 * or nothing that can be if no send is limited. */
extern unsigned descriptor_tried __attribute__((visibility("hidden")));
/** Whether any number was ever marked. */
extern atomic_bool descriptor_any __attribute__((visibility("hidden")));

/** Whether @p fd is nothing of ours, and the library has started. */
static inline bool descriptor_plain(int fd)
{
	return (unsigned)fd < descriptor_bound &&
	       !(atomic_load_explicit(&descriptor_words[fd], memory_order_relaxed) & DESCRIPTOR_FLAGS);
}

/** The same for a call that is made for sockets alone; false, too, if we do not know what is there. */
static inline bool descriptor_plain_socket(int fd)
{
	return (unsigned)fd < descriptor_bound &&
	       (unsigned char)atomic_load_explicit(&descriptor_words[fd], memory_order_relaxed) == descriptor_known;
}

static inline bool descriptor_in_table(int fd)
{
	return (unsigned)fd < DESCRIPTORS;
}

/** The word of @p fd; one above the table may be a covered socket, one below 0 is nothing. */
static inline uint32_t descriptor_word(int fd)
{
	if (descriptor_in_table(fd))
		return atomic_load_explicit(&descriptor_words[fd], memory_order_acquire);
	return fd < 0 ? 0 : DESCRIPTOR_COVERED;
}

static inline bool descriptor_has(int fd, unsigned flags)
{
	return descriptor_word(fd) & flags;
}

/** A new socket is at @p fd: these are its flags, and the generation moves on. */
void descriptor_made(int fd, unsigned flags);
/** @p to is about to be, or now is, the same file as @p from. */
void descriptor_copied(int from, int to);
/** @p fd is about to be closed, or replaced by another file. */
void descriptor_leaving(int fd);
/** The same for all from @p first to @p last that were ever marked. */
void descriptor_leaving_range(unsigned first, unsigned last);
/** The next number from @p first on that has all of @p flags, or -1. */
int descriptor_next(int first, unsigned flags);
/** Set or take off flags of the file that is at @p fd now. */
void descriptor_set(int fd, unsigned flags);
void descriptor_clear(int fd, unsigned flags);
/** The kernel said that it is no such socket: no flag is left, unless the word is not @p word any more. */
void descriptor_not_covered(int fd, uint32_t word);

/** Whether nothing happened to @p fd since its word was @p word, as far as seen. Above the table that is not known. */
static inline bool descriptor_unmoved(int fd, uint32_t word)
{
	return descriptor_in_table(fd) && !((descriptor_word(fd) ^ word) & (DESCRIPTOR_LEFT | DESCRIPTOR_MADE));
}

/** Whether two words of a number are of files of which none was put there after the other. */
static inline bool descriptor_same_made(uint32_t one, uint32_t other)
{
	return !((one ^ other) & DESCRIPTOR_MADE);
}

#endif
