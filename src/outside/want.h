/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the threads of another process wait for, as far as the kernel tells: whether they want to send.
 *
 * A socket that takes no more may have been handed all there is: its program waits for the answer, and nothing is to be
 * timed. /proc/PID/task/TID/syscall tells of a thread that is in a call, with its arguments (proc(5)); the arrays of poll(2)
 * and select(2) are read from the process' memory, and what an epoll descriptor is for from its fdinfo.
 *
 * Needs the rights of ptrace(2), PTRACE_MODE_ATTACH. Nothing in the process changes.
 */
#ifndef SNDTIMEO_WANT_H
#define SNDTIMEO_WANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outside/machine.h"
#include "outside/process.h"

/** In the order in which one outweighs another, of several threads or processes. */
enum want {
	WANT_NOTHING,   /**< to receive, or nobody waits for this socket */
	WANT_UNSEEN,    /**< somebody was in no call just now */
	WANT_UNTOLD,    /**< edge-triggered epoll, io_uring, another machine's calls, but for those of i386: the kernel does not tell */
	WANT_TO_SEND,
};

/** What somebody waits for, of a descriptor or, where the kernel tells, of whatever has that inode. */
struct wish {
	uint64_t of;
	bool is_inode;
	enum want want;
};

/** What was found in one process at one moment; zeroed, it is nothing yet. */
struct wishes {
	struct wish *all;
	size_t count, room;
	enum want of_others;   /**< of every descriptor that is not named */
};

/** Look at all threads of @p process. What was there before is forgotten. @p machine: machine_of() it */
void wishes_find(struct wishes *wishes, const struct process *process, enum machine machine);

/** @param inode of the socket that @p fd is */
enum want wishes_for(const struct wishes *wishes, int fd, uint64_t inode);

void wishes_free(struct wishes *wishes);

#endif
