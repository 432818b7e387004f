/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Bad settings, and machines that take things away: one clear line or none, and the program runs on.
 */
#include "callers.h"
#include "harness.h"
#include "rows.h"

#include <stdio.h>
#include <unistd.h>

#define DURATION "a decimal number with ms, s, m or h (default s), at most 24 days, or 0 or off for no limit"
#define RATE "bytes a second, a decimal number with K, M or G (1024-based), or 0 or off for no limit"
#define LOG "stderr, syslog, off, or a path that begins with /"
#define DESTINATION "a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or unix:@name"
/* The longest string that exec passes on (MAX_ARG_STRLEN), its end included. */
#define LONGEST (128 * 1024)
#define SHOWN 60
#define BYTES 3000000
#define SEND_MS 500

static const struct peer_script never_reads = { .stop = PEER_STALLS };
/* Slower than the limit below for most of what it gets. */
static const struct peer_script slow = { .rcvbuf_bytes = 65536, .chunk_bytes = 20000, .pause_ms = 20 };

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	EPOLL_LOOP("events=in+out"),
};

/* What a program prints under this setting that does an upload to a healthy peer, which has to arrive. */
static const char *said_in_an_upload(const struct setting *setting, const char *before)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(setting, "%s; sock tcp4; connect %u; sendall send %d; close", before, peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "connect.ret", 0);
	expect(run, "sendall.ret", BYTES);
	expect_peer_read(peer_finish(peer, 5000), BYTES);
	return run->errors;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static const struct malformed {
	const char *name;
	const char *value;
	const char *shown;
	const char *accepted;
} malformed[] = {
	{ "CONNECT", "3x", "3x", DURATION },
	{ "CONNECT", "-1", "-1", DURATION },
	{ "CONNECT", "+3", "+3", DURATION },
	{ "CONNECT", " ", " ", DURATION },
	{ "CONNECT", "1e3", "1e3", DURATION },
	{ "CONNECT", "never", "never", DURATION },
	{ "CONNECT", "1\n2", "1?2", DURATION },
	{ "CONNECT", "1s\n", "1s?", DURATION },
	{ "SEND", "0x10", "0x10", DURATION },
	{ "SEND", "1,5", "1,5", DURATION },
	{ "SEND", ".", ".", DURATION },
	{ "SEND", "nan", "nan", DURATION },
	{ "SEND", "3 s", "3 s", DURATION },
	{ "SEND", "\n", "?", DURATION },
	{ "SEND", "\nsndtimeo: all is well", "?sndtimeo: all is well", DURATION },
	{ "SEND", "\033]0;title\a\033[2J", "?]0;title??[2J", DURATION },
	{ "SEND", "5\xd9\xa5\xff", "5???", DURATION },
	{ "SEND", "%s%n%1000d", "%s%n%1000d", DURATION },
	{ "SEND", "597h", "597h", DURATION },
	{ "SEND", "2147483648ms", "2147483648ms", DURATION },
	{ "SEND", "18446744073709551616ms", "18446744073709551616ms", DURATION },
	{ "SEND", "99999999999999999999999999999999999999h", "99999999999999999999999999999999999999h", DURATION },
	{ "POLICY", "Cap", "Cap", "replace or cap" },
	{ "POLICY", "cap\n", "cap?", "replace or cap" },
	{ "POLICY", "replace,cap", "replace,cap", "replace or cap" },
	{ "LOG", "dev/null", "dev/null", LOG },
	{ "LOG", "../log", "../log", LOG },
	{ "LOG", "~/log", "~/log", LOG },
	{ "LOG", "\n/var/log/it", "?/var/log/it", LOG },
	{ "LOG", "Syslog", "Syslog", LOG },
	{ "LOG", "off\r\n", "off??", LOG },
	{ "SEND_TOTAL", "5d", "5d", DURATION },
	{ "SEND_TOTAL", "64K", "64K", DURATION },
	{ "SEND_TOTAL", "-0", "-0", DURATION },
	{ "SEND_TOTAL", "597h", "597h", DURATION },
	{ "UNACKED", "1e3", "1e3", DURATION },
	{ "UNACKED", "2147483648ms", "2147483648ms", DURATION },
	{ "UNACKED", "%s%n%1000d", "%s%n%1000d", DURATION },
	{ "MIN_RATE", "64KB", "64KB", RATE },
	{ "MIN_RATE", "64KiB/s", "64KiB/s", RATE },
	{ "MIN_RATE", "-1", "-1", RATE },
	{ "MIN_RATE", "1,5M", "1,5M", RATE },
	{ "MIN_RATE", "10s", "10s", RATE },
	{ "MIN_RATE", "1K\n", "1K?", RATE },
	{ "MIN_RATE", "1025G", "1025G", RATE },
	{ "MIN_RATE", "17179869185G", "17179869185G", RATE },
	{ "MIN_RATE", "18446744073709551617", "18446744073709551617", RATE },
	{ "LOG_FORMAT", "JSON", "JSON", "text or json" },
	{ "LOG_FORMAT", "json\n", "json?", "text or json" },
	{ "LOG_FORMAT", "\033[2J", "?[2J", "text or json" },
	{ "VERBOSE", "2", "2", "1 or 0" },
	{ "VERBOSE", "yes", "yes", "1 or 0" },
	{ "VERBOSE", "1\n", "1?", "1 or 0" },
	{ "DRY_RUN", "true", "true", "1 or 0" },
	{ "DRY_RUN", "01", "01", "1 or 0" },
	{ "DRY_RUN", " 1", " 1", "1 or 0" },
	{ "SUMMARY", "-1", "-1", "1 or 0" },
	{ "SUMMARY", "\xd9\xa1", "??", "1 or 0" },
};

