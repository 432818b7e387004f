/* SPDX-License-Identifier: MIT */
/** @file
 * @brief parse_duration(): what is a duration, how long it is, and what is none.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/duration.h"

#define UNTOUCHED (-77)
#define BAD UNTOUCHED

struct duration_case {
	const char *text;
	int32_t ms; /* or BAD */
};

static void check(const struct duration_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int32_t ms = UNTOUCHED;
		bool good = parse_duration(cases[i].text, &ms);

		cr_expect_eq(good, cases[i].ms != BAD, "'%s' is %s", cases[i].text, good ? "good" : "bad");
		cr_expect_eq(ms, cases[i].ms, "'%s' is %d, not %d", cases[i].text, ms, cases[i].ms);
	}
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])

Test(duration, numbers_and_units)
{
	static const struct duration_case cases[] = {
		{"5", 5000},   {"5s", 5000},   {"0.25", 250}, {".5", 500},       {"5.", 5000},    {"250ms", 250},
		{"2.5", 2500}, {"2.5s", 2500}, {"1m", 60000}, {"1.5h", 5400000}, {"0.05m", 3000}, {"007", 7000},
	};

	CHECK(cases);
}

Test(duration, no_limit)
{
	static const struct duration_case cases[] = {
		{"0", 0}, {"0s", 0}, {"0ms", 0}, {"0.0", 0}, {".0h", 0}, {"000.000m", 0}, {"off", 0},
	};

	CHECK(cases);
}

Test(duration, rounded_up_never_to_no_limit)
{
	static const struct duration_case cases[] = {
		{"1ms", 1},
		{"0.1ms", 1},
		{"0.0001", 1},
		{"0.000000000000000000000000000001ms", 1},
		{"1.0001ms", 2},
		{"1.0000", 1000},
		{"1.0000000000000000000000000001", 1001},
		{"0.9999", 1000},
		{"0.00000027777777777777h", 1},
		{"0.00000027777777777778h", 2}, /* 1.000000000000008 ms */
		{"0.333333h", 1199999},         /* 1199998.8 ms */
	};

	CHECK(cases);
}

Test(duration, bad)
{
	static const struct duration_case cases[] = {
		{"", BAD},     {".", BAD},   {" 5", BAD},  {"5 ", BAD},   {"5 s", BAD},      {"-1", BAD},
		{"+1", BAD},   {"-0", BAD},  {"1e3", BAD}, {"0x10", BAD}, {"1.2.3", BAD},    {"5ss", BAD},
		{"5S", BAD},   {"5d", BAD},  {"5m5", BAD}, {"s", BAD},    {"ms", BAD},       {".s", BAD},
		{"1,5", BAD},  {"inf", BAD}, {"nan", BAD}, {"OFF", BAD},  {"offs", BAD},     {"of", BAD},
		{"none", BAD}, {"5\n", BAD}, {"1_0", BAD}, {"1..5", BAD}, {"\xd9\xa5", BAD},
	};

	CHECK(cases);
}

Test(duration, at_most_24_days)
{
	static const struct duration_case cases[] = {
		{"2147483647ms", INT32_MAX},     {"2147483.647", INT32_MAX},
		{"596.5h", 2147400000},          {"576h", 2073600000},
		{"2147483648ms", BAD},           {"2147483647.1ms", BAD},
		{"2147483.6471", BAD},           {"597h", BAD},
		{"9223372036854775807", BAD},    {"9223372036854775808ms", BAD},
		{"18446744073709551616ms", BAD}, /* 2^64: 0 if it wrapped */
		{"18446744073709551621", BAD},   {"99999999999999999999999999999999999999h", BAD},
	};

	CHECK(cases);
}

Test(duration, a_megabyte)
{
	static const struct {
		const char *before;
		char filler;
		const char *after;
		int32_t ms;
	} cases[] = {
		{"", '0', "5ms", 5}, {"1.", '0', "s", 1000}, {"1.", '0', "1s", 1001}, {"0.", '9', "s", 1000},
		{"", '9', "", BAD},  {"5", 's', "", BAD},    {"", ' ', "5", BAD},
		{".", '0', "1ms", 1}, {"", '0', ".5h", 1800000}, {"2147483646.", '9', "ms", INT32_MAX},
		{"2147483647.", '0', "1ms", BAD}, {"", '.', "", BAD}, {"1", '\n', "", BAD}, {"1", 'm', "s", BAD},
		{"", '\xff', "1", BAD}, {"off", 'f', "", BAD}, {"", '0', "", 0},
	};
	enum { SIZE = 1000000 };
	char *text = malloc(SIZE + 8);

	cr_assert(text);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t before = strlen(cases[i].before);
		int32_t ms = UNTOUCHED;

		memset(text, cases[i].filler, SIZE);
		memcpy(text, cases[i].before, before);
		strcpy(text + SIZE, cases[i].after);
		parse_duration(text, &ms);
		cr_expect_eq(ms, cases[i].ms, "case %zu is %d, not %d", i, ms, cases[i].ms);
	}
	free(text);
}
