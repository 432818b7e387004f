/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Which machine's calls a program makes, and what their numbers mean here.
 */
#ifndef SNDTIMEO_OUTSIDE_MACHINE_H
#define SNDTIMEO_OUTSIDE_MACHINE_H

#include <sys/syscall.h>

#include "outside/process.h"

/** All calls on sockets by one: on some machines, i386 and s390x among them, libc makes them so. */
#ifdef SYS_socketcall
#define CALL_SOCKETCALL SYS_socketcall
#else
#define CALL_SOCKETCALL 100000
#endif

enum machine {
	MACHINE_UNKNOWN,   /**< its numbers mean nothing to us */
	MACHINE_OWN,
	MACHINE_I386,      /**< beside a watcher of 64 bits */
};

/** By the file of its program, which execve(2) changes. */
enum machine machine_of(const struct process *process);

/** @return the number that a call of @p machine has here, where it may send or wait, or CALL_SOCKETCALL; -1: any other call */
long machine_call(enum machine machine, long number);

#endif
