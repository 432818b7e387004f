/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Included ahead of every file of the library: all that it takes from libc is optional.
 *
 * The library names no libc, so it can be preloaded into programs of any. Some have none and come to the loader
 * nevertheless (Go, built as PIE); the loader would refuse to start them for a symbol that is missing. start() looks.
 *
 * In assembler, because compilers call some of these on their own.
 */
#ifndef SNDTIMEO_OPTIONAL_H
#define SNDTIMEO_OPTIONAL_H

__asm__(".weak __errno_location, bcmp, clock_gettime, close, dlsym, environ, fstat, getauxval, getpid, getrlimit\n\t"
        ".weak getsockname, inet_ntop, inet_pton, madvise, memcmp, memcpy, memmove, memset, mmap, mremap, munmap\n\t"
        ".weak open, open64, program_invocation_short_name, pthread_setcancelstate, pthread_sigmask, shutdown\n\t"
        ".weak sigaction, sigaddset, sigemptyset, sigfillset, sigismember, sigpending, sigtimedwait, socket\n\t"
        ".weak memchr, pread, strchr, strcmp, strcspn, strlen, strncmp, strnlen, strspn, __stack_chk_fail");

#endif
