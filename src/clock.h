/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The time, and a stamp so cheap that every send can take one.
 */
#ifndef SNDTIMEO_CLOCK_H
#define SNDTIMEO_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/** Later than any deadline: wait for ever. */
#define NEVER_NS INT64_MAX

/** CLOCK_MONOTONIC in nanoseconds. Async-signal-safe; a vDSO call, not a system call, where the kernel has one. */
int64_t clock_now_ns(void);

/** A deadline @p ms from @p now_ns; a negative @p ms means never, as in poll(2). */
static inline int64_t clock_deadline_ns(int64_t now_ns, int64_t ms)
{
	return ms < 0 || ms > (INT64_MAX - now_ns) / NS_PER_MS ? NEVER_NS : now_ns + ms * NS_PER_MS;
}

/** @p ns as a timespec; negative counts as none left. */
static inline struct timespec clock_timespec(int64_t ns)
{
	if (ns < 0)
		ns = 0;
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/**
 * A stamp to take before a send, worth something to clock_since_ns() alone. It is the processor's counter where there
 * is one that user space may read (four instructions, a clock_gettime() is thirty): every write() of the program pays
 * for it, and only a short count on a blocking socket ever looks at it.
 */
static inline uint64_t clock_stamp(void)
{
#if defined __x86_64__ || defined __i386__
	return __builtin_ia32_rdtsc();
#elif defined __aarch64__
	uint64_t stamp;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(stamp));
	return stamp;
#else
	return (uint64_t)clock_now_ns();
#endif
}

/** Remember when the counter was what, so that its rate is known later. Called once, at start. */
void clock_start(void);

/** Nanoseconds since @p stamp was taken (-1 in the first milliseconds of a process, before the counter's rate is
 * known). Async-signal-safe. */
int64_t clock_since_ns(uint64_t stamp);

#endif
