/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The socket options by which the kernel itself gives a connection up, with ETIMEDOUT, when its limit has passed.
 *
 * TCP_USER_TIMEOUT ends what is being connected, counted from the first SYN, and what is stalled, counted from when a
 * timer of the kernel's ran out first (net/ipv4/tcp_timer.c). The latter is put on late: a watcher that is killed leaves it
 * on what was being connected or was stalled just then, and nowhere else. What the program has set itself is not changed.
 */
#ifndef SNDTIMEO_ARM_H
#define SNDTIMEO_ARM_H

#include <stdbool.h>
#include <stdint.h>

#include "connection/look.h"
#include "outside/watched.h"

/** A connect deadline below this is not the kernel's: it looks at it when the first SYN was not answered for a second. */
#define ARM_CONNECT_LEAST_MS 1000

/** Put TCP_USER_TIMEOUT on @p at. @return false: the program has one of its own that counts, or the kernel has none */
bool arm_user_timeout(struct watched *w, int at, enum armed which, int32_t ms);

/** Keep account of when the kernel's timer ran out first, as far as @p look tells: every look at what is established. It is from
 * there that TCP_USER_TIMEOUT counts, and what is kept is never later. */
void arm_follow(struct watched *w, const struct look *look, int64_t now_ns);

/** It is stalled, and @p left_ns are left: see to it that the kernel tries once more in time, and then ends it. */
void arm_for_verdict(struct watched *w, int at, const struct look *look, int64_t left_ns, int64_t now_ns);

/** Take off what is ours. */
void arm_take_off(struct watched *w, int at);

#endif
