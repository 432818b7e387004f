/* SPDX-License-Identifier: MIT */
/** @file
 * @brief settings_*(): what is taken, in which order, and what is said of bad ones.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/limits/program.h"
#include "src/limits/quantity.h"
#include "src/limits/settings.h"

#define LOG "stderr, syslog, off, or a path that begins with /"
#define RATE_ALONE "it limits nothing without a send timeout (SNDTIMEO_SEND)"
#define DESTINATION "a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or unix:@name"
#define COUNT(array) (sizeof (array) / sizeof *(array))

/* Every complaint, one a line. */
struct complaints {
	bool ignored;       /* as the library has them, else as the command has */
	char lines[8192];
};

static void keep(enum settings_fault fault, const char *what, const char *why, void *context)
{
	struct complaints *complaints = context;
	char buffer[SETTINGS_COMPLAINT_SIZE];
	struct text line;

	text_start(&line, buffer, sizeof buffer);
	settings_complaint(&line, fault, what, why, complaints->ignored);
	cr_expect_eq(fault == SETTINGS_RULE, why == NULL);
	cr_expect_lt(line.length, sizeof buffer - 1, "cut: %s", buffer);
	cr_assert_lt(strlen(complaints->lines) + line.length + 20, sizeof complaints->lines);
	strcat(strcat(strcat(complaints->lines, "sndtimeo: "), buffer), "\n");
}

/* All that is set, as in "71 72 73 74 75 cap; 2 rules; syslog json verbose dry_run summary". */
static const char *shown(const struct settings *settings)
{
	static const char *const logs[] = {
		[LOG_TO_STDERR] = "stderr", [LOG_TO_SYSLOG] = "syslog", [LOG_TO_NOTHING] = "off"};
	static char line[LOG_PATH_SIZE + 200];
	const struct limits *limits = &settings->limits;

	snprintf(line, sizeof line, "%d %d %d %d %" PRId64 " %s; %zu rules; %s %s%s%s%s", limits->connect_ms,
	         limits->send_ms, limits->send_total_ms, limits->unacked_ms, limits->min_rate,
	         limits->policy == POLICY_CAP ? "cap" : "replace", settings->rules.count,
	         settings->log == LOG_TO_FILE ? settings->log_path : logs[settings->log],
	         settings->log_format == LOG_AS_JSON ? "json" : "text", settings->verbose ? " verbose" : "",
	         settings->dry_run ? " dry_run" : "", settings->summary ? " summary" : "");
	return line;
}

#define NOTHING_SET "0 0 0 0 0 replace; 0 rules; stderr text"

static void expect_settings(const struct settings *settings, const char *wanted)
{
	cr_expect_str_eq(shown(settings), wanted, "%s, not %s", shown(settings), wanted);
}

/* Each case begins with what no setting of it gives, so that a change is seen. */
#define BEFORE "71 72 73 74 75 cap; 0 rules; syslog json verbose dry_run summary"
static const struct settings before = {
	.limits = {71, 72, 73, 74, 75, POLICY_CAP},
	.log = LOG_TO_SYSLOG,
	.log_format = LOG_AS_JSON,
	.log_path = "/before",
	.verbose = true,
	.dry_run = true,
	.summary = true,
};

/* ---- one by one -------------------------------------------------------------------------------------------------- */