/* As a program's first setting, and behind good ones, which count all the same. */
ROW_TEST(hostile, malformed_value, ROWS_OF(malformed))
{
	const struct malformed *bad = &malformed[*number];
	char variable[256], wanted[512];

	snprintf(variable, sizeof variable, "SNDTIMEO_%s=%s", bad->name, bad->value);
	snprintf(wanted, sizeof wanted, "sndtimeo: SNDTIMEO_%s='%s' ignored: expected %s\n", bad->name, bad->shown,
		 bad->accepted);
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .environment = { variable } }, "sleep 0"), wanted);
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .send_ms = 60000, .connect_ms = 60000,
							      .environment = { variable } }, "sleep 0"), wanted);
}

/* So are rules, and they say where. */
static const struct malformed_rules {
	const char *variable;
	const char *said;
} malformed_rules[] = {
	{ "SNDTIMEO_RULES=10.0.0.0/33 send=5s",
	  "SNDTIMEO_RULES:1:10: '10.0.0.0/33': expected a prefix length from 0 to 32" },
	{ "SNDTIMEO_RULES=* sned=5s",
	  "SNDTIMEO_RULES:1:3: 'sned=5s': expected connect, send, send_total, min_rate, unacked, "
	  "policy or off; did you mean send?" },
	{ "SNDTIMEO_RULES=# none\n  * send=3x\n", "SNDTIMEO_RULES:2:10: 'send=3x': expected " DURATION },
	{ "SNDTIMEO_RULES=* off; * \033[2J", "SNDTIMEO_RULES:1:10: '?[2J': expected no control characters" },
	{ "SNDTIMEO_RULES=localhost:80 off", "SNDTIMEO_RULES:1:1: 'localhost:80': expected " DESTINATION },
	{ "SNDTIMEO_RULES=%s%n%1000d off", "SNDTIMEO_RULES:1:1: '%s%n%1000d': expected " DESTINATION },
	{ "SNDTIMEO_CONFIG=/no/such\nfile", "/no/such?file: No such file or directory" },
	{ "SNDTIMEO_CONFIG=/", "/: not a file" },
	{ "SNDTIMEO_CONFIG=/dev/zero", "/dev/zero: not a file" },
};

