/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The limits of a destination, and how each is named and written.
 */
#include "limits.h"

#include <string.h>

#include "quantity.h"

const char limit_names[LIMIT_COUNT][sizeof "send_total"] = {
	[LIMIT_CONNECT] = "connect",
	[LIMIT_SEND] = "send",
	[LIMIT_SEND_TOTAL] = "send_total",
	[LIMIT_MIN_RATE] = "min_rate",
	[LIMIT_UNACKED] = "unacked",
	[LIMIT_POLICY] = "policy",
};

static char folded(char c)
{
	if (c == '-')
		return '_';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_named(const char *own, const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (own[i] == '\0' || own[i] != folded(name[i]))
			return false;
	}
	return own[length] == '\0';
}

enum limit limit_named(const char *name, size_t length)
{
	enum limit limit = 0;

	while (limit < LIMIT_COUNT && !is_named(limit_names[limit], name, length))
		limit++;
	return limit;
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

bool limit_take(struct limits *limits, enum limit limit, const char *value)
{
	switch (limit) {
	case LIMIT_CONNECT: return parse_duration(value, &limits->connect_ms);
	case LIMIT_SEND: return parse_duration(value, &limits->send_ms);
	case LIMIT_SEND_TOTAL: return parse_duration(value, &limits->send_total_ms);
	case LIMIT_MIN_RATE: return parse_rate(value, &limits->min_rate);
	case LIMIT_UNACKED: return parse_duration(value, &limits->unacked_ms);
	case LIMIT_POLICY: return take_policy(&limits->policy, value);
	case LIMIT_COUNT: break;
	}
	return false;
}

void limit_copy(struct limits *to, const struct limits *from, enum limit limit)
{
	switch (limit) {
	case LIMIT_CONNECT: to->connect_ms = from->connect_ms; break;
	case LIMIT_SEND: to->send_ms = from->send_ms; break;
	case LIMIT_SEND_TOTAL: to->send_total_ms = from->send_total_ms; break;
	case LIMIT_MIN_RATE: to->min_rate = from->min_rate; break;
	case LIMIT_UNACKED: to->unacked_ms = from->unacked_ms; break;
	case LIMIT_POLICY: to->policy = from->policy; break;
	case LIMIT_COUNT: break;
	}
}

bool limits_any(const struct limits *limits)
{
	/* A rate is the least that counts beyond the send timeout: without one it limits nothing. */
	return limits->connect_ms || limits->send_ms || limits->send_total_ms || limits->unacked_ms;
}

static void add_duration(struct text *t, enum limit limit, int32_t ms)
{
	if (!ms)
		return;
	text_add(t, limit_names[limit]);
	text_add(t, "=");
	text_add_number(t, ms % 1000 ? ms : ms / 1000);
	text_add(t, ms % 1000 ? "ms " : "s ");
}

static void add_rate(struct text *t, int64_t rate)
{
	static const char units[][3] = {" ", "K ", "M ", "G "};
	size_t unit = 0;

	if (!rate)
		return;
	for (; unit < 3 && rate % 1024 == 0; unit++)
		rate /= 1024;
	text_add(t, limit_names[LIMIT_MIN_RATE]);
	text_add(t, "=");
	text_add_number(t, rate);
	text_add(t, units[unit]);
}

void text_add_limits(struct text *t, const struct limits *limits)
{
	if (!limits_any(limits)) {
		text_add(t, "off");
		return;
	}
	add_duration(t, LIMIT_CONNECT, limits->connect_ms);
	add_duration(t, LIMIT_SEND, limits->send_ms);
	add_duration(t, LIMIT_SEND_TOTAL, limits->send_total_ms);
	add_rate(t, limits->min_rate);
	add_duration(t, LIMIT_UNACKED, limits->unacked_ms);
	text_add(t, limits->policy == POLICY_CAP ? "policy=cap" : "policy=replace");
}
