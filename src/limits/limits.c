/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The limits of a destination, and how each is named and written.
 */
#include "limits/limits.h"

#include <stddef.h>
#include <string.h>

#include "limits/nearest.h"
#include "limits/quantity.h"

const char setting_names[] = OTHER_NAMES "connect\0send\0send_total\0min_rate\0unacked\0policy\0off";

enum limit limit_named(const char *name, size_t length)
{
	return (enum limit)name_index(limit_names, LIMIT_COUNT, name, length);
}

const char *limit_accepted(enum limit limit)
{
	if (limit == LIMIT_POLICY)
		return "replace or cap";
	return limit == LIMIT_MIN_RATE ? RATE_ACCEPTED : DURATION_ACCEPTED;
}

static bool take_policy(enum policy *policy, const char *value)
{
	if (strcmp(value, "replace") == 0)
		*policy = POLICY_REPLACE;
	else if (strcmp(value, "cap") == 0)
		*policy = POLICY_CAP;
	else
		return false;
	return true;
}

/** Where each is; they are four bytes long but for the rate. */
static const unsigned char places[LIMIT_COUNT] = {
	[LIMIT_CONNECT] = offsetof(struct limits, connect_ms),
	[LIMIT_SEND] = offsetof(struct limits, send_ms),
	[LIMIT_SEND_TOTAL] = offsetof(struct limits, send_total_ms),
	[LIMIT_MIN_RATE] = offsetof(struct limits, min_rate),
	[LIMIT_UNACKED] = offsetof(struct limits, unacked_ms),
	[LIMIT_POLICY] = offsetof(struct limits, policy),
};
_Static_assert(sizeof(enum policy) == sizeof(int32_t), "four bytes long");

bool limit_take(struct limits *limits, enum limit limit, const char *value)
{
	void *const place = (char *)limits + places[limit];
	if (limit == LIMIT_MIN_RATE)
		return parse_rate(value, place);
	return limit == LIMIT_POLICY ? take_policy(place, value) : parse_duration(value, place);
}

void limit_copy(struct limits *to, const struct limits *from, enum limit limit)
{
	memcpy((char *)to + places[limit], (const char *)from + places[limit],
	       limit == LIMIT_MIN_RATE ? sizeof from->min_rate : sizeof(int32_t));
}

bool limits_any(const struct limits *limits)
{
	/* A rate is the least that counts beyond the send timeout: without one it limits nothing. */
	return limits->connect_ms || limits->send_ms || limits->send_total_ms || limits->unacked_ms;
}

static void add_limit(struct text *t, const struct limits *limits, enum limit limit)
{
	const int32_t ms = *(const int32_t *)((const char *)limits + places[limit]);
	if (ms)
		text_add_format(t, ms % 1000 ? "%s=%jdms " : "%s=%jds ", name_at(limit_names, limit),
		                (intmax_t)(ms % 1000 ? ms : ms / 1000));
}

static void add_rate(struct text *t, int64_t rate)
{
	static const char units[][3] = {" ", "K ", "M ", "G "};
	size_t unit = 0;

	if (!rate)
		return;
	for (; unit < 3 && rate % 1024 == 0; unit++)
		rate /= 1024;
	text_add_format(t, "min_rate=%jd%s", (intmax_t)rate, units[unit]);
}

void text_add_limits(struct text *t, const struct limits *limits)
{
	if (!limits_any(limits)) {
		text_add(t, "off");
		return;
	}
	for (enum limit limit = LIMIT_CONNECT; limit < LIMIT_POLICY; limit++)
		if (limit == LIMIT_MIN_RATE)
			add_rate(t, limits->min_rate);
		else
			add_limit(t, limits, limit);
	text_add(t, limits->policy == POLICY_CAP ? "policy=cap" : "policy=replace");
}
