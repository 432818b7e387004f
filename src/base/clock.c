/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The time.
 */
#include "base/clock.h"

#include <stdatomic.h>

#include "base/libc.h"

/** Longer than machines run, and short enough for the stall clock to count (stall.c). */
#define YEARS_NS (10 * 365 * 86400 * NS_PER_S)
/** Where a clock that begins elsewhere is taken to begin: so far in the past that nothing is older. */
#define DAY_NS (86400 * NS_PER_S)

/** Who is so much earlier than somebody before was not just overtaken: the clock was set back, and goes on from there. */
#define OVERTAKEN_NS NS_PER_S

/** Taken off every reading; and the latest there was. */
static _Atomic int64_t base_ns, latest_ns;
static bool by_system_call;

static int64_t read_ns(void)
{
	struct timespec now = {0};
	if (by_system_call)
		libc.syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	else
		libc.clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t seconds = now.tv_sec;
	if (seconds > INT32_MAX * INT64_C(2) || seconds < -INT32_MAX)
		seconds = INT32_MAX;
	return seconds * NS_PER_S + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
	const int64_t read = read_ns(), latest = atomic_load_explicit(&latest_ns, memory_order_relaxed);
	int64_t now_ns = read - atomic_load_explicit(&base_ns, memory_order_relaxed);
	if (now_ns > YEARS_NS && !latest)
		now_ns = DAY_NS;
	else if (now_ns < latest - OVERTAKEN_NS || now_ns > YEARS_NS)
		now_ns = latest;
	else {
		if (now_ns > latest)
			atomic_store_explicit(&latest_ns, now_ns, memory_order_relaxed);
		return now_ns;
	}
	atomic_store_explicit(&base_ns, read - now_ns, memory_order_relaxed);
	atomic_store_explicit(&latest_ns, now_ns, memory_order_relaxed);
	return now_ns;
}

void clock_by_system_call(bool by)
{
	by_system_call = by;
}
