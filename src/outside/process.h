/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Looks into another process: what /proc says of it, its memory, its descriptors. Nothing in it changes.
 */
#ifndef SNDTIMEO_OUTSIDE_PROCESS_H
#define SNDTIMEO_OUTSIDE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/** Of its name, which is 15 bytes long at most (proc(5), comm) and may be escaped. */
#define PROCESS_NAME_SIZE 68

struct process {
	pid_t id;     /**< the one that was asked for: of a process, or of any of its threads */
	pid_t leader; /**< of the process */
	uid_t user;   /**< the real one */
	int threads;
	bool ended; /**< it only waits for its parent to ask how it ended (a zombie) */
	char name[PROCESS_NAME_SIZE];
};

/** Read the number of a process, of @p length digits. @return 0: it is none */
pid_t process_number(const char *digits, size_t length);

/** @return whether the numbers in /proc are those that system calls take here: it may be another pid namespace's, or absent */
bool process_numbers_are_ours(void);

/** @return 0; ESRCH: there is none, EACCES: there is one, but /proc does not show it; or another errno */
int process_find(struct process *process, pid_t id);

/** Open one of its files in /proc for reading. @return NULL, with errno, if that cannot be done */
FILE *process_open(const struct process *process, const char *name);

/** Copy @p size bytes of its memory. @return how many were there; -1, with errno: none */
ssize_t process_read(const struct process *process, uintptr_t address, void *to, size_t size);

/** The same, but what its program provides itself, page by page (userfaultfd(2)), is not waited for: that may take for ever. EIO: there
 * is nothing, or no more than that. */
ssize_t process_peek(const struct process *process, uintptr_t address, void *to, size_t size);

/** What execve(2) was given to start its program (getauxval(3), AT_EXECFN). @return false: it cannot be read */
bool process_started_as(const struct process *process, char *path, size_t size);

/** A number that execve(2) changes and nothing else does: it is made of its auxiliary vector, which has addresses of the program's
 * image and 16 random bytes'. 0: it cannot be read. */
uint64_t process_image(const struct process *process);

/** How far its CLOCK_MONOTONIC is ahead of ours, if it lives in a time namespace (time_namespaces(7)). */
int64_t process_clock_ahead_ns(const struct process *process);

/** Part of its memory, a line of /proc/PID/maps. */
struct mapping {
	uintptr_t start, end;
	uint64_t offset;  /**< in the file */
	bool writable;    /**< private and for reading and writing */
	const char *path; /**< as the kernel writes it; "": there is no file */
};

/** Show every mapping to @p visit. @return 0 or an errno */
int process_mappings(const struct process *process, void (*visit)(const struct mapping *mapping, void *context),
                     void *context);

/** @return a descriptor for process_duplicate(), to be closed; -1, with errno */
int process_handle(const struct process *process);

/** The same of the process as a whole: readable once all of it has ended. */
int process_handle_of_all(const struct process *process);

/** Duplicate a descriptor of the process; it refers to the same open file. @return it; -1, with errno */
int process_duplicate(int handle, int fd);

/** Whether a descriptor of ours may be held on to: some are left free, to look by. */
bool process_may_keep(int fd);

/** Show the descriptor and the inode of every socket of the process to @p visit, until that returns false.
 * @return 0 or an errno; ECANCELED: @p visit ended it */
int process_sockets(const struct process *process, bool (*visit)(int fd, uint64_t inode, void *context), void *context);

/** When it began, in ticks since the machine did (proc(5), stat, field 22): with the id it is one process for ever. 0: it is
 * not there, or /proc does not show it. */
uint64_t process_began(pid_t id);

#endif
