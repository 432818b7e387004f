/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What every function that we replace is made with.
 */
#ifndef SNDTIMEO_REPLACE_H
#define SNDTIMEO_REPLACE_H

#include "base/libc.h"
#include "preload/start.h"

#define EXPORT __attribute__((visibility("default")))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/** The real functions; found now, if another library's constructor calls us before our own has run. */
static inline const struct libc *real(void)
{
	if (unlikely(!started))
		start();
	return &libc;
}

/** The head of a function that is declared with one more argument, or none, in "...": what may be there is passed on as it
 * came. Every calling convention of Linux passes it as if it were declared. */
#define ONE_MORE(name, parameter)                                                                                  \
	EXPORT int name##_with(int fd, parameter, void *argument) __asm__(#name);                                  \
	int name##_with(int fd, parameter, void *argument)

#endif
