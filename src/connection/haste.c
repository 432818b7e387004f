/* SPDX-License-Identifier: MIT */
/** @file
 * @brief TCP_RTO_MAX_MS on a socket that has stalled.
 */
#include "connection/haste.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "base/libc.h"
#include "base/signals.h"

/** So often the kernel tries before a verdict, once nothing has moved for as long. */
#define TRIES_IN_A_LIMIT 8
/** The kernel takes no TCP_RTO_MAX_MS below this (net/ipv4/tcp.c). */
#define LEAST_MS 1000
/** So often the kernel tries by default before it gives a connection up (net.ipv4.tcp_retries2). */
#define DEFAULT_RETRIES 15

int haste_ms(int32_t limit_ms)
{
	const int part_ms = limit_ms / TRIES_IN_A_LIMIT;
	return part_ms > LEAST_MS ? part_ms : LEAST_MS;
}

bool haste_is_due(int64_t stalled_ns, int32_t limit_ms)
{
	return stalled_ns >= limit_ms * NS_PER_MS / TRIES_IN_A_LIMIT;
}

static bool rto_max(int fd, int *ms)
{
	socklen_t size = sizeof *ms;
	return libc.getsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, ms, &size) == 0;
}

static bool set_rto_max(int fd, int ms)
{
	return libc.setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &ms, sizeof ms) == 0;
}

/** Whether the kernel tries as often as by default, so that it may do so sooner. Asked once; false without /proc. */
static bool retries_suffice(void)
{
	static _Atomic int known;
	char text[4] = "";
	int retries = known;
	if (retries)
		return retries >= DEFAULT_RETRIES;
	const int cancelled = signals_hold_cancellation();
	const int fd = libc.open("/proc/sys/net/ipv4/tcp_retries2", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!libc.read(fd, text, sizeof text - 1);
		libc.close(fd);
	}
	signals_release_cancellation(cancelled);
	for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++)
		retries = 10 * retries + *digit - '0';
	known = retries ? retries : -1;
	return retries >= DEFAULT_RETRIES;
}

bool haste_may(int fd, int32_t limit_ms, int *own_ms)
{
	return retries_suffice() && rto_max(fd, own_ms) && *own_ms > haste_ms(limit_ms);
}

bool haste_put_on(int fd, int32_t limit_ms)
{
	return set_rto_max(fd, haste_ms(limit_ms));
}

void haste_take_off(int fd, int32_t limit_ms, int own_ms)
{
	int ms;
	if (rto_max(fd, &ms) && ms == haste_ms(limit_ms))
		set_rto_max(fd, own_ms);
}
