/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The limits of a destination, and how each is named and written, for variables, options and rules alike.
 */
#ifndef SNDTIMEO_LIMITS_H
#define SNDTIMEO_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum policy {
	POLICY_REPLACE,   /**< the send timeout replaces a synchronous writer's own limit */
	POLICY_CAP,       /**< the send timeout only ever shortens a wait */
};

struct limits {
	int32_t connect_ms;      /**< connect deadline; 0: none */
	int32_t send_ms;         /**< send timeout; 0: none */
	int32_t send_total_ms;   /**< longest time one send call may take; 0: any */
	int32_t unacked_ms;      /**< TCP_USER_TIMEOUT of established connections; 0: the kernel's own */
	int64_t min_rate;        /**< least bytes a second that a peer has to take while a send waits; 0: any */
	enum policy policy;
};

/** One of the limits, by its number in limit_names. */
enum limit { LIMIT_CONNECT, LIMIT_SEND, LIMIT_SEND_TOTAL, LIMIT_MIN_RATE, LIMIT_UNACKED, LIMIT_POLICY, LIMIT_COUNT };

/** The settings that are no limits, in the order of settings.c, as a list of names (nearest.h). */
#define OTHER_NAMES "rules\0config\0log\0log_format\0verbose\0dry_run\0summary\0"
#define OTHER_COUNT 7
/** How each setting is called, limits behind the others, and behind those "off": the variable is SNDTIMEO_ and the same
 * in capitals, the option is -- and the same with hyphens. */
extern const char setting_names[] __attribute__((visibility("hidden")));
/** How a rule names each limit ("send_total"), and "off". */
#define limit_names (setting_names + sizeof OTHER_NAMES - 1)

/** Which limit is called by the first @p length bytes of @p name, in any case, with '_' or '-'; LIMIT_COUNT if none. */
enum limit limit_named(const char *name, size_t length);

/** What limit_take() accepts for it, for messages. */
const char *limit_accepted(enum limit limit);

/** Read @p value into the limit. @return whether it was good; @p limits changes only then. Async-signal-safe. */
bool limit_take(struct limits *limits, enum limit limit, const char *value);

/** Copy one limit. */
void limit_copy(struct limits *to, const struct limits *from, enum limit limit);

/** Room for all of them as text, a NUL included. */
#define LIMITS_SIZE 160

/** Append the limits that are set, as a rule has them: "connect=3s send=30s policy=replace"; "off" if none is. */
void text_add_limits(struct text *t, const struct limits *limits);

/** Whether any limit is set. */
bool limits_any(const struct limits *limits);

#endif