ROW_TEST(hostile, malformed_rules, ROWS_OF(malformed_rules))
{
	const struct malformed_rules *bad = &malformed_rules[*number];
	char wanted[512];

	snprintf(wanted, sizeof wanted, "sndtimeo: %s: ignored\n", bad->said);
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .environment = { bad->variable } }, "sleep 0"), wanted);
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .send_ms = 60000, .connect_ms = 60000,
							      .environment = { bad->variable } }, "sleep 0"), wanted);
}

/* A log that nothing can be written to is told of where there is anything to tell, and is no reason to stop. */
static const struct log {
	const char *value;
	const char *said;   /* "": nothing */
} logs[] = {
	{ "stderr", "" },
	{ "syslog", "" },
	{ "off", "" },
	{ "/dev/null", "" },
	{ "/no/such/folder/log",
	  "sndtimeo: SNDTIMEO_LOG='/no/such/folder/log': No such file or directory: timeouts are not told of\n" },
	{ "/", "sndtimeo: SNDTIMEO_LOG='/': Is a directory: timeouts are not told of\n" },
	{ "/no/\033[2J\n",
	  "sndtimeo: SNDTIMEO_LOG='/no/?[2J?': No such file or directory: timeouts are not told of\n" },
};

ROW_TEST(hostile, good_log, ROWS_OF(logs))
{
	const struct log *log = &logs[*number];
	const char *said = log->said;
	char variable[64];

	if (strcmp(log->value, "syslog") == 0 && access("/dev/log", F_OK) != 0)
		said = "sndtimeo: SNDTIMEO_LOG='syslog': No such file or directory: timeouts are not told of\n";
	snprintf(variable, sizeof variable, "SNDTIMEO_LOG=%s", log->value);
	cr_expect_str_empty(said_in_an_upload(&(struct setting){ .environment = { variable } }, "sleep 0"));
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .send_ms = 60000, .connect_ms = 60000,
							      .environment = { variable } }, "sleep 0"), said);
}

/* A line each, and what is good among them counts. */
Test(hostile, all_settings_malformed, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .environment = {
				       "SNDTIMEO_CONNECT=soon", "SNDTIMEO_POLICY=rePlace", "SNDTIMEO_SEND=500ms",
				       "SNDTIMEO_LOG=loud", "SNDTIMEO_SNED=1", "SNDTIMEO_\n=1", "SNDTIMEO_=\n" } },
			       "sock tcp4; connect %u; watch; sendall send 30000000 @up", peer_port(peer));
	static const char wanted[] =
		"sndtimeo: SNDTIMEO_CONNECT='soon' ignored: expected " DURATION "\n"
		"sndtimeo: SNDTIMEO_POLICY='rePlace' ignored: expected replace or cap\n"
		"sndtimeo: SNDTIMEO_LOG='loud' ignored: expected " LOG "\n"
		"sndtimeo: SNDTIMEO_SNED is not a setting of this version (did you mean SNDTIMEO_SEND?): ignored\n"
		"sndtimeo: SNDTIMEO_? is not a setting of this version: ignored\n"
		"sndtimeo: SNDTIMEO_ is not a setting of this version: ignored\n";

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	cr_assert(strncmp(run->errors, wanted, strlen(wanted)) == 0, "%s", run->errors);
	peer_finish(peer, 0);
}

