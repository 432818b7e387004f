/* SPDX-License-Identifier: MIT */
/** @file
 * @brief limits_set() and limits_from_environment(): settings, and what is said of bad ones.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/duration.h"
#include "src/limits.h"

/* Every complaint about an environment, one a line. */
struct complaints {
	char lines[4096];
};

static void keep(const char *line, void *context)
{
	struct complaints *complaints = context;

	strcat(strcat(complaints->lines, line), "\n");
}

static void expect_limits(const struct limits *limits, const struct limits *wanted)
{
	cr_expect_eq(limits->connect_ms, wanted->connect_ms);
	cr_expect_eq(limits->send_ms, wanted->send_ms);
	cr_expect_eq(limits->policy, wanted->policy);
	cr_expect_eq(limits->log_off, wanted->log_off);
}

/* Each case begins with limits that no setting gives, so that a change is seen. */
static const struct limits before = {.connect_ms = 71, .send_ms = 72, .policy = POLICY_CAP, .log_off = true};

Test(limits, set_takes)
{
	static const struct {
		const char *name;
		const char *value;
		struct limits wanted;
	} cases[] = {
		{"SNDTIMEO_CONNECT", "3", {3000, 72, POLICY_CAP, true}},
		{"SNDTIMEO_CONNECT", "off", {0, 72, POLICY_CAP, true}},
		{"SNDTIMEO_SEND", "250ms", {71, 250, POLICY_CAP, true}},
		{"SNDTIMEO_SEND", "0", {71, 0, POLICY_CAP, true}},
		{"SNDTIMEO_POLICY", "replace", {71, 72, POLICY_REPLACE, true}},
		{"SNDTIMEO_POLICY", "cap", {71, 72, POLICY_CAP, true}},
		{"SNDTIMEO_LOG", "stderr", {71, 72, POLICY_CAP, false}},
		{"SNDTIMEO_LOG", "off", {71, 72, POLICY_CAP, true}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct limits limits = before;
		char complaint[LIMITS_COMPLAINT_SIZE] = "untouched";

		cr_expect_eq(limits_set(&limits, cases[i].name, cases[i].value, complaint, sizeof complaint), 1);
		expect_limits(&limits, &cases[i].wanted);
		cr_expect_str_eq(complaint, "untouched");
	}
}

Test(limits, set_refuses)
{
	static const struct {
		const char *name;
		const char *value;
		int result;
		const char *complaint;
	} cases[] = {
		{"SNDTIMEO_SEND", "3x", 0, "'3x': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_SEND", "", 0, "'': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_CONNECT", "1\n2", 0, "'1?2': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_POLICY", "Cap", 0, "'Cap': expected replace or cap"},
		{"SNDTIMEO_LOG", "/tmp/log", 0, "'/tmp/log': expected stderr or off"},
		{"SNDTIMEO_SNED", "3", -1, "is not a setting of this version"},
		{"SNDTIMEO_SENDS", "3", -1, "is not a setting of this version"},
		{"SNDTIMEO_SEN", "3", -1, "is not a setting of this version"},
		{"SNDTIMEO_", "3", -1, "is not a setting of this version"},
		{"sndtimeo_send", "3", -1, "is not a setting of this version"},
		{"SEND", "3", -1, "is not a setting of this version"},
		{"", "3", -1, "is not a setting of this version"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct limits limits = before;
		char complaint[LIMITS_COMPLAINT_SIZE];
		int result = limits_set(&limits, cases[i].name, cases[i].value, complaint, sizeof complaint);

		cr_expect_eq(result, cases[i].result, "%s=%s gave %d", cases[i].name, cases[i].value, result);
		cr_expect_str_eq(complaint, cases[i].complaint);
		expect_limits(&limits, &before);
	}
}

Test(limits, complaint_is_cut_to_its_buffer)
{
	struct limits limits = before;
	char complaint[] = "0123456789";

	cr_expect_eq(limits_set(&limits, "SNDTIMEO_SEND", "never", complaint, 9), 0);
	cr_expect_str_eq(complaint, "'never':");
	cr_expect_eq(complaint[9], '9');
}

Test(limits, environment)
{
	static const struct {
		const char *environment[6];
		struct limits wanted;
		const char *complaints;
	} cases[] = {
		{{NULL}, {0}, ""},
		{{"PATH=/bin", "SNDTIMEOSEND=1", "XSNDTIMEO_SEND=1", NULL}, {0}, ""},
		{{"SNDTIMEO_CONNECT=3", "SNDTIMEO_SEND=1m", "SNDTIMEO_POLICY=cap", "SNDTIMEO_LOG=off", NULL},
	         {3000, 60000, POLICY_CAP, true},
	         ""},
		{{"SNDTIMEO_CONNECT=", "SNDTIMEO_SEND=off", "SNDTIMEO_POLICY=", "SNDTIMEO_OTHER=", "SNDTIMEO_SEND",
	          NULL},
	         {0},
	         ""},
		{{"SNDTIMEO_CONNECT=3", "SNDTIMEO_SEND=3x", "SNDTIMEO_SNED=4", NULL},
	         {3000, 0, POLICY_REPLACE, false},
	         "sndtimeo: SNDTIMEO_SEND='3x' ignored: expected " DURATION_ACCEPTED "\n"
	         "sndtimeo: SNDTIMEO_SNED is not a setting of this version: ignored\n"},
		{{"SNDTIMEO_POLICY=a=b", "SNDTIMEO_A\nB=1", "SNDTIMEO_=1", NULL},
	         {0},
	         "sndtimeo: SNDTIMEO_POLICY='a=b' ignored: expected replace or cap\n"
	         "sndtimeo: SNDTIMEO_A?B is not a setting of this version: ignored\n"
	         "sndtimeo: SNDTIMEO_ is not a setting of this version: ignored\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct limits limits = before;
		struct complaints complaints = {""};

		limits_from_environment(&limits, (char *const *)cases[i].environment, keep, &complaints);
		expect_limits(&limits, &cases[i].wanted);
		cr_expect_str_eq(complaints.lines, cases[i].complaints);
	}
}

Test(limits, no_environment)
{
	struct limits limits = before;
	struct complaints complaints = {""};

	limits_from_environment(&limits, NULL, keep, &complaints);
	expect_limits(&limits, &(struct limits){0});
}

/* 60 bytes of a name or a value are repeated, the rest is not. */
Test(limits, a_megabyte)
{
	static const struct {
		const char *before;
		const char *after;
		size_t shown; /* of the filler */
		const char *line_before;
		const char *line_after;
	} cases[] = {
		{"SNDTIMEO_SEND=", "", 60, "sndtimeo: SNDTIMEO_SEND='",
	         "...' ignored: expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_", "=1", 51, "sndtimeo: SNDTIMEO_", "... is not a setting of this version: ignored\n"},
	};
	enum { SIZE = 1000000 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t length = strlen(cases[i].before);
		char *variable = calloc(1, length + SIZE + 8);
		char wanted[512] = "";
		struct limits limits;
		struct complaints complaints = {""};

		cr_assert(variable);
		strcpy(variable, cases[i].before);
		memset(variable + length, 'x', SIZE);
		strcpy(variable + length + SIZE, cases[i].after);
		strcpy(wanted, cases[i].line_before);
		memset(wanted + strlen(wanted), 'x', cases[i].shown);
		strcat(wanted, cases[i].line_after);

		limits_from_environment(&limits, (char *[]){variable, NULL}, keep, &complaints);
		cr_expect_str_eq(complaints.lines, wanted);
		cr_expect_lt(strlen(wanted), LIMITS_COMPLAINT_SIZE);
		free(variable);
	}
}

/* Of every setting and of a name, whatever they consist of: one line, as harmless as it is short. */
Test(limits, a_megabyte_of_anything)
{
	static const char *const befores[] = {
		"SNDTIMEO_CONNECT=", "SNDTIMEO_SEND=", "SNDTIMEO_POLICY=", "SNDTIMEO_LOG=", "SNDTIMEO_OTHER=", "SNDTIMEO_",
	};
	static const char fillers[] = {'9', '.', 's', '\n', '\r', '\033', '\'', '%', '\x7f', '\xff'};
	enum { SIZE = 1000000 };
	char *variable = malloc(SIZE + 64);

	cr_assert(variable);
	for (size_t i = 0; i < sizeof befores / sizeof befores[0] * sizeof fillers; i++) {
		const char *start = befores[i / sizeof fillers], filler = fillers[i % sizeof fillers];
		const size_t length = strlen(start);
		struct limits limits = before;
		struct complaints complaints = {""};
		char shown[61] = "";

		memcpy(variable, start, length);
		memset(variable + length, filler, SIZE);
		strcpy(variable + length + SIZE, start[length - 1] == '=' ? "" : "=1");
		limits_from_environment(&limits, (char *[]){variable, NULL}, keep, &complaints);

		const size_t line = strlen(complaints.lines);

		expect_limits(&limits, &(struct limits){0});
		cr_expect_lt(line, LIMITS_COMPLAINT_SIZE);
		cr_expect(strncmp(complaints.lines, "sndtimeo: ", 10) == 0);
		cr_expect(strncmp(complaints.lines + 10, start, length - 1) == 0);
		cr_expect(strstr(complaints.lines, "ignored"), "%s", complaints.lines);
		/* The end of the line, and no other. */
		for (size_t at = 0; at < line; at++)
			cr_expect((complaints.lines[at] >= ' ' && complaints.lines[at] <= '~') == (at + 1 < line));
		memset(shown, filler >= ' ' && filler <= '~' ? filler : '?', 51);
		cr_expect((strstr(complaints.lines, shown) != NULL) == (strstr(start, "OTHER") == NULL));
	}
	free(variable);
}

/* Good ones between bad ones of any length count. */
Test(limits, good_among_megabytes)
{
	enum { SIZE = 1000000 };
	char *bad = calloc(1, SIZE), *name = calloc(1, SIZE);
	struct limits limits = before;
	struct complaints complaints = {""};

	cr_assert(bad && name);
	strcpy((char *)memset(bad, '\n', SIZE - 1), "SNDTIMEO_SEND");
	bad[strlen(bad)] = '=';
	strcpy((char *)memset(name, '=', SIZE - 1), "SNDTIMEO_X");
	name[strlen(name)] = '\n';
	limits_from_environment(&limits, (char *[]){bad, "SNDTIMEO_SEND=3", name, bad, "SNDTIMEO_POLICY=cap", NULL}, keep,
	                        &complaints);
	expect_limits(&limits, &(struct limits){.send_ms = 3000, .policy = POLICY_CAP});
	free(bad);
	free(name);
}