Test(settings, set_takes)
{
	static const struct {
		const char *name;
		const char *value;
		const char *wanted;
	} cases[] = {
		{"CONNECT", "3", "3000 72 73 74 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"CONNECT", "off", "0 72 73 74 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"SEND", "250ms", "71 250 73 74 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"SEND", "0", "71 0 73 74 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"SEND_TOTAL", "1m", "71 72 60000 74 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"SEND_TOTAL", "off", "71 72 0 74 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"UNACKED", "2.5", "71 72 73 2500 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"UNACKED", "0", "71 72 73 0 75 cap; 0 rules; syslog json verbose dry_run summary"},
		{"MIN_RATE", "64K", "71 72 73 74 65536 cap; 0 rules; syslog json verbose dry_run summary"},
		{"MIN_RATE", "off", "71 72 73 74 0 cap; 0 rules; syslog json verbose dry_run summary"},
		{"POLICY", "replace", "71 72 73 74 75 replace; 0 rules; syslog json verbose dry_run summary"},
		{"POLICY", "cap", BEFORE},
		{"LOG", "stderr", "71 72 73 74 75 cap; 0 rules; stderr json verbose dry_run summary"},
		{"LOG", "off", "71 72 73 74 75 cap; 0 rules; off json verbose dry_run summary"},
		{"LOG", "syslog", BEFORE},
		{"LOG", "/", "71 72 73 74 75 cap; 0 rules; / json verbose dry_run summary"},
		{"LOG", "/a b/\n\xc3\xbc", "71 72 73 74 75 cap; 0 rules; /a b/\n\xc3\xbc json verbose dry_run summary"},
		{"LOG", "/off", "71 72 73 74 75 cap; 0 rules; /off json verbose dry_run summary"},
		{"LOG_FORMAT", "text", "71 72 73 74 75 cap; 0 rules; syslog text verbose dry_run summary"},
		{"LOG_FORMAT", "json", BEFORE},
		{"VERBOSE", "0", "71 72 73 74 75 cap; 0 rules; syslog json dry_run summary"},
		{"VERBOSE", "1", BEFORE},
		{"DRY_RUN", "0", "71 72 73 74 75 cap; 0 rules; syslog json verbose summary"},
		{"DRY_RUN", "1", BEFORE},
		{"SUMMARY", "0", "71 72 73 74 75 cap; 0 rules; syslog json verbose dry_run"},
		{"SUMMARY", "1", BEFORE},
		{"RULES", "* off", "71 72 73 74 75 cap; 1 rules; syslog json verbose dry_run summary"},
		{"RULES", "* off;10.0.0.0/8 send=5s # and\n",
	         "71 72 73 74 75 cap; 2 rules; syslog json verbose dry_run summary"},
		{"RULES", " ", BEFORE},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct settings settings = before;
		struct complaints complaints = {true, ""};
		char name[64];

		snprintf(name, sizeof name, "SNDTIMEO_%s", cases[i].name);
		cr_expect(settings_set(&settings, name, "shown", cases[i].value, keep, &complaints));
		expect_settings(&settings, cases[i].wanted);
		cr_expect_str_eq(complaints.lines, "");
	}
}

Test(settings, set_refuses)
{
	static const struct {
		const char *name;
		const char *value;
		const char *complaint;
	} cases[] = {
		{"SNDTIMEO_SEND", "3x", "SNDTIMEO_SEND='3x': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_SEND", "", "SNDTIMEO_SEND='': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_CONNECT", "1\n2", "SNDTIMEO_CONNECT='1?2': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_CONNECT", "64K", "SNDTIMEO_CONNECT='64K': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_SEND_TOTAL", "597h", "SNDTIMEO_SEND_TOTAL='597h': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_UNACKED", "-1", "SNDTIMEO_UNACKED='-1': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_MIN_RATE", "64KB", "SNDTIMEO_MIN_RATE='64KB': expected " RATE_ACCEPTED},
		{"SNDTIMEO_MIN_RATE", "1025G", "SNDTIMEO_MIN_RATE='1025G': expected " RATE_ACCEPTED},
		{"SNDTIMEO_MIN_RATE", "10s", "SNDTIMEO_MIN_RATE='10s': expected " RATE_ACCEPTED},
		{"SNDTIMEO_POLICY", "Cap", "SNDTIMEO_POLICY='Cap': expected replace or cap"},
		{"SNDTIMEO_LOG", "tmp/log", "SNDTIMEO_LOG='tmp/log': expected " LOG},
		{"SNDTIMEO_LOG", "./log", "SNDTIMEO_LOG='./log': expected " LOG},
		{"SNDTIMEO_LOG", "", "SNDTIMEO_LOG='': expected " LOG},
		{"SNDTIMEO_LOG", "Stderr", "SNDTIMEO_LOG='Stderr': expected " LOG},
		{"SNDTIMEO_LOG", "syslog\n", "SNDTIMEO_LOG='syslog?': expected " LOG},
		{"SNDTIMEO_LOG", "of", "SNDTIMEO_LOG='of': expected " LOG},
		{"SNDTIMEO_LOG_FORMAT", "JSON", "SNDTIMEO_LOG_FORMAT='JSON': expected text or json"},
		{"SNDTIMEO_LOG_FORMAT", "", "SNDTIMEO_LOG_FORMAT='': expected text or json"},
		{"SNDTIMEO_VERBOSE", "2", "SNDTIMEO_VERBOSE='2': expected 1 or 0"},
		{"SNDTIMEO_VERBOSE", "", "SNDTIMEO_VERBOSE='': expected 1 or 0"},
		{"SNDTIMEO_DRY_RUN", "yes", "SNDTIMEO_DRY_RUN='yes': expected 1 or 0"},
		{"SNDTIMEO_DRY_RUN", "01", "SNDTIMEO_DRY_RUN='01': expected 1 or 0"},
		{"SNDTIMEO_SUMMARY", "10", "SNDTIMEO_SUMMARY='10': expected 1 or 0"},
		{"SNDTIMEO_SUMMARY", "1 ", "SNDTIMEO_SUMMARY='1 ': expected 1 or 0"},
		{"SNDTIMEO_RULES", "nowhere off", "SNDTIMEO_RULES:1:1: 'nowhere': expected " DESTINATION},
		{"SNDTIMEO_RULES", "\n  * send=3x", "SNDTIMEO_RULES:2:10: 'send=3x': expected " DURATION_ACCEPTED},
		{"SNDTIMEO_CONFIG", "/no/such/file", "/no/such/file: No such file or directory"},
		{"SNDTIMEO_CONFIG", "", ": No such file or directory"},
		{"SNDTIMEO_CONFIG", "/", "/: not a file"},
		{"SNDTIMEO_CONFIG", "/dev/null", "/dev/null: not a file"},
		{"SNDTIMEO_SNED", "3", "SNDTIMEO_SNED is not a setting of this version (did you mean SNDTIMEO_SEND?)"},
		{"SNDTIMEO_SENDS", "3",
	         "SNDTIMEO_SENDS is not a setting of this version (did you mean SNDTIMEO_SEND?)"},
		{"SNDTIMEO_SEN", "3", "SNDTIMEO_SEN is not a setting of this version (did you mean SNDTIMEO_SEND?)"},
		{"SNDTIMEO_", "3", "SNDTIMEO_ is not a setting of this version"},
		{"SNDTIMEO", "3", "SNDTIMEO is not a setting of this version"},
		{"sndtimeo_send", "3", "sndtimeo_send is not a setting of this version"},
		{"XNDTIMEO_SEND", "3", "XNDTIMEO_SEND is not a setting of this version"},
		{"SEND", "3", "SEND is not a setting of this version"},
		{"", "3", " is not a setting of this version"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct settings settings = before;
		struct complaints complaints = {false, ""};
		char wanted[512];

		snprintf(wanted, sizeof wanted, "sndtimeo: %s\n", cases[i].complaint);
		cr_expect_not(settings_set(&settings, cases[i].name, cases[i].name, cases[i].value, keep, &complaints));
		cr_expect_str_eq(complaints.lines, wanted, "%swanted: %s", complaints.lines, wanted);
		expect_settings(&settings, BEFORE);
		cr_expect_str_eq(settings.log_path, "/before");
	}
}

/* Good rules among bad ones are taken, but it was not all that was given. */
Test(settings, rules_with_mistakes)
{
	struct settings settings = before;
	struct complaints complaints = {true, ""};

	cr_expect_not(
		settings_set(&settings, "SNDTIMEO_RULES", "--rule", "* sned=3; * off; * send=3x", keep, &complaints));
	expect_settings(&settings, "71 72 73 74 75 cap; 1 rules; syslog json verbose dry_run summary");
	cr_expect_str_eq(
		complaints.lines,
		"sndtimeo: --rule:1:3: 'sned=3': expected connect, send, send_total, min_rate, unacked, policy or off;"
		" did you mean send?: ignored\n"
		"sndtimeo: --rule:1:25: 'send=3x': expected " DURATION_ACCEPTED ": ignored\n");
}

/* It is shown as its user called it, however that was. */
Test(settings, shown_as_it_was_called)
{
	static const struct {
		const char *shown;
		bool ignored;
		const char *wanted;
	} cases[] = {
		{"--send", false, "sndtimeo: --send='3x': expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_SEND", true, "sndtimeo: SNDTIMEO_SEND='3x' ignored: expected " DURATION_ACCEPTED "\n"},
		{"-\n-", false, "sndtimeo: -?-='3x': expected " DURATION_ACCEPTED "\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct settings settings = before;
		struct complaints complaints = {cases[i].ignored, ""};

		cr_expect_not(settings_set(&settings, "SNDTIMEO_SEND", cases[i].shown, "3x", keep, &complaints));
		cr_expect_str_eq(complaints.lines, cases[i].wanted);
	}
}

Test(settings, complaint)
{
	static const struct {
		enum settings_fault fault;
		const char *what;
		const char *why;
		bool ignored;
		const char *wanted;
	} cases[] = {
		{SETTINGS_BAD, "A='x'", "expected y", false, "A='x': expected y"},
		{SETTINGS_BAD, "A='x'", "expected y", true, "A='x' ignored: expected y"},
		{SETTINGS_UNKNOWN, "A", "is not one", false, "A is not one"},
		{SETTINGS_UNKNOWN, "A", "is not one", true, "A is not one: ignored"},
		{SETTINGS_RULE, "A:1:2: 'x': expected y", NULL, false, "A:1:2: 'x': expected y"},
		{SETTINGS_RULE, "A:1:2: 'x': expected y", NULL, true, "A:1:2: 'x': expected y: ignored"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char buffer[80];
		struct text line;

		text_start(&line, buffer, sizeof buffer);
		text_add(&line, "> ");
		settings_complaint(&line, cases[i].fault, cases[i].what, cases[i].why, cases[i].ignored);
		cr_expect_eq(strncmp(buffer, "> ", 2), 0);
		cr_expect_str_eq(buffer + 2, cases[i].wanted);
	}
}

Test(settings, complaint_is_cut_to_its_buffer)
{
	char buffer[] = "0123456789";
	struct text line;

	text_start(&line, buffer, 9);
	settings_complaint(&line, SETTINGS_BAD, "'never'", "expected", false);
	cr_expect_str_eq(buffer, "'never':");
	cr_expect_eq(buffer[9], '9');
}

/* ---- the environment --------------------------------------------------------------------------------------------- */

/* Read it as the library does. */
static struct settings *read_environment(const char *const *environment, const char *complaints_wanted)
{
	static struct settings settings;
	struct complaints complaints = {true, ""};

	memset(&settings, 0x5a, sizeof settings);
	settings_read(&settings, (char *const *)environment, false, keep, &complaints);
	cr_expect_str_eq(complaints.lines, complaints_wanted, "%swanted: %s", complaints.lines, complaints_wanted);
	return &settings;
}

#define ENVIRONMENT(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What a file says counts where the environment does not; a program's rule that is for all it connects to, instead of both. */
Test(settings, of_a_file)
{
	static const struct {
		const char *file;
		const char *environment[4];
		const char *wanted;
	} cases[] = {
		{"connect=1s send=2s log=off", {NULL}, "1000 2000 0 0 0 replace; 0 rules; off text"},
		{"connect=1s send=2s log=off", {"SNDTIMEO_SEND=9", "SNDTIMEO_LOG=syslog", NULL},
		 "1000 9000 0 0 0 replace; 0 rules; syslog text"},
		{"* connect=1s send=2s\n10.0.0.0/8 off", {"SNDTIMEO_SEND=0", NULL}, "1000 0 0 0 0 replace; 1 rules; stderr text"},
		{"program=upload off\nsend=2s", {"SNDTIMEO_CONNECT=3", NULL}, "0 0 0 0 0 replace; 1 rules; stderr text"},
		{"program=upload send=3s\nconnect=2s policy=cap", {NULL}, "2000 3000 0 0 0 cap; 1 rules; stderr text"},
		{"program=other off\nsend=2s", {NULL}, "0 2000 0 0 0 replace; 1 rules; stderr text"},
		{"verbose=1 dry_run=1 summary=1 log_format=json", {"SNDTIMEO_VERBOSE=0", NULL},
		 "0 0 0 0 0 replace; 0 rules; stderr json dry_run summary"},
	};
	const char *const path = "settings_of_a_file.tmp";

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *environment[6] = {"SNDTIMEO_CONFIG=settings_of_a_file.tmp"};
		FILE *file = fopen(path, "w");

		cr_assert(file);
		fputs(cases[i].file, file);
		fclose(file);
		memcpy(environment + 1, cases[i].environment, sizeof cases[i].environment);
		program_assume("/bin/upload", NULL);
		expect_settings(read_environment(environment, ""), cases[i].wanted);
	}
	unlink(path);
}

Test(settings, of_no_file)
{
	program_assume("/bin/upload", NULL);
	expect_settings(read_environment(ENVIRONMENT("SNDTIMEO_CONFIG=off", "SNDTIMEO_SEND=1"), ""),
	                "0 1000 0 0 0 replace; 0 rules; stderr text");
}

Test(settings, environment)
{
	static const struct {
		const char *environment[16];
		const char *wanted;
		const char *complaints;
	} cases[] = {
		{{NULL}, NOTHING_SET, ""},
		{{"PATH=/bin", "SNDTIMEOSEND=1", "XSNDTIMEO_SEND=1", NULL}, NOTHING_SET, ""},
		{{"SNDTIMEO_CONNECT=3", "SNDTIMEO_SEND=1m", "SNDTIMEO_POLICY=cap", "SNDTIMEO_LOG=off", NULL},
	         "3000 60000 0 0 0 cap; 0 rules; off text",
	         ""},
		{{"SNDTIMEO_CONNECT=1", "SNDTIMEO_SEND=2", "SNDTIMEO_SEND_TOTAL=3", "SNDTIMEO_MIN_RATE=4",
	          "SNDTIMEO_UNACKED=5", "SNDTIMEO_POLICY=cap", "SNDTIMEO_RULES=* off;* off", "SNDTIMEO_LOG=/var/log/it",
	          "SNDTIMEO_LOG_FORMAT=json", "SNDTIMEO_VERBOSE=1", "SNDTIMEO_DRY_RUN=1", "SNDTIMEO_SUMMARY=1", NULL},
	         "1000 2000 3000 5000 4 cap; 2 rules; /var/log/it json verbose dry_run summary",
	         ""},
		{{"SNDTIMEO_CONNECT=0", "SNDTIMEO_SEND=off", "SNDTIMEO_SEND_TOTAL=0", "SNDTIMEO_MIN_RATE=off",
	          "SNDTIMEO_UNACKED=0s", "SNDTIMEO_POLICY=replace", "SNDTIMEO_RULES= ", "SNDTIMEO_LOG=stderr",
	          "SNDTIMEO_LOG_FORMAT=text", "SNDTIMEO_VERBOSE=0", "SNDTIMEO_DRY_RUN=0", "SNDTIMEO_SUMMARY=0", NULL},
	         NOTHING_SET,
	         ""},
		{{"SNDTIMEO_CONNECT=", "SNDTIMEO_SEND=off", "SNDTIMEO_POLICY=", "SNDTIMEO_OTHER=", "SNDTIMEO_SEND",
	          NULL},
	         NOTHING_SET,
	         ""},
		{{"SNDTIMEO_CONNECT=", "SNDTIMEO_SEND=", "SNDTIMEO_SEND_TOTAL=", "SNDTIMEO_MIN_RATE=",
	          "SNDTIMEO_UNACKED=", "SNDTIMEO_POLICY=", "SNDTIMEO_RULES=", "SNDTIMEO_CONFIG=", "SNDTIMEO_LOG=",
	          "SNDTIMEO_LOG_FORMAT=", "SNDTIMEO_VERBOSE=", "SNDTIMEO_DRY_RUN=", "SNDTIMEO_SUMMARY=",
	          "SNDTIMEO_SNED=", "SNDTIMEO_=", NULL},
	         NOTHING_SET,
	         ""},
		{{"SNDTIMEO_RULES", "SNDTIMEO_CONFIG", "SNDTIMEO_LOG", "SNDTIMEO_VERBOSE", "SNDTIMEO_SNED", "SNDTIMEO_",
	          NULL},
	         NOTHING_SET,
	         ""},
		{{"SNDTIMEO_CONNECT=3", "SNDTIMEO_SEND=3x", "SNDTIMEO_SNED=4", NULL},
	         "3000 0 0 0 0 replace; 0 rules; stderr text",
	         "sndtimeo: SNDTIMEO_SEND='3x' ignored: expected " DURATION_ACCEPTED "\n"
	         "sndtimeo: SNDTIMEO_SNED is not a setting of this version (did you mean SNDTIMEO_SEND?): ignored\n"},
		{{"SNDTIMEO_POLICY=a=b", "SNDTIMEO_A\nB=1", "SNDTIMEO_=1", NULL},
	         NOTHING_SET,
	         "sndtimeo: SNDTIMEO_POLICY='a=b' ignored: expected replace or cap\n"
	         "sndtimeo: SNDTIMEO_A?B is not a setting of this version: ignored\n"
	         "sndtimeo: SNDTIMEO_ is not a setting of this version: ignored\n"},
		{{"SNDTIMEO_SEND_TOTAL=x", "SNDTIMEO_MIN_RATE=x", "SNDTIMEO_UNACKED=x", "SNDTIMEO_LOG=x",
	          "SNDTIMEO_LOG_FORMAT=x", "SNDTIMEO_VERBOSE=x", "SNDTIMEO_DRY_RUN=x", "SNDTIMEO_SUMMARY=x",
	          "SNDTIMEO_CONFIG=x", "SNDTIMEO_RULES=x", NULL},
	         NOTHING_SET,
	         "sndtimeo: SNDTIMEO_SEND_TOTAL='x' ignored: expected " DURATION_ACCEPTED "\n"
	         "sndtimeo: SNDTIMEO_MIN_RATE='x' ignored: expected " RATE_ACCEPTED "\n"
	         "sndtimeo: SNDTIMEO_UNACKED='x' ignored: expected " DURATION_ACCEPTED "\n"
	         "sndtimeo: SNDTIMEO_LOG='x' ignored: expected " LOG "\n"
	         "sndtimeo: SNDTIMEO_LOG_FORMAT='x' ignored: expected text or json\n"
	         "sndtimeo: SNDTIMEO_VERBOSE='x' ignored: expected 1 or 0\n"
	         "sndtimeo: SNDTIMEO_DRY_RUN='x' ignored: expected 1 or 0\n"
	         "sndtimeo: SNDTIMEO_SUMMARY='x' ignored: expected 1 or 0\n"
	         "sndtimeo: SNDTIMEO_RULES:1:1: 'x': expected " DESTINATION ": ignored\n"
	         "sndtimeo: x: No such file or directory: ignored\n"},
		/* A value may have a '=', and a rule has. */
		{{"SNDTIMEO_RULES=* send=3", "SNDTIMEO_LOG=/a=b", NULL}, "0 0 0 0 0 replace; 1 rules; /a=b text", ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		expect_settings(read_environment(cases[i].environment, cases[i].complaints), cases[i].wanted);
}

Test(settings, no_environment)
{
	struct settings *settings = read_environment(NULL, "");

	expect_settings(settings, NOTHING_SET);
	cr_expect_eq(memcmp(settings, &(struct settings){0}, sizeof *settings), 0);
}

/* The command's lines of the same: nothing is ignored there. */
Test(settings, environment_of_the_command)
{
	struct settings settings = before;
	struct complaints complaints = {false, ""};
	static char *const environment[] = {
		"SNDTIMEO_SEND=3x", "SNDTIMEO_SNED=4", "SNDTIMEO_RULES=x", "SNDTIMEO_MIN_RATE=1", NULL,
	};

	settings_read(&settings, environment, false, keep, &complaints);
	cr_expect_str_eq(complaints.lines,
	                 "sndtimeo: SNDTIMEO_SEND='3x': expected " DURATION_ACCEPTED "\n"
	                 "sndtimeo: SNDTIMEO_SNED is not a setting of this version (did you mean SNDTIMEO_SEND?)\n"
	                 "sndtimeo: SNDTIMEO_RULES:1:1: 'x': expected " DESTINATION "\n"
	                 "sndtimeo: SNDTIMEO_MIN_RATE: " RATE_ALONE "\n");
}

Test(settings, suggestions)
{
	static const struct {
		const char *name;
		const char *suggested; /* NULL: none */
	} cases[] = {
		{"SNED", "SEND"},
		{"SENT", "SEND"},
		{"SENDS", "SEND"},
		{"SEN", "SEND"},
		{"send", "SEND"},
		{"Send", "SEND"},
		{"CONECT", "CONNECT"},
		{"CONNNECT", "CONNECT"},
		{"CONNCET", "CONNECT"},
		{"SENDTOTAL", "SEND_TOTAL"},
		{"SEND-TOTAL", "SEND_TOTAL"},
		{"send_total", "SEND_TOTAL"},
		{"SEND_TOTLA", "SEND_TOTAL"},
		{"MINRATE", "MIN_RATE"},
		{"MIN_RATES", "MIN_RATE"},
		{"UNACK", "UNACKED"},
		{"UNAKCED", "UNACKED"},
		{"POLCY", "POLICY"},
		{"RULE", "RULES"},
		{"CONFG", "CONFIG"},
		{"CONF", "CONFIG"},
		{"LGO", "LOG"},
		{"LOGS", "LOG"},
		{"log", "LOG"},
		{"LOGFORMAT", "LOG_FORMAT"},
		{"LOG-FORMAT", "LOG_FORMAT"},
		{"LOG_FORMT", "LOG_FORMAT"},
		{"VERBSE", "VERBOSE"},
		{"VERBOS", "VERBOSE"},
		{"DRYRUN", "DRY_RUN"},
		{"DRY_RUNS", "DRY_RUN"},
		{"SUMARY", "SUMMARY"},
		{"OTHER", NULL},
		{"TIMEOUT", NULL},
		{"SEND_TIMEOUT", NULL},
		{"CONNECT_TIMEOUT", NULL},
		{"LIMIT", NULL},
		{"DEBUG", NULL},
		{"X", NULL},
		{"\n", NULL},
		{"SNDTIMEO_SEND", NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char variable[64], shown_name[64], wanted[200];

		snprintf(variable, sizeof variable, "SNDTIMEO_%s=1", cases[i].name);
		snprintf(shown_name, sizeof shown_name, "%s", *cases[i].name == '\n' ? "?" : cases[i].name);
		snprintf(wanted, sizeof wanted,
		         "sndtimeo: SNDTIMEO_%s is not a setting of this version%s%s%s: ignored\n", shown_name,
		         cases[i].suggested ? " (did you mean SNDTIMEO_" : "",
		         cases[i].suggested ? cases[i].suggested : "", cases[i].suggested ? "?)" : "");
		expect_settings(read_environment(ENVIRONMENT(variable), wanted), NOTHING_SET);
	}
}

Test(settings, log_path_as_long_as_can_be)
{
	const size_t before_path = strlen("SNDTIMEO_LOG=");
	char variable[sizeof "SNDTIMEO_LOG=" + LOG_PATH_SIZE + 1] = "SNDTIMEO_LOG=", wanted[200] = "";

	memset(variable + before_path, '/', LOG_PATH_SIZE - 1);
	struct settings *settings = read_environment(ENVIRONMENT(variable), "");

	cr_expect_eq(settings->log, LOG_TO_FILE);
	cr_expect_str_eq(settings->log_path, variable + before_path);

	variable[before_path + LOG_PATH_SIZE - 1] = '/';
	snprintf(wanted, sizeof wanted, "sndtimeo: SNDTIMEO_LOG='%.60s...' ignored: expected " LOG "\n",
	         variable + before_path);
	settings = read_environment(ENVIRONMENT(variable), wanted);
	expect_settings(settings, NOTHING_SET);
	cr_expect_null(settings->log_path);
}

Test(settings, rate_without_a_send_timeout)
{
	static const char told[] = "sndtimeo: SNDTIMEO_MIN_RATE ignored: " RATE_ALONE "\n";
	static const struct {
		const char *environment[4];
		const char *complaints;
	} cases[] = {
		{{"SNDTIMEO_MIN_RATE=1K", NULL}, told},
		{{"SNDTIMEO_MIN_RATE=1K", "SNDTIMEO_SEND=off", NULL}, told},
		{{"SNDTIMEO_SEND=", "SNDTIMEO_MIN_RATE=1K", "SNDTIMEO_CONNECT=3", NULL}, told},
		{{"SNDTIMEO_MIN_RATE=1K", "SNDTIMEO_SEND_TOTAL=3", NULL}, told},
		{{"SNDTIMEO_MIN_RATE=1K", "SNDTIMEO_RULES=# none", NULL}, told},
		{{"SNDTIMEO_MIN_RATE=1K", "SNDTIMEO_SEND=3", NULL}, ""},
		{{"SNDTIMEO_SEND=3", "SNDTIMEO_MIN_RATE=1K", NULL}, ""},
		{{"SNDTIMEO_MIN_RATE=off", NULL}, ""},
		{{"SNDTIMEO_MIN_RATE=0", "SNDTIMEO_SEND=off", NULL}, ""},
		{{"SNDTIMEO_MIN_RATE=1K", "SNDTIMEO_RULES=10.0.0.0/8 send=3", NULL}, ""},
		{{"SNDTIMEO_RULES=10.0.0.0/8 off", "SNDTIMEO_MIN_RATE=1K", NULL}, told},
		{{"SNDTIMEO_RULES=* off;* connect=1 min_rate=1K;* min_rate=2K", "SNDTIMEO_CONNECT=3", NULL},
	         "sndtimeo: min_rate of rule 2 ignored: it limits nothing without a send timeout (send=DUR)\n"},
		{{"SNDTIMEO_RULES=* min_rate=1K", "SNDTIMEO_SEND=3", NULL}, ""},
		{{"SNDTIMEO_RULES=* min_rate=1K send=3", NULL}, ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		read_environment(cases[i].environment, cases[i].complaints);
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static const struct limits *found(const struct settings *settings, uint8_t last, size_t wanted)
{
	const struct destination destination = {.kind = DESTINATION_IPV4, .port = 443, .address = {192, 0, 2, last}};
	size_t number = 0;
	const struct limits *limits = rules_find(&settings->rules, &destination, &number);

	cr_assert_eq(number, wanted, "rule %zu, not %zu", number, wanted);
	return limits;
}

/* A file of rules in the current folder. */
static const char *rules_file(const char *name, const char *rules)
{
	FILE *file = fopen(name, "w");

	cr_assert(file && fputs(rules, file) >= 0 && fclose(file) == 0);
	return name;
}

Test(settings, rules_come_before_the_file_whatever_the_order)
{
	static const char *const orders[][5] = {
		{"SNDTIMEO_RULES=192.0.2.1 send=1;192.0.2.2 connect=2", "SNDTIMEO_CONFIG=settings_order.tmp",
	         "SNDTIMEO_SEND=5", "SNDTIMEO_POLICY=cap", NULL},
		{"SNDTIMEO_CONFIG=settings_order.tmp", "SNDTIMEO_SEND=5", "SNDTIMEO_POLICY=cap",
	         "SNDTIMEO_RULES=192.0.2.1 send=1;192.0.2.2 connect=2", NULL},
		{"SNDTIMEO_POLICY=cap", "SNDTIMEO_SEND=5", "SNDTIMEO_CONFIG=settings_order.tmp",
	         "SNDTIMEO_RULES=192.0.2.1 send=1;192.0.2.2 connect=2", NULL},
	};
	const char *path = rules_file("settings_order.tmp", "192.0.2.1 send=7\n192.0.2.3 send=3 policy=replace\n");

	for (size_t i = 0; i < COUNT(orders); i++) {
		const struct settings *settings = read_environment(orders[i], "");

		expect_settings(settings, "0 5000 0 0 0 cap; 4 rules; stderr text");
		cr_expect_eq(found(settings, 1, 1)->send_ms, 1000);
		/* What a rule does not name is as without one, wherever that was said. */
		cr_expect_eq(found(settings, 1, 1)->policy, POLICY_CAP);
		cr_expect_eq(found(settings, 2, 2)->connect_ms, 2000);
		cr_expect_eq(found(settings, 2, 2)->send_ms, 5000);
		cr_expect_eq(found(settings, 3, 4)->send_ms, 3000);
		cr_expect_eq(found(settings, 3, 4)->policy, POLICY_REPLACE);
		cr_expect_null(found(settings, 4, 0));
	}
	unlink(path);
}

/* Told of in the order in which they are read, and the good ones count. */
Test(settings, mistakes_in_rules_and_file)
{
	const char *path = rules_file("settings_mistakes.tmp", "# first\n192.0.2.3 send=3\n\n  192.0.2.4 connect=x\n");
	const struct settings *settings = read_environment(
		ENVIRONMENT("SNDTIMEO_CONFIG=settings_mistakes.tmp", "SNDTIMEO_RULES=192.0.2.1 off; 192.0.2.2"),
		"sndtimeo: SNDTIMEO_RULES:1:16: '192.0.2.2': expected a limit behind it, such as send=5s, or off: "
	        "ignored\n"
		"sndtimeo: settings_mistakes.tmp:4:21: 'connect=x': expected " DURATION_ACCEPTED ": ignored\n");

	expect_settings(settings, "0 0 0 0 0 replace; 2 rules; stderr text");
	found(settings, 1, 1);
	cr_expect_eq(found(settings, 3, 2)->send_ms, 3000);
	unlink(path);
}

Test(settings, limit_anything)
{
	static const struct {
		const char *environment[4];
		bool limit;
	} cases[] = {
		{{NULL}, false},
		{{"SNDTIMEO_POLICY=cap", "SNDTIMEO_DRY_RUN=1", "SNDTIMEO_SUMMARY=1", NULL}, false},
		{{"SNDTIMEO_SEND=0", "SNDTIMEO_CONNECT=off", NULL}, false},
		{{"SNDTIMEO_CONNECT=1ms", NULL}, true},
		{{"SNDTIMEO_SEND=1ms", NULL}, true},
		{{"SNDTIMEO_SEND_TOTAL=1ms", NULL}, true},
		{{"SNDTIMEO_UNACKED=1ms", NULL}, true},
		{{"SNDTIMEO_RULES=* off", NULL}, false},
		{{"SNDTIMEO_RULES=* policy=cap", NULL}, false},
		{{"SNDTIMEO_RULES=* off", "SNDTIMEO_SEND=3", NULL}, true},
		{{"SNDTIMEO_RULES=* off; unix:/a unacked=1ms", NULL}, true},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(settings_limit(read_environment(cases[i].environment, "")), cases[i].limit, "case %zu", i);
}

/* ---- megabytes --------------------------------------------------------------------------------------------------- */

/* 60 bytes of a name or a value are repeated, of a file's name 100, the rest is not. */
Test(settings, a_megabyte)
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
		{"SNDTIMEO_CONNECT=", "", 60, "sndtimeo: SNDTIMEO_CONNECT='",
	         "...' ignored: expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_SEND_TOTAL=", "", 60, "sndtimeo: SNDTIMEO_SEND_TOTAL='",
	         "...' ignored: expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_UNACKED=", "", 60, "sndtimeo: SNDTIMEO_UNACKED='",
	         "...' ignored: expected " DURATION_ACCEPTED "\n"},
		{"SNDTIMEO_MIN_RATE=", "", 60, "sndtimeo: SNDTIMEO_MIN_RATE='",
	         "...' ignored: expected " RATE_ACCEPTED "\n"},
		{"SNDTIMEO_POLICY=", "", 60, "sndtimeo: SNDTIMEO_POLICY='", "...' ignored: expected replace or cap\n"},
		{"SNDTIMEO_LOG=/", "", 59, "sndtimeo: SNDTIMEO_LOG='/", "...' ignored: expected " LOG "\n"},
		{"SNDTIMEO_LOG=", "", 60, "sndtimeo: SNDTIMEO_LOG='", "...' ignored: expected " LOG "\n"},
		{"SNDTIMEO_LOG_FORMAT=", "", 60, "sndtimeo: SNDTIMEO_LOG_FORMAT='",
	         "...' ignored: expected text or json\n"},
		{"SNDTIMEO_VERBOSE=1", "", 59, "sndtimeo: SNDTIMEO_VERBOSE='1", "...' ignored: expected 1 or 0\n"},
		{"SNDTIMEO_DRY_RUN=", "", 60, "sndtimeo: SNDTIMEO_DRY_RUN='", "...' ignored: expected 1 or 0\n"},
		{"SNDTIMEO_SUMMARY=", "", 60, "sndtimeo: SNDTIMEO_SUMMARY='", "...' ignored: expected 1 or 0\n"},
		{"SNDTIMEO_RULES=", "", 60, "sndtimeo: SNDTIMEO_RULES:1:1: '",
	         "...': expected " DESTINATION ": ignored\n"},
		{"SNDTIMEO_RULES=* send=", "", 55,
	         "sndtimeo: SNDTIMEO_RULES:1:8: 'send=", "...': expected " DURATION_ACCEPTED ": ignored\n"},
		{"SNDTIMEO_CONFIG=/", "", 99, "sndtimeo: /", "...: File name too long: ignored\n"},
		{"SNDTIMEO_", "=1", 51, "sndtimeo: SNDTIMEO_", "... is not a setting of this version: ignored\n"},
		{"SNDTIMEO_SEND", "=1", 47, "sndtimeo: SNDTIMEO_SEND",
	         "... is not a setting of this version: ignored\n"},
	};
	enum { SIZE = 1000000 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t length = strlen(cases[i].before);
		char *variable = calloc(1, length + SIZE + 8);
		char wanted[512] = "";

		cr_assert(variable);
		strcpy(variable, cases[i].before);
		memset(variable + length, 'x', SIZE);
		strcpy(variable + length + SIZE, cases[i].after);
		strcpy(wanted, cases[i].line_before);
		memset(wanted + strlen(wanted), 'x', cases[i].shown);
		strcat(wanted, cases[i].line_after);

		read_environment(ENVIRONMENT(variable), wanted);
		cr_expect_lt(strlen(wanted), SETTINGS_COMPLAINT_SIZE);
		free(variable);
	}
}

/* Of every setting and of a name, whatever they consist of: one line, as harmless as it is short. */
Test(settings, a_megabyte_of_anything)
{
	static const char *const befores[] = {
		"SNDTIMEO_CONNECT=",    "SNDTIMEO_SEND=",    "SNDTIMEO_SEND_TOTAL=",
		"SNDTIMEO_MIN_RATE=",   "SNDTIMEO_UNACKED=", "SNDTIMEO_POLICY=",
		"SNDTIMEO_RULES=",      "SNDTIMEO_CONFIG=",  "SNDTIMEO_LOG=",
		"SNDTIMEO_LOG_FORMAT=", "SNDTIMEO_VERBOSE=", "SNDTIMEO_DRY_RUN=",
		"SNDTIMEO_SUMMARY=",    "SNDTIMEO_OTHER=",   "SNDTIMEO_",
	};
	static const char fillers[] = {'9', '.', 's', '/', '*', '\n', '\r', '\033', '\'', '%', '\x7f', '\xff'};
	enum { SIZE = 1000000 };
	char *variable = malloc(SIZE + 64);

	cr_assert(variable);
	for (size_t i = 0; i < COUNT(befores) * sizeof fillers; i++) {
		const char *start = befores[i / sizeof fillers], filler = fillers[i % sizeof fillers];
		const size_t length = strlen(start);
		const bool blank_rules = strstr(start, "RULES") && (filler == '\n' || filler == '\r');
		const char *told = strstr(start, "CONFIG") ? "" : start; /* its name is not in it: the file's is */
		struct settings settings = before;
		struct complaints complaints = {true, ""};
		char shown_part[61] = "";

		memcpy(variable, start, length);
		memset(variable + length, filler, SIZE);
		strcpy(variable + length + SIZE, start[length - 1] == '=' ? "" : "=1");
		settings_read(&settings, (char *[]){variable, NULL}, false, keep, &complaints);

		const size_t line = strlen(complaints.lines);

		expect_settings(&settings, NOTHING_SET);
		if (blank_rules) {
			cr_expect_str_empty(complaints.lines);
			continue;
		}
		cr_expect_lt(line, SETTINGS_COMPLAINT_SIZE);
		cr_expect(strncmp(complaints.lines, "sndtimeo: ", 10) == 0);
		cr_expect(strncmp(complaints.lines + 10, told, *told ? length - 1 : 0) == 0, "%s", complaints.lines);
		cr_expect(strstr(complaints.lines, "ignored"), "%s", complaints.lines);
		/* The end of the line, and no other. */
		for (size_t at = 0; at < line; at++)
			cr_expect((complaints.lines[at] >= ' ' && complaints.lines[at] <= '~') == (at + 1 < line));
		memset(shown_part, filler >= ' ' && filler <= '~' ? filler : '?', 51);
		cr_expect((strstr(complaints.lines, shown_part) != NULL) == (strstr(start, "OTHER") == NULL), "%s",
		          complaints.lines);
	}
	free(variable);
}

/* Good ones between bad ones of any length count. */
Test(settings, good_among_megabytes)
{
	enum { SIZE = 1000000 };
	char *bad = calloc(1, SIZE), *name = calloc(1, SIZE), *rules = calloc(1, SIZE);
	struct settings settings = before;
	struct complaints complaints = {true, ""};

	cr_assert(bad && name && rules);
	strcpy((char *)memset(bad, '\n', SIZE - 1), "SNDTIMEO_SEND");
	bad[strlen(bad)] = '=';
	strcpy((char *)memset(name, '=', SIZE - 1), "SNDTIMEO_X");
	name[strlen(name)] = '\n';
	strcpy((char *)memset(rules, 'x', SIZE - 1), "SNDTIMEO_RULES=* off\n");
	rules[strlen(rules)] = 'x';
	settings_read(
		&settings,
		(char *[]){bad, "SNDTIMEO_SEND=3", name, bad, rules, "SNDTIMEO_POLICY=cap", "SNDTIMEO_LOG=/log", NULL},
		false, keep, &complaints);
	expect_settings(&settings, "0 3000 0 0 0 cap; 1 rules; /log text");
	free(bad);
	free(name);
	free(rules);
}