Test(hostile, all_other_settings_malformed, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .environment = {
				       "SNDTIMEO_RULES=* of; 10.0.0.0/8 off; 127.0.0.0/33 off",
				       "SNDTIMEO_SEND_TOTAL=soon", "SNDTIMEO_MIN_RATE=64KB", "SNDTIMEO_UNACKED=-1",
				       "SNDTIMEO_SEND=500ms", "SNDTIMEO_LOG_FORMAT=xml", "SNDTIMEO_DRY_RUN=yes" } },
			       "sock tcp4; connect %u; watch; sendall send 30000000 @up", peer_port(peer));
	static const char wanted[] =
		"sndtimeo: SNDTIMEO_SEND_TOTAL='soon' ignored: expected " DURATION "\n"
		"sndtimeo: SNDTIMEO_MIN_RATE='64KB' ignored: expected " RATE "\n"
		"sndtimeo: SNDTIMEO_UNACKED='-1' ignored: expected " DURATION "\n"
		"sndtimeo: SNDTIMEO_LOG_FORMAT='xml' ignored: expected text or json\n"
		"sndtimeo: SNDTIMEO_DRY_RUN='yes' ignored: expected 1 or 0\n"
		"sndtimeo: SNDTIMEO_RULES:1:3: 'of': expected connect, send, send_total, min_rate, unacked, policy or "
		"off; did you mean off?: ignored\n"
		"sndtimeo: SNDTIMEO_RULES:1:33: '127.0.0.0/33': expected a prefix length from 0 to 32: ignored\n";

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	cr_assert(strncmp(run->errors, wanted, strlen(wanted)) == 0, "%s", run->errors);
	peer_finish(peer, 0);
}

static const struct longest {
	const char *before;
	char filler;
	const char *shown;   /* NULL: nothing is to be said */
	const char *accepted;
} longest[] = {
	{ "SNDTIMEO_CONNECT=", 'x', "x", DURATION },
	{ "SNDTIMEO_CONNECT=", '9', "9", DURATION },
	{ "SNDTIMEO_CONNECT=", '\n', "?", DURATION },
	{ "SNDTIMEO_SEND=", '\033', "?", DURATION },
	{ "SNDTIMEO_SEND=", '0', NULL, NULL },
	{ "SNDTIMEO_SEND=9.", '9', NULL, NULL },
	{ "SNDTIMEO_POLICY=", 'c', "c", "replace or cap" },
	{ "SNDTIMEO_LOG=", '/', "/", LOG },
	{ "SNDTIMEO_LOG=", 's', "s", LOG },
	{ "SNDTIMEO_SEND_TOTAL=", '9', "9", DURATION },
	{ "SNDTIMEO_SEND_TOTAL=", '0', NULL, NULL },
	{ "SNDTIMEO_UNACKED=", '\033', "?", DURATION },
	{ "SNDTIMEO_MIN_RATE=", 'K', "K", RATE },
	{ "SNDTIMEO_MIN_RATE=", '9', "9", RATE },
	{ "SNDTIMEO_MIN_RATE=", '0', NULL, NULL },
	{ "SNDTIMEO_LOG_FORMAT=", 'j', "j", "text or json" },
	{ "SNDTIMEO_VERBOSE=", '1', "1", "1 or 0" },
	{ "SNDTIMEO_DRY_RUN=", '0', "0", "1 or 0" },
	{ "SNDTIMEO_SUMMARY=", '\n', "?", "1 or 0" },
	{ "SNDTIMEO_RULES=", '\n', NULL, NULL },
	{ "SNDTIMEO_RULES=", ';', NULL, NULL },
	{ "SNDTIMEO_RULES=#", '*', NULL, NULL },
	{ "SNDTIMEO_", 'X', "X", NULL },
};

ROW_TEST(hostile, value_as_long_as_can_be, ROWS_OF(longest))
{
	const struct longest *row = &longest[*number];
	const bool is_name = row->shown && !row->accepted;
	char *variable = calloc(1, LONGEST), wanted[512] = "";

	cr_assert(variable);
	memset(variable, row->filler, LONGEST - 1);
	memcpy(variable, row->before, strlen(row->before));
	if (is_name)
		memcpy(variable + LONGEST - 3, "=1", 2);
	if (row->shown) {
		strcat(wanted, "sndtimeo: ");
		strcat(strcat(wanted, row->before), is_name ? "" : "'");
		for (size_t i = is_name ? strlen(row->before) : 0; i < SHOWN; i++)
			strcat(wanted, row->shown);
		strcat(wanted, is_name ? "... is not a setting of this version: ignored\n" : "...' ignored: expected ");
		if (!is_name)
			strcat(strcat(wanted, row->accepted), "\n");
	}
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .environment = { variable } }, "sleep 0"), wanted);
}

