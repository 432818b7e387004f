/* SPDX-License-Identifier: MIT */
/** @file
 * @brief errno without a call, for what every send of a program pays.
 *
 * libc keeps it at the same distance from the thread's own pointer in every thread, because libc is there from the start. Where
 * a compiler does not give that pointer, libc is asked.
 */
#ifndef SNDTIMEO_ERRNO_H
#define SNDTIMEO_ERRNO_H

#include <errno.h>
#include <stddef.h>

#ifdef __has_builtin
/* gcc has it for x86 since 11, and says before that it has it. */
#if __has_builtin(__builtin_thread_pointer) && (defined __clang__ || __GNUC__ >= 11 || !(defined __x86_64__ || defined __i386__))
#define ERRNO_BY_THREAD_POINTER
#endif
#endif

#ifdef ERRNO_BY_THREAD_POINTER

/** The distance; known from the start on (errno_start()). */
extern ptrdiff_t errno_distance __attribute__((visibility("hidden")));

static inline void errno_start(void)
{
	errno_distance = (char *)&errno - (char *)__builtin_thread_pointer();
}

static inline int errno_now(void)
{
	return *(const int *)((const char *)__builtin_thread_pointer() + errno_distance);
}

#else

static inline void errno_start(void)
{
}

static inline int errno_now(void)
{
	return errno;
}

#endif

#endif
