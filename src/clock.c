/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The time, and the rate of the processor's counter, measured once.
 */
#include "clock.h"

#include <stdatomic.h>

#include "libc.h"

/** The rate is taken over this long at least: then an error of a microsecond does not matter. */
#define RATE_BASE_NS (10 * NS_PER_MS)

static uint64_t base_stamp;
static int64_t base_ns;
/** Nanoseconds a tick, as the bits of a double; 0: not known yet. Measured once and kept: later the counter and
 * CLOCK_MONOTONIC may part company (a suspended machine stops the clock but not always the counter). */
static _Atomic uint64_t rate_bits;

int64_t clock_now_ns(void)
{
	struct timespec now;
	libc.clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

void clock_start(void)
{
	base_ns = clock_now_ns();
	base_stamp = clock_stamp();
}

int64_t clock_since_ns(uint64_t stamp)
{
	const uint64_t now = clock_stamp();
	union { uint64_t bits; double ns_per_tick; } rate = {.bits = atomic_load_explicit(&rate_bits, memory_order_relaxed)};
	if (!rate.bits) {
		const int64_t ns = clock_now_ns() - base_ns;
		if (ns < RATE_BASE_NS || now <= base_stamp)
			return -1;
		rate.ns_per_tick = (double)ns / (double)(now - base_stamp);
		atomic_store_explicit(&rate_bits, rate.bits, memory_order_relaxed);
	}
	/* A counter that ran backwards belongs to another processor: no time has passed that is worth mentioning. */
	return now <= stamp ? 0 : (int64_t)((double)(now - stamp) * rate.ns_per_tick);
}