/* What is not shown as NAME='VALUE'. */
static const struct longest_rules {
	const char *before;
	char filler;
	const char *said_before;
	char shown;
	size_t count;
	const char *said_after;
} longest_rules[] = {
	{ "SNDTIMEO_RULES=", 'x', "SNDTIMEO_RULES:1:1: '", 'x', 60, "...': expected " DESTINATION },
	{ "SNDTIMEO_RULES=* send=", '9', "SNDTIMEO_RULES:1:8: 'send=", '9', 55, "...': expected " DURATION },
	{ "SNDTIMEO_RULES=* off;", '\033', "SNDTIMEO_RULES:1:7: '", '?', 60, "...': expected no control characters" },
	{ "SNDTIMEO_CONFIG=", '/', "", '/', 100, "...: File name too long" },
	{ "SNDTIMEO_CONFIG=/", '\n', "/", '?', 99, "...: File name too long" },
};

ROW_TEST(hostile, rules_as_long_as_can_be, ROWS_OF(longest_rules))
{
	const struct longest_rules *row = &longest_rules[*number];
	char *variable = calloc(1, LONGEST), wanted[512] = "sndtimeo: ";

	cr_assert(variable);
	memset(variable, row->filler, LONGEST - 1);
	memcpy(variable, row->before, strlen(row->before));
	strcat(wanted, row->said_before);
	memset(wanted + strlen(wanted), row->shown, row->count);
	strcat(strcat(wanted, row->said_after), ": ignored\n");
	cr_expect_str_eq(said_in_an_upload(&(struct setting){ .environment = { variable } }, "sleep 0"), wanted);
}

/* Good, and far from anything that anybody needs. */
static const char *const absurd[] = {
	"2147483647ms", "576h", "596.5h", "0.000000000000000000000000000001ms", "0000000000000000000000000.5h", "off", "0",
};

ROW_TEST(hostile, absurd_number, ROWS_OF(absurd))
{
	char variable[4][128];

	/* Less than a millisecond is one, and no limit for an upload. */
	const bool tiny = strstr(absurd[*number], "0ms") || strstr(absurd[*number], "01ms");

	snprintf(variable[0], sizeof variable[0], "SNDTIMEO_CONNECT=%s", tiny ? "1h" : absurd[*number]);
	snprintf(variable[1], sizeof variable[1], "SNDTIMEO_SEND=%s", tiny ? "576h" : absurd[*number]);
	snprintf(variable[2], sizeof variable[2], "SNDTIMEO_SEND_TOTAL=%s", tiny ? "596.5h" : absurd[*number]);
	snprintf(variable[3], sizeof variable[3], "SNDTIMEO_UNACKED=%s", tiny ? "576h" : absurd[*number]);
	for (size_t i = 0; i < ROWS_OF(callers); i++) {
		struct peer *peer = peer_start(&slow);
		struct run *run = play(&(struct setting){ .environment = { variable[0], variable[1], variable[2],
									    variable[3] } },
				       "sock tcp4; setopt sndbuf 100000; connect %u; %s; %s 600000 %s @up", peer_port(peer),
				       callers[i].setup, callers[i].upload, callers[i].options);

		expect_clean(run);
		expect(run, "up.ret", 600000);
		cr_assert_str_empty(run->errors);
		peer_resume(peer);
		expect_peer_read(peer_finish(peer, 5000), 600000);
	}
}

/* ---- standard descriptors ---------------------------------------------------------------------------------------- */

