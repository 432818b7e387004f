/* SPDX-License-Identifier: MIT */
/** @file
 * @brief TCP_RTO_MAX_MS (Linux 6.15) on a socket that has stalled: the kernel tries again, or probes a closed window, so often
 * that a link that came back is found before a verdict.
 *
 * It shortens the kernel's own patience, too: net.ipv4.tcp_retries2 such pauses, fifteen by default, which is not before the
 * limit has passed. So it is put on only where that is not less, while the stall lasts, and by whoever sees its end.
 *
 * Asks the kernel alone, and remembers nothing of a socket. Async-signal-safe; may change errno.
 */
#ifndef SNDTIMEO_HASTE_H
#define SNDTIMEO_HASTE_H

#include <stdbool.h>
#include <stdint.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

/** The longest pause between two tries under a limit of @p limit_ms. */
int haste_ms(int32_t limit_ms);

/** Whether a stall of @p stalled_ns is long enough for it. */
bool haste_is_due(int64_t stalled_ns, int32_t limit_ms);

/** Whether it may be put on @p fd, which has a longer one, in @p *own_ms. False where the kernel cannot be asked (older, MPTCP). */
bool haste_may(int fd, int32_t limit_ms, int *own_ms);

bool haste_put_on(int fd, int32_t limit_ms);

/** Put @p own_ms back, unless the program has set its own since. */
void haste_take_off(int fd, int32_t limit_ms, int own_ms);

#endif
