/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What every function that we replace is made with.
 */
#ifndef SNDTIMEO_REPLACE_H
#define SNDTIMEO_REPLACE_H

#include "libc.h"
#include "start.h"

#define EXPORT __attribute__((visibility("default")))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/** The real functions; found now, if another library's constructor calls us before our own has run. */
static inline const struct libc *real(void)
{
#if defined __x86_64__ && defined __LP64__
	/* Most have no need to start, and would save all their arguments over a call. This one keeps them (route.c). */
	__asm__ volatile("call start_at_last" ::: "memory", "cc", "rax", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
	                 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#else
	if (unlikely(!bound))
		start();
#endif
	return &libc;
}

/** The head of a function that is declared with one more argument, or none, in "...": what may be there is passed on as it
 * came. Every calling convention of Linux passes it as if it were declared. */
#define ONE_MORE(name, parameter)                                                                                  \
	EXPORT int name##_with(int fd, parameter, void *argument) __asm__(#name);                                  \
	int name##_with(int fd, parameter, void *argument)

#endif