ROW_TEST(hostile, closed_standard_descriptors, 8)
{
	const unsigned closed = (unsigned)*number;
	const struct setting bad = { .closed = closed, .environment = { "SNDTIMEO_SEND=soon" } };
	const struct setting good = { .closed = closed, .send_ms = SEND_MS, .connect_ms = SEND_MS };
	const char *said = said_in_an_upload(&bad, "sleep 0");

	if (closed & 4)
		cr_expect_str_empty(said);
	else
		cr_expect(strncmp(said, "sndtimeo: SNDTIMEO_SEND='soon' ignored: ", 40) == 0, "%s", said);
	cr_expect_str_empty(said_in_an_upload(&good, "sleep 0"));
}

/* A socket that got number 2 carries what the program sends, and nothing of ours. */
Test(hostile, stderr_is_the_socket, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .closed = 4, .send_ms = SEND_MS },
			       "sock tcp4; size; connect %u; sendall send 30000000 @up; accepted", peer_port(peer));

	expect_clean(run);
	expect(run, "size.fd", 2);
	expect(run, "up.errno", ETIMEDOUT);
	expect(run, "accepted.counted", value_of(run, "up.ret"));
	peer_resume(peer);
	cr_assert(peer_finish(peer, 2000).in_pattern);
}

/* Nor does a file of the program's own that got it. */
Test(hostile, stderr_is_a_file_of_the_programs, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .closed = 4, .send_ms = SEND_MS },
			       "sock #1 file; sock tcp4; connect %u; sendall send 30000000 @up; size #1", peer_port(peer));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect(run, "size.fd", 2);
	expect(run, "size.bytes", 0);
	peer_finish(peer, 0);
}

/* ---- what a process may be denied -------------------------------------------------------------------------------- */

/* What counts coverage writes files in the end. */
#define MANY_AGAIN "nofile @again 1024 taken=0"

/* All descriptors are taken when the stall comes. */
ROW_TEST(hostile, no_descriptor_left_in_a_stall, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; send send 10; %s; wait %s out 0; nofile 40; watch; %s 30000000 %s @up; "
			       MANY_AGAIN,
			       peer_port(peer), caller->setup, caller->in_epoll ? "epoll_wait" : "poll", caller->upload,
			       caller->options);

	expect_clean(run);
	expect(run, "nofile.ret", 0);
	expect(run, "nofile.opened", -1);
	expect_verdict(run, caller, SEND_MS);
	cr_expect(strstr(run->errors, "timed out"), "%s", run->errors);
	peer_finish(peer, 0);
}

/* A program that is begun with a limit lower than the numbers we look for inherited sockets under. */
Test(hostile, few_descriptors_at_the_start, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nofile 200 taken=0; exec 7; adopt 7 tcp4; watch; sendall send 30000000 @up",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "nofile.ret", 0);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	peer_finish(peer, 0);
}

/* A limit of none at all, as vsftpd and OpenSSH set it in children that talk to the network: poll(2) fails then. */
ROW_TEST(hostile, no_descriptor_allowed, 2)
{
	const char *before = *number ? "seccomp eperm" : "sleep 0";
	struct peer *peer = peer_start(&slow);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; setopt sndbuf 100000; connect %u; send send 10; %s; nofile 0 taken=0; "
			       "sendall send 1500000 @up; close; " MANY_AGAIN, peer_port(peer), before);

	expect_clean(run);
	if (*number && value_of(run, "seccomp.ret"))
		cr_skip_test("no seccomp filter is to be had here");
	expect(run, "nofile.ret", 0);
	expect(run, "up.ret", 1500000);
	expect(run, "up.calls", 1);
	/* Else the peer was not slow enough to show anything. */
	expect_within(run, "up.ms", 2 * SEND_MS, WATCHDOG_MS);
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), 1500010);
}

Test(hostile, no_descriptor_allowed_in_a_stall, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; send send 10; watch; nofile 0 taken=0; sendall send 30000000 @up; "
			       MANY_AGAIN,
			       peer_port(peer));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	peer_finish(peer, 0);
}

