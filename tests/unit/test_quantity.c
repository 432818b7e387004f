/* SPDX-License-Identifier: MIT */
/** @file
 * @brief parse_duration() and parse_rate(): what is accepted, and exactly how much it is.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/limits/quantity.h"

#define UNTOUCHED (-77)
#define BAD UNTOUCHED

struct duration_case {
	const char *text;
	int32_t ms; /* or BAD */
};

struct rate_case {
	const char *text;
	int64_t bytes; /* or BAD */
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

static void check_rates(const struct rate_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t bytes = UNTOUCHED;
		bool good = parse_rate(cases[i].text, &bytes);

		cr_expect_eq(good, cases[i].bytes != BAD, "'%s' is %s", cases[i].text, good ? "good" : "bad");
		cr_expect_eq(bytes, cases[i].bytes, "'%s' is %" PRId64 ", not %" PRId64, cases[i].text, bytes,
		             cases[i].bytes);
	}
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])
#define CHECK_RATES(cases) check_rates(cases, sizeof cases / sizeof cases[0])

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

/* ---- rates ------------------------------------------------------------------------------------------------------- */

Test(rate, numbers_and_units)
{
	static const struct rate_case cases[] = {
		{"1", 1},         {"5", 5},           {"5.", 5},          {"007", 7},           {"1000", 1000},
		{"1K", 1024},     {"1k", 1024},       {"64K", 65536},     {"64k", 65536},       {"64.K", 65536},
		{"1M", 1048576},  {"1m", 1048576},    {"10M", 10485760},  {"1G", 1073741824},   {"1g", 1073741824},
		{"0.5K", 512},    {".5K", 512},       {"1.5K", 1536},     {".25M", 262144},     {"2.5G", 2684354560},
		{"0.5", 1},       {"1048576", 1048576}, {"1024K", 1048576}, {"1024M", 1073741824},
	};

	CHECK_RATES(cases);
}

Test(rate, no_limit)
{
	static const struct rate_case cases[] = {
		{"0", 0}, {"0K", 0}, {"0m", 0}, {"0.0", 0}, {".0G", 0}, {"000.000k", 0}, {"0.", 0}, {"off", 0},
	};

	CHECK_RATES(cases);
}

Test(rate, rounded_up_never_to_no_limit)
{
	static const struct rate_case cases[] = {
		{"0.1", 1},
		{"0.000000000000000000000000000001", 1},
		{"0.000000000000000000000000000001G", 1},
		{"1.0001", 2},
		{"1.0000", 1},
		{"1.0000000000000000000000000001", 2},
		{"0.9999", 1},
		{"0.0009765625K", 1},           /* 1/1024 */
		{"0.00097656250000000000001K", 2},
		{"0.00097656249999999999999K", 1},
		{"0.3K", 308},                  /* 307.2 */
		{"0.333333M", 349525},          /* 349524.9 */
		{"1.1G", 1181116007},           /* 1181116006.4 */
		{"0.000000000931322574615478515625G", 1},   /* 2^-30 */
		{"0.000000000931322574615478515626G", 2},
		{"1023.9999999999999999999G", 1099511627776},
	};

	CHECK_RATES(cases);
}

Test(rate, bad)
{
	static const struct rate_case cases[] = {
		{"", BAD},     {".", BAD},    {" 5", BAD},   {"5 ", BAD},    {"5 K", BAD},      {"-1", BAD},
		{"+1", BAD},   {"-0", BAD},   {"1e3", BAD},  {"0x10", BAD},  {"1.2.3", BAD},    {"5KK", BAD},
		{"5KB", BAD},  {"5KiB", BAD}, {"5B", BAD},   {"5b", BAD},    {"5T", BAD},       {"5s", BAD},
		{"5ms", BAD},  {"5h", BAD},   {"5K5", BAD},  {"K", BAD},     {".K", BAD},       {"1,5K", BAD},
		{"inf", BAD},  {"nan", BAD},  {"OFF", BAD},  {"offs", BAD},  {"of", BAD},       {"none", BAD},
		{"5K\n", BAD}, {"1_0", BAD},  {"1..5", BAD}, {"64K/s", BAD}, {"\xd9\xa5", BAD}, {"K5", BAD},
		{"5Km", BAD},
	};

	CHECK_RATES(cases);
}

Test(rate, at_most_1024g)
{
	static const struct rate_case cases[] = {
		{"1024G", 1099511627776},       {"1048576M", 1099511627776},      {"1073741824K", 1099511627776},
		{"1099511627776", 1099511627776}, {"1099511627775", 1099511627775}, {"1023.5G", 1098974756864},
		{"1024.0G", 1099511627776},     {"0001024g", 1099511627776},
		{"1099511627777", BAD},         {"1099511627776.1", BAD},         {"1024.0000000000000001G", BAD},
		{"1073741825K", BAD},           {"1048577M", BAD},                {"1025G", BAD},
		{"9223372036854775807", BAD},   {"9223372036854775808G", BAD},
		{"18446744073709551616", BAD},  /* 2^64: 0 if it wrapped */
		{"17179869184G", BAD},          /* so would this */
		{"17179869185G", BAD},          {"18014398509481984K", BAD},
		{"99999999999999999999999999999999999999G", BAD},
	};

	CHECK_RATES(cases);
}

/* Neither is good where the other is meant. */
Test(rate, units_of_durations_are_none)
{
	static const char *const durations[] = {"1s", "1ms", "1h"}, *const rates[] = {"1K", "1k", "1M", "1G", "1g"};
	int32_t ms = UNTOUCHED;
	int64_t bytes = UNTOUCHED;

	for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
		cr_expect_not(parse_rate(durations[i], &bytes), "%s", durations[i]);
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
		cr_expect_not(parse_duration(rates[i], &ms), "%s", rates[i]);
	cr_expect_eq(ms, UNTOUCHED);
	cr_expect_eq(bytes, UNTOUCHED);
}

Test(rate, a_megabyte)
{
	static const struct {
		const char *before;
		char filler;
		const char *after;
		int64_t bytes;
	} cases[] = {
		{"", '0', "5K", 5120},
		{"1.", '0', "K", 1024},
		{"1.", '0', "1K", 1025},
		{"0.", '9', "G", 1073741824},
		{"", '9', "", BAD},
		{"5", 'K', "", BAD},
		{"", ' ', "5", BAD},
		{".", '0', "1G", 1},
		{"", '0', ".5k", 512},
		{"1099511627775.", '9', "", 1099511627776},
		{"1099511627776.", '0', "1", BAD},
		{"1023.", '9', "G", 1099511627776},
		{"1024.", '0', "G", 1099511627776},
		{"", '.', "", BAD},
		{"1", '\n', "", BAD},
		{"", '\xff', "1", BAD},
		{"off", 'f', "", BAD},
		{"", '0', "", 0},
	};
	enum { SIZE = 1000000 };
	char *text = malloc(SIZE + 8);

	cr_assert(text);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t before = strlen(cases[i].before);
		int64_t bytes = UNTOUCHED;

		memset(text, cases[i].filler, SIZE);
		memcpy(text, cases[i].before, before);
		strcpy(text + SIZE, cases[i].after);
		parse_rate(text, &bytes);
		cr_expect_eq(bytes, cases[i].bytes, "case %zu is %" PRId64 ", not %" PRId64, i, bytes, cases[i].bytes);
	}
	free(text);
}
