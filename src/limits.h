/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The configuration: parsed once, by the library and by the launcher alike, and never changed afterwards.
 */
#ifndef SNDTIMEO_LIMITS_H
#define SNDTIMEO_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy {
	POLICY_REPLACE,   /**< the send timeout replaces a synchronous writer's own limit */
	POLICY_CAP,       /**< the send timeout only ever shortens a wait */
};

struct limits {
	int32_t connect_ms;   /**< connect deadline; 0: none */
	int32_t send_ms;      /**< send timeout; 0: none */
	enum policy policy;
	bool log_off;         /**< say nothing of timeouts (SNDTIMEO_LOG=off) */
};

/** Room for the longest complaint, its NUL included. */
#define LIMITS_COMPLAINT_SIZE 320

/** One line about a setting that was not understood, without newline:
 * "sndtimeo: SNDTIMEO_SEND='3x' ignored: expected ..." */
typedef void limits_complain(const char *line, void *context);

/**
 * Set one limit by its environment name.
 *
 * @param name "SNDTIMEO_CONNECT" and so on
 * @param value its value; an empty one is bad here
 * @param[out] complaint on failure, the rest of a line that the caller begins with the name its user knows the setting
 * by: "'3x': expected ..." (the value shortened) or "is not a setting of this version"; untouched otherwise
 * @return 1 if taken, 0 if the value is bad, -1 if the name is unknown. @p limits changes only on 1.
 * Async-signal-safe.
 */
int limits_set(struct limits *limits, const char *name, const char *value, char *complaint, size_t complaint_size);

/**
 * Read every SNDTIMEO_* variable of @p environment (a NULL-terminated array of NAME=VALUE, as in environ(7); may be
 * NULL) into @p limits, which is zeroed first. An empty value means not given. Each bad value and unknown name is told to
 * @p complain and ignored.
 * Async-signal-safe if @p complain is.
 */
void limits_from_environment(struct limits *limits, char *const *environment, limits_complain *complain, void *context);

#endif
