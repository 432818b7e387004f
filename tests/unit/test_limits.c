/* SPDX-License-Identifier: MIT */
/** @file
 * @brief limit_*() and limits_*(): how the limits are named, read, and written so that they can be read again.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/limits/limits.h"
#include "src/limits/nearest.h"
#include "src/limits/quantity.h"
#include "src/limits/rules.h"

#define COUNT(array) (sizeof (array) / sizeof *(array))
#define RATE_MOST (INT64_C(1) << 40)

/* What no case sets to. */
static const struct limits before = {71, 72, 73, 74, 75, POLICY_CAP};

static void expect_limits(const struct limits *limits, const struct limits *wanted, const char *of)
{
	cr_expect_eq(limits->connect_ms, wanted->connect_ms, "%s: connect=%dms", of, limits->connect_ms);
	cr_expect_eq(limits->send_ms, wanted->send_ms, "%s: send=%dms", of, limits->send_ms);
	cr_expect_eq(limits->send_total_ms, wanted->send_total_ms, "%s: send_total=%dms", of, limits->send_total_ms);
	cr_expect_eq(limits->unacked_ms, wanted->unacked_ms, "%s: unacked=%dms", of, limits->unacked_ms);
	cr_expect_eq(limits->min_rate, wanted->min_rate, "%s: min_rate=%" PRId64, of, limits->min_rate);
	cr_expect_eq(limits->policy, wanted->policy, "%s: policy", of);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static enum limit named(const char *name)
{
	const size_t length = strlen(name);
	/* Exactly as long: the address sanitizer watches its end. */
	char *copy = malloc(length ? length : 1);

	cr_assert(copy);
	memcpy(copy, name, length);
	const enum limit limit = limit_named(copy, length);

	free(copy);
	return limit;
}

Test(limits, named)
{
	static const struct {
		const char *name;
		enum limit limit;
	} cases[] = {
		{"connect", LIMIT_CONNECT},        {"send", LIMIT_SEND},
		{"send_total", LIMIT_SEND_TOTAL},  {"min_rate", LIMIT_MIN_RATE},
		{"unacked", LIMIT_UNACKED},        {"policy", LIMIT_POLICY},
		{"CONNECT", LIMIT_CONNECT},        {"Send", LIMIT_SEND},
		{"SEND_TOTAL", LIMIT_SEND_TOTAL},  {"send-total", LIMIT_SEND_TOTAL},
		{"Send-Total", LIMIT_SEND_TOTAL},  {"SEND-TOTAL", LIMIT_SEND_TOTAL},
		{"min-rate", LIMIT_MIN_RATE},      {"mIN_rATE", LIMIT_MIN_RATE},
		{"UNACKED", LIMIT_UNACKED},        {"pOLICY", LIMIT_POLICY},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(named(cases[i].name), cases[i].limit, "%s", cases[i].name);
}

Test(limits, not_named)
{
	static const char *const cases[] = {
		"", "s", "sen", "sends", "send_", "send-", "-send", " send", "send ", "send=", "send_tota",
		"send_totals", "sendtotal", "send total", "send__total", "send.total", "connec", "connectt", "min",
		"min_", "rate", "minrate", "unack", "unackeda", "polic", "policys", "off", "rules", "log",
		"SNDTIMEO_SEND", "--send", "\xd3" "end",
		/* One bit from capital letters, and from '_'. */
		"\x13" "end", "send\x7ftotal", "send\x1ftotal", "send?total",
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(named(cases[i]), LIMIT_COUNT, "%s", cases[i]);
}

/* Only so many bytes are the name, and a NUL is none of them. */
Test(limits, named_by_a_part)
{
	cr_expect_eq(limit_named("send_total", 4), LIMIT_SEND);
	cr_expect_eq(limit_named("send_total", 10), LIMIT_SEND_TOTAL);
	cr_expect_eq(limit_named("send_total", 5), LIMIT_COUNT);
	cr_expect_eq(limit_named("send=3", 4), LIMIT_SEND);
	cr_expect_eq(limit_named("send", 0), LIMIT_COUNT);
	cr_expect_eq(limit_named("send\0x", 5), LIMIT_COUNT);
	cr_expect_eq(limit_named("send\0x", 6), LIMIT_COUNT);
	cr_expect_eq(limit_named("\0send", 5), LIMIT_COUNT);
}

Test(limits, named_by_a_megabyte)
{
	enum { SIZE = 1000000 };
	char *name = malloc(SIZE);

	cr_assert(name);
	memset(name, 'd', SIZE);
	memcpy(name, "send", 4);
	cr_expect_eq(limit_named(name, SIZE), LIMIT_COUNT);
	free(name);
}

Test(limits, names_are_found_by_themselves)
{
	for (enum limit limit = 0; limit < LIMIT_COUNT; limit++)
		cr_expect_eq(named(name_at(limit_names, limit)), limit);
}

Test(limits, accepted)
{
	cr_expect_str_eq(limit_accepted(LIMIT_CONNECT), DURATION_ACCEPTED);
	cr_expect_str_eq(limit_accepted(LIMIT_SEND), DURATION_ACCEPTED);
	cr_expect_str_eq(limit_accepted(LIMIT_SEND_TOTAL), DURATION_ACCEPTED);
	cr_expect_str_eq(limit_accepted(LIMIT_UNACKED), DURATION_ACCEPTED);
	cr_expect_str_eq(limit_accepted(LIMIT_MIN_RATE), RATE_ACCEPTED);
	cr_expect_str_eq(limit_accepted(LIMIT_POLICY), "replace or cap");
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

Test(limits, take)
{
	static const struct {
		enum limit limit;
		const char *value;
		struct limits wanted;
	} cases[] = {
		{LIMIT_CONNECT, "3", {3000, 72, 73, 74, 75, POLICY_CAP}},
		{LIMIT_CONNECT, "off", {0, 72, 73, 74, 75, POLICY_CAP}},
		{LIMIT_SEND, "250ms", {71, 250, 73, 74, 75, POLICY_CAP}},
		{LIMIT_SEND, "0", {71, 0, 73, 74, 75, POLICY_CAP}},
		{LIMIT_SEND_TOTAL, "1m", {71, 72, 60000, 74, 75, POLICY_CAP}},
		{LIMIT_SEND_TOTAL, "off", {71, 72, 0, 74, 75, POLICY_CAP}},
		{LIMIT_UNACKED, ".5s", {71, 72, 73, 500, 75, POLICY_CAP}},
		{LIMIT_UNACKED, "2147483647ms", {71, 72, 73, INT32_MAX, 75, POLICY_CAP}},
		{LIMIT_MIN_RATE, "64K", {71, 72, 73, 74, 65536, POLICY_CAP}},
		{LIMIT_MIN_RATE, "1024G", {71, 72, 73, 74, RATE_MOST, POLICY_CAP}},
		{LIMIT_MIN_RATE, "off", {71, 72, 73, 74, 0, POLICY_CAP}},
		{LIMIT_POLICY, "replace", {71, 72, 73, 74, 75, POLICY_REPLACE}},
		{LIMIT_POLICY, "cap", {71, 72, 73, 74, 75, POLICY_CAP}},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct limits limits = before;

		cr_expect(limit_take(&limits, cases[i].limit, cases[i].value), "%s", cases[i].value);
		expect_limits(&limits, &cases[i].wanted, cases[i].value);
	}
}

Test(limits, take_nothing_bad)
{
	static const struct {
		enum limit limit;
		const char *value;
	} cases[] = {
		{LIMIT_CONNECT, ""},     {LIMIT_CONNECT, "3x"},    {LIMIT_CONNECT, "64K"},    {LIMIT_SEND, "-1"},
		{LIMIT_SEND, "597h"},    {LIMIT_SEND, "cap"},      {LIMIT_SEND_TOTAL, " 1"},  {LIMIT_SEND_TOTAL, "1M"},
		{LIMIT_UNACKED, "1G"},   {LIMIT_UNACKED, "OFF"},   {LIMIT_MIN_RATE, ""},      {LIMIT_MIN_RATE, "1s"},
		{LIMIT_MIN_RATE, "1ms"}, {LIMIT_MIN_RATE, "1h"},   {LIMIT_MIN_RATE, "1025G"}, {LIMIT_MIN_RATE, "64KB"},
		{LIMIT_POLICY, ""},      {LIMIT_POLICY, "Cap"},    {LIMIT_POLICY, "caps"},    {LIMIT_POLICY, "off"},
		{LIMIT_POLICY, "0"},     {LIMIT_POLICY, "replac"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct limits limits = before;

		cr_expect_not(limit_take(&limits, cases[i].limit, cases[i].value), "%s", cases[i].value);
		expect_limits(&limits, &before, cases[i].value);
	}
}

Test(limits, copy_one)
{
	static const struct limits from = {1, 2, 3, 4, 5, POLICY_REPLACE};
	static const struct limits wanted[LIMIT_COUNT] = {
		[LIMIT_CONNECT] = {1, 72, 73, 74, 75, POLICY_CAP},
		[LIMIT_SEND] = {71, 2, 73, 74, 75, POLICY_CAP},
		[LIMIT_SEND_TOTAL] = {71, 72, 3, 74, 75, POLICY_CAP},
		[LIMIT_UNACKED] = {71, 72, 73, 4, 75, POLICY_CAP},
		[LIMIT_MIN_RATE] = {71, 72, 73, 74, 5, POLICY_CAP},
		[LIMIT_POLICY] = {71, 72, 73, 74, 75, POLICY_REPLACE},
	};
	struct limits all = before;

	for (enum limit limit = 0; limit < LIMIT_COUNT; limit++) {
		struct limits limits = before;

		limit_copy(&limits, &from, limit);
		expect_limits(&limits, &wanted[limit], name_at(limit_names, limit));
		limit_copy(&all, &from, limit);
	}
	expect_limits(&all, &from, "all");
}

/* A rate counts beyond a send timeout, and a policy is of one: alone they limit nothing. */
Test(limits, any)
{
	static const struct {
		struct limits limits;
		bool any;
	} cases[] = {
		{{0}, false},
		{{.connect_ms = 1}, true},
		{{.send_ms = 1}, true},
		{{.send_total_ms = 1}, true},
		{{.unacked_ms = 1}, true},
		{{.min_rate = RATE_MOST}, false},
		{{.policy = POLICY_CAP}, false},
		{{.min_rate = 1, .policy = POLICY_CAP}, false},
		{{1, 1, 1, 1, 1, POLICY_CAP}, true},
		{{.connect_ms = INT32_MAX}, true},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(limits_any(&cases[i].limits), cases[i].any, "case %zu", i);
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

#define LARGEST "connect=2147483647ms send=2147483647ms send_total=2147483647ms min_rate=1099511627775 " \
	"unacked=2147483647ms policy=replace"

Test(limits, written)
{
	static const struct {
		struct limits limits;
		const char *wanted;
	} cases[] = {
		{{3000, 250, 60000, 1000, 65536, POLICY_CAP},
	         "connect=3s send=250ms send_total=60s min_rate=64K unacked=1s policy=cap"},
		{{0}, "off"},
		{{.policy = POLICY_CAP}, "off"},
		{{.min_rate = 1024}, "off"},
		{{.connect_ms = 3000}, "connect=3s policy=replace"},
		{{.send_ms = 30000}, "send=30s policy=replace"},
		{{.send_total_ms = 1}, "send_total=1ms policy=replace"},
		{{.unacked_ms = 999, .policy = POLICY_CAP}, "unacked=999ms policy=cap"},
		{{.connect_ms = 10000, .send_ms = 30000}, "connect=10s send=30s policy=replace"},
		{{.send_ms = 1500}, "send=1500ms policy=replace"},
		{{.send_ms = 3600000}, "send=3600s policy=replace"},
		{{.send_ms = 1000, .min_rate = 1}, "send=1s min_rate=1 policy=replace"},
		{{.send_ms = 1000, .min_rate = 1023}, "send=1s min_rate=1023 policy=replace"},
		{{.send_ms = 1000, .min_rate = 1025}, "send=1s min_rate=1025 policy=replace"},
		{{.send_ms = 1000, .min_rate = 1536}, "send=1s min_rate=1536 policy=replace"},
		{{.send_ms = 1000, .min_rate = 1024 * 1025}, "send=1s min_rate=1025K policy=replace"},
		{{.send_ms = 1000, .min_rate = 1 << 20}, "send=1s min_rate=1M policy=replace"},
		{{.send_ms = 1000, .min_rate = 1 << 30}, "send=1s min_rate=1G policy=replace"},
		{{.send_ms = 1000, .min_rate = RATE_MOST}, "send=1s min_rate=1024G policy=replace"},
		{{INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, RATE_MOST - 1, POLICY_REPLACE}, LARGEST},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char buffer[LIMITS_SIZE];
		struct text text;

		text_start(&text, buffer, sizeof buffer);
		text_add_limits(&text, &cases[i].limits);
		cr_expect_str_eq(buffer, cases[i].wanted);
		cr_expect_eq(text.length, strlen(cases[i].wanted));
	}
	cr_expect_lt(sizeof LARGEST, LIMITS_SIZE);
}

Test(limits, written_behind_something)
{
	char buffer[30];
	struct text text;

	text_start(&text, buffer, sizeof buffer);
	text_add(&text, "* ");
	text_add_limits(&text, &(struct limits){.connect_ms = 3000, .send_ms = 123456});
	cr_expect_str_eq(buffer, "* connect=3s send=123456ms po");
}

static void told(const char *line, void *context)
{
	(void)context;
	cr_expect_fail("%s", line);
}

/* What is written is a rule's, and means the same again. */
static void expect_the_same_again(const struct limits *limits)
{
	static struct rules rules;
	static const struct limits otherwise = {0};
	const struct destination anywhere = {.kind = DESTINATION_IPV4, .port = 1};
	char buffer[2 + LIMITS_SIZE];
	struct text text;

	text_start(&text, buffer, sizeof buffer);
	text_add(&text, "* ");
	text_add_limits(&text, limits);
	cr_assert_lt(text.length - 2, LIMITS_SIZE - 1, "cut: %s", buffer);
	rules.count = 0; /* its room stays */
	cr_assert_eq(rules_add(&rules, buffer, text.length, "here", told, NULL), 0, "%s", buffer);
	rules_complete(&rules, &otherwise);

	const struct limits *again = rules_find(&rules, &anywhere, NULL);

	cr_assert(again, "%s", buffer);
	expect_limits(again, limits_any(limits) ? limits : &otherwise, buffer);
}

Test(limits, written_and_read_again, .timeout = 60)
{
	static const int32_t times[] = {0, 1, 999, 1000, 1001, 60000, INT32_MAX - 647, INT32_MAX};
	static const int64_t rates[] = {0, 1, 1023, 1024, 1025, 1536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1024,
	                                1 << 30, (INT64_C(5) << 30) + 1, RATE_MOST - 1, RATE_MOST};

	for (size_t connect = 0; connect < COUNT(times); connect++)
		for (size_t send = 0; send < COUNT(times); send++)
			for (size_t rate = 0; rate < COUNT(rates); rate++)
				for (size_t i = 0; i < 2 * COUNT(times); i++)
					expect_the_same_again(
						&(struct limits){times[connect], times[send], times[i / 2],
					                         times[(i + send) % COUNT(times)], rates[rate],
					                         i % 2 ? POLICY_CAP : POLICY_REPLACE});
	for (int32_t ms = 1; ms < 5000; ms++)
		expect_the_same_again(&(struct limits){.send_ms = ms, .min_rate = INT64_C(512) * ms});
}