Test(hostile, no_descriptor_allowed_in_a_connect, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = SEND_MS }, "sock tcp4; nofile 0 taken=0; connect %u; " MANY_AGAIN,
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_took(run, "connect.ms", SEND_MS);
	blackhole_finish(hole);
}

Test(hostile, no_proc, .timeout = 20)
{
	not_under("san", "sanitizers themselves read /proc");
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "noproc; sock tcp4; connect %u; exec 7; adopt 7 tcp4; watch; sendall send 30000000 @up", peer_port(peer));

	expect_clean(run);
	if (value_of(run, "noproc.ret"))
		cr_skip_test("no mount namespace is to be had here");
	expect(run, "noproc.there", 0);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	cr_expect(strstr(run->errors, "timed out"), "%s", run->errors);
	peer_finish(peer, 0);
}

/* ---- a sandbox that refuses getsockopt --------------------------------------------------------------------------- */

static const char *const refusals[] = { "eperm", "enosys" };
/* When it begins: before there is a socket, once that is armed and connected, or so in the program before. */
enum { AT_ONCE, CONNECTED, IN_THE_PROGRAM_BEFORE, BEGINNINGS };

#define SANDBOXES (ROWS_OF(refusals) * BEGINNINGS * ROWS_OF(callers) * 2)

ROW_TEST(hostile, getsockopt_is_refused, SANDBOXES)
{
	const size_t to_slow = *number % 2, n = *number / 2;
	const struct caller *caller = &callers[n % ROWS_OF(callers)];
	const char *refusal = refusals[n / ROWS_OF(callers) % ROWS_OF(refusals)];
	const size_t beginning = n / ROWS_OF(callers) / ROWS_OF(refusals);
	const long bytes = to_slow ? 1500000 : BYTES;
	struct peer *peer = peer_start(to_slow ? &slow : &(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .connect_ms = SEND_MS },
			       "%s %s; sock tcp4; setopt sndbuf 100000; connect %u; %s; %s %s; %s; getopt error; "
			       "%s %ld %s @up; close",
			       beginning == AT_ONCE ? "seccomp" : "sleep 0 not", refusal, peer_port(peer), caller->setup,
			       beginning == AT_ONCE ? "sleep 0 not" : "seccomp", refusal,
			       beginning == IN_THE_PROGRAM_BEFORE ? "exec 7; adopt 7 tcp4" : "sleep 0", caller->upload, bytes,
			       caller->options);

	expect_clean(run);
	if (value_of(run, "seccomp.ret"))
		cr_skip_test("no seccomp filter is to be had here");
	expect(run, "getopt.ret", -1);
	expect(run, "getopt.errno", strcmp(refusal, "eperm") == 0 ? EPERM : ENOSYS);
	expect(run, "connect.ret", 0);
	expect(run, "up.ret", bytes);
	/* Else the peer was not slow enough to show anything. */
	if (to_slow)
		expect_within(run, "up.ms", 2 * SEND_MS, WATCHDOG_MS);
	cr_expect_str_empty(run->errors);
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), bytes);
}

/* Standard error that may not be asked what it is may be a socket. */
ROW_TEST(hostile, stderr_may_not_be_asked, ROWS_OF(refusals))
{
	struct run *run = play(&(struct setting){ .closed = 4, .environment = { "SNDTIMEO_SEND=soon" } },
			       "sock unix; size; dup #1 5; size @other #5; seccomp %s; exec 2; adopt #5 5 tcp4; "
			       "recv #5 recv_dontwait 100",
			       refusals[*number]);

	expect_clean(run);
	if (value_of(run, "seccomp.ret"))
		cr_skip_test("no seccomp filter is to be had here");
	expect(run, "size.fd", 2);
	expect(run, "other.fd", 5);
	expect(run, "recv.ret", -1);
	expect(run, "recv.errno", EAGAIN);
	cr_expect_str_empty(run->errors);
}
