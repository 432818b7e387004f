/* SPDX-License-Identifier: MIT */
/** @file
 * @brief nearest(): what is near, what is not, and what is nearer.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/limits/nearest.h"

#define NAMES 7
static const char names[] = "connect\0send\0send_total\0min_rate\0unacked\0policy\0off";

static void expect_nearest(const char *word, const char *wanted)
{
	const size_t length = strlen(word);
	/* Exactly as long: the address sanitizer watches its end. */
	char *copy = malloc(length ? length : 1);
	cr_assert(copy);
	memcpy(copy, word, length);
	const char *found = nearest(copy, length, names, NAMES);
	if (wanted)
		cr_expect_str_eq(found ? found : "none", wanted, "'%s': %s, not %s", word, found ? found : "none", wanted);
	else
		cr_expect_null(found, "'%s': %s", word, found);
	free(copy);
}

Test(nearest, one_or_two_away)
{
	static const struct {
		const char *word;
		const char *wanted;
	} cases[] = {
		{"send", "send"},         {"sen", "send"},         {"se", "send"},         {"sends", "send"},
		{"ssennd", "send"},       {"xend", "send"},        {"xenx", "send"},       {"nd", "send"},
		{"sned", "send"},         {"esnd", "send"},        {"esdn", "send"},       {"sden", "send"},
		{"conect", "connect"},    {"connnect", "connect"}, {"connetc", "connect"}, {"cnnct", "connect"},
		{"sendtotal", "send_total"}, {"send_totla", "send_total"}, {"minrate", "min_rate"},
		{"unakced", "unacked"},   {"unack", "unacked"},    {"polcy", "policy"},    {"opf", "off"},
		{"of", "off"},            {"o", "off"},            {"offff", "off"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_nearest(cases[i].word, cases[i].wanted);
}

Test(nearest, capitals_and_hyphens_are_the_same)
{
	static const struct {
		const char *word;
		const char *wanted;
	} cases[] = {
		{"SEND", "send"}, {"SNED", "send"}, {"send-total", "send_total"}, {"Min-Rat", "min_rate"}, {"OFF", "off"},
		{"SEND-TOAL-", "send_total"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_nearest(cases[i].word, cases[i].wanted);
}

Test(nearest, three_away_is_not_near)
{
	static const char *const cases[] = {
		"", "s", "sendsss", "xyzd", "timeout", "connxyz", "cct", "policyyyy", "abc", "dnes", "\xff\xff\xff\xff", "min",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_nearest(cases[i], NULL);
}

Test(nearest, the_nearer_one_and_the_first_of_two)
{
	static const char some[] = "abxy\0abcx\0abcy\0abc";
	cr_expect_str_eq(nearest("abcd", 4, some, 4), "abcx");
	cr_expect_str_eq(nearest("abcd", 4, name_at(some, 2), 2), "abcy");
	cr_expect_str_eq(nearest("abc", 3, some, 4), "abc");
	cr_expect_str_eq(nearest("abxz", 4, some, 4), "abxy");
	cr_expect_null(nearest("abc", 3, some, 0));
}

Test(nearest, nul_bytes_and_long_words)
{
	enum { SIZE = 1000000 };
	static char word[SIZE], some[65 + 66];
	const char *const most = some, *const more = some + 65;
	memset(word, 'a', sizeof word);
	memset(some, 'a', sizeof some);
	some[64] = some[65 + 65] = '\0';
	cr_expect_null(nearest(word, SIZE, some, 2));
	for (size_t length = 60; length < 70; length++)
		cr_expect_eq(nearest(word, length, some, 2), length >= 62 && length <= 66 ? most : NULL, "%zu", length);
	cr_expect_null(nearest(word, 65, more, 1));
	cr_expect_str_eq(nearest("se\0nd", 5, names, 7), "send");
	cr_expect_str_eq(nearest("sendoff", 4, names, 7), "send");
}

Test(nearest, numbers_of_names)
{
	for (size_t i = 0; i < NAMES; i++)
		cr_expect_eq(name_index(names, NAMES, name_at(names, i), strlen(name_at(names, i))), i);
	cr_expect_str_eq(name_at(names, 0), "connect");
	cr_expect_str_eq(name_at(names, 6), "off");
	cr_expect_eq(name_index(names, 6, "off", 3), 6);
	cr_expect_eq(name_index(names, NAMES, "Send-Total", 10), 2);
	cr_expect_eq(name_index(names, NAMES, "send_total", 4), 1);
	cr_expect_eq(name_index(names, NAMES, "sen", 3), NAMES);
	cr_expect_eq(name_index(names, NAMES, "", 0), NAMES);
	cr_expect_eq(name_index(names, NAMES, "send\0send_total", 15), NAMES);
}
