/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A library (libclock.so) whose monotonic clock is another, as libfaketime's may be.
 *
 * TESTER_CLOCK: `day`, since 1970; `forward` or `backward`: so, and TESTER_CLOCK_JUMP_MS after the first look an hour off.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HOUR_S 3600

static struct timespec begun;

static int64_t since_ms(const struct timespec *now)
{
	return (int64_t)(now->tv_sec - begun.tv_sec) * 1000 + (now->tv_nsec - begun.tv_nsec) / 1000000;
}

/* Public: this is what others are to find. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
	const char *kind = getenv("TESTER_CLOCK"), *jump = getenv("TESTER_CLOCK_JUMP_MS");
	const long failed = syscall(SYS_clock_gettime, id == CLOCK_MONOTONIC ? CLOCK_REALTIME : id, now);

	if (failed || id != CLOCK_MONOTONIC)
		return (int)failed;
	if (!begun.tv_sec)
		begun = *now;
	if (kind && jump && since_ms(now) > atol(jump))
		now->tv_sec += strcmp(kind, "forward") == 0 ? HOUR_S : strcmp(kind, "backward") == 0 ? -HOUR_S : 0;
	return 0;
}
