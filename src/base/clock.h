/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The time, and deadlines made of it.
 */
#ifndef SNDTIMEO_CLOCK_H
#define SNDTIMEO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/** Later than any deadline: wait for ever. */
#define NEVER_NS INT64_MAX

/** Whether so many seconds can be told in nanoseconds. (time_t may have 32 bits: all of them can.) */
static inline bool seconds_are_few(int64_t seconds)
{
	return seconds < INT64_MAX / NS_PER_S;
}

/** CLOCK_MONOTONIC in nanoseconds, never negative. One that begins elsewhere (libfaketime makes it the time of day) counts
 * from some day ago, and one that is set back goes on from where it was. Async-signal-safe; a vDSO call, not a system call, where the kernel has one. */
int64_t clock_now_ns(void);

/** Whether the processor's counter is forbidden (PR_SET_TSC), which the vDSO reads. */
void clock_by_system_call(bool by);

/** The sum of two times, NEVER_NS if that is more than there is. */
static inline int64_t clock_sum_ns(int64_t now_ns, int64_t ns)
{
	return ns > NEVER_NS - now_ns ? NEVER_NS : now_ns + ns;
}

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

#endif
