/* SPDX-License-Identifier: MIT */
/** @file
 * @brief rules_*(): which rules are taken, what they match, and what is said of the others.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/limits/program.h"
#include "src/limits/quantity.h"
#include "src/limits/rules.h"

#define DESTINATION "a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or unix:@name"
#define BRACKETS "an IPv6 address in brackets, such as [2001:db8::]/32:443"
#define PORTS "a port from 1 to 65535, or a range of ports FIRST-LAST"
#define NAMES "connect, send, send_total, min_rate, unacked, policy or off"
#define SETTINGS "; log, log_format, verbose, dry_run or summary"
#define ALONE "off alone, without any other limit"
#define A_LIMIT "a limit behind it, such as send=5s, or off"
#define COUNT(array) (sizeof (array) / sizeof *(array))

/* Every complaint, one a line. */
struct complaints {
	char lines[8192];
	size_t count;
};

static void keep(const char *line, void *context)
{
	struct complaints *complaints = context;
	cr_assert_lt(strlen(complaints->lines) + strlen(line) + 2, sizeof complaints->lines);
	strcat(strcat(complaints->lines, line), "\n");
	complaints->count++;
}

/* Read @p text, of which @p wanted is said, "" for nothing. */
static void add_bytes(struct rules *rules, const char *text, size_t length, const char *wanted)
{
	struct complaints complaints = {"", 0};
	/* Exactly as long: the address sanitizer watches its end. */
	char *copy = malloc(length ? length : 1);
	cr_assert(copy);
	memcpy(copy, text, length);
	const size_t mistakes = rules_add(rules, copy, length, "here", keep, &complaints);
	memset(copy, '?', length);
	free(copy);
	cr_expect_str_eq(complaints.lines, wanted, "'%s' gives:\n%swanted:\n%s", text, complaints.lines, wanted);
	cr_expect_eq(mistakes, complaints.count, "'%s': %zu mistakes of %zu", text, mistakes, complaints.count);
}

static void add(struct rules *rules, const char *text, const char *wanted)
{
	add_bytes(rules, text, strlen(text), wanted);
}

static struct rules taken(const char *text)
{
	struct rules rules = {0};
	add(&rules, text, "");
	rules_complete(&rules, &(struct limits){0});
	return rules;
}

/* "1.2.3.4 80", "::1 80", "/path", "@abstract", "" for an unnamed one, "?" for none of ours; as the kernel gives it. */
static struct destination to(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char address[INET6_ADDRSTRLEN];
	unsigned port;
	if (*text == '?')
		return (struct destination){.kind = DESTINATION_UNKNOWN};
	if (strchr(text, ' ') && sscanf(text, "%45s %u", address, &port) == 2) {
		in.sin_port = in6.sin6_port = htons((uint16_t)port);
		if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
			return destination_of((struct sockaddr *)&in, sizeof in);
		cr_assert_eq(inet_pton(AF_INET6, address, &in6.sin6_addr), 1, "%s", text);
		return destination_of((struct sockaddr *)&in6, sizeof in6);
	}
	cr_assert_leq(strlen(text), sizeof un.sun_path);
	memcpy(un.sun_path, text, strlen(text));
	if (*text == '@')
		un.sun_path[0] = '\0';
	return destination_of((struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text)));
}

/* The rule for it, from 1; 0 if there is none. */
static size_t found(const struct rules *rules, const char *text)
{
	const struct destination destination = to(text);
	size_t number = 0;
	const struct limits *limits = rules_find(rules, &destination, &number);
	cr_expect_eq(limits != NULL, number > 0);
	cr_expect_eq(rules_find(rules, &destination, NULL), limits);
	return number;
}

static void expect_limits(const struct rules *rules, const char *text, const struct limits *wanted)
{
	const struct destination destination = to(text);
	const struct limits *limits = rules_find(rules, &destination, NULL);
	cr_assert(limits, "no rule for %s", text);
	cr_expect_eq(limits->connect_ms, wanted->connect_ms);
	cr_expect_eq(limits->send_ms, wanted->send_ms);
	cr_expect_eq(limits->send_total_ms, wanted->send_total_ms);
	cr_expect_eq(limits->unacked_ms, wanted->unacked_ms);
	cr_expect_eq(limits->min_rate, wanted->min_rate);
	cr_expect_eq(limits->policy, wanted->policy);
}

/* ---- what is taken ----------------------------------------------------------------------------------------------- */

Test(rules, separators_blanks_and_comments)
{
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {
		{"", 0},
		{"\n", 0},
		{";;;", 0},
		{" \t\r\n ; \n", 0},
		{"# nothing", 0},
		{"#", 0},
		{"# one; two; * off\n", 0},
		{"  \t# indented", 0},
		{"* off", 1},
		{"* off\n", 1},
		{"\t *\t off \t", 1},
		{"* off;* off", 2},
		{"* off ; * off ;", 2},
		{";* off;;* off;;", 2},
		{"* off\r\n* off\r\n", 2},
		{"* off\r\n\r\n# comment\r\n* off\r\n", 2},
		{"* off # why; not\n* off", 2},
		{"* off;# why\n* off", 2},
		{"* off #", 1},
		{"unix:/a#b off", 1},
		{"unix:@#b off", 1},
		{"* send=5s\tconnect=1s   unacked=1m\r", 1},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rules rules = {0};
		add(&rules, cases[i].text, "");
		cr_expect_eq(rules.count, cases[i].count, "'%s': %zu rules", cases[i].text, rules.count);
	}
}

Test(rules, limits_of_every_name)
{
	static const struct {
		const char *text;
		struct limits wanted;
	} cases[] = {
		{"* connect=1", {.connect_ms = 1000}},
		{"* send=250ms", {.send_ms = 250}},
		{"* send_total=1m", {.send_total_ms = 60000}},
		{"* send-total=1m", {.send_total_ms = 60000}},
		{"* send=2 min_rate=64K", {.send_ms = 2000, .min_rate = 65536}},
		{"* MIN-RATE=1 Send=2", {.send_ms = 2000, .min_rate = 1}},
		{"* min_rate=5", {.min_rate = 5}},
		{"* min_rate=off send=off", {0}},
		{"* unacked=.5", {.unacked_ms = 500}},
		{"* policy=cap", {.policy = POLICY_CAP}},
		{"* policy=replace", {0}},
		{"* connect=1s send=2s send_total=3s min_rate=4 unacked=5s policy=cap",
		 {.connect_ms = 1000, .send_ms = 2000, .send_total_ms = 3000, .unacked_ms = 5000, .min_rate = 4,
		  .policy = POLICY_CAP}},
		{"* send=00000000000000000000000000000000000000000000000000000000000000000000000000000000000001", {.send_ms = 1000}},
		{"* off", {0}},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct rules rules = taken(cases[i].text);
		cr_expect_eq(rules.count, 1);
		expect_limits(&rules, "192.0.2.7 80", &cases[i].wanted);
	}
}

Test(rules, what_is_not_named_is_completed)
{
	static const struct limits otherwise = {.connect_ms = 1, .send_ms = 2, .send_total_ms = 3, .unacked_ms = 4,
	                                        .min_rate = 5, .policy = POLICY_CAP};
	static const struct {
		const char *destination;
		struct limits wanted;
	} cases[] = {
		{"1.0.0.0 1", {10, 2, 3, 4, 5, POLICY_CAP}},
		{"2.0.0.0 1", {1, 0, 3, 4, 5, POLICY_CAP}},
		{"3.0.0.0 1", {1, 2, 0, 4, 0, POLICY_REPLACE}},
		{"4.0.0.0 1", {0, 0, 0, 0, 0, POLICY_CAP}},
		{"/5", {1, 2, 3, 0, 5, POLICY_CAP}},
		{"6.0.0.0 1", {10, 20, 30, 40, 50, POLICY_REPLACE}},
	};
	struct rules rules = {0};
	add(&rules, "1.0.0.0/8 connect=10ms; 2.0.0.0/8 send=0; 3.0.0.0/8 send_total=off min_rate=0 policy=replace;"
	            "4.0.0.0/8 off; unix:/5 unacked=off;"
	            "6.0.0.0/8 connect=10ms send=20ms send_total=30ms unacked=40ms min_rate=50 policy=replace", "");
	rules_complete(&rules, &otherwise);
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_limits(&rules, cases[i].destination, &cases[i].wanted);
	rules_complete(&rules, &(struct limits){.connect_ms = 99});
	expect_limits(&rules, "2.0.0.0 1", &cases[1].wanted);
}

Test(rules, whether_any_limits)
{
	static const struct {
		const char *text;
		bool limit;
	} cases[] = {
		{"", false}, {"* off", false}, {"* off; 10.0.0.0/8 send=0 policy=cap", false}, {"* min_rate=1", false},
		{"* off; unix:/a unacked=1", true}, {"* send_total=1; * off", true}, {"* connect=1", true},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct rules rules = taken(cases[i].text);
		cr_expect_eq(rules_limit(&rules), cases[i].limit, "'%s'", cases[i].text);
	}
	struct rules rules = {0};
	add(&rules, "* connect=0", "");
	rules_complete(&rules, &(struct limits){.send_ms = 1});
	cr_expect(rules_limit(&rules));
}

Test(rules, whether_any_is_for_unix)
{
	static const struct {
		const char *text;
		bool unix_named;
	} cases[] = {
		{"", false}, {"* off; 1.2.3.4 off; [::1] off", false}, {"unix:/a off", true}, {"* off; unix:@a send=1", true},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(taken(cases[i].text).names_unix, cases[i].unix_named, "'%s'", cases[i].text);
	struct rules rules = {0};
	add(&rules, "unix:/a send=x", "here:1:14: 'send=x': expected " DURATION_ACCEPTED "\n");
	cr_expect_not(rules.names_unix);
}

/* ---- what matches ------------------------------------------------------------------------------------------------ */

struct match_case {
	const char *destinations;   /* of the rules, each of which is made "off" */
	const char *to;
	size_t wanted;
};

static void check_matches(const struct match_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[512] = "", copy[512];
		snprintf(copy, sizeof copy, "%s", cases[i].destinations);
		for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
			strcat(strcat(text, word), " off\n");
		const struct rules rules = taken(text);
		const size_t number = found(&rules, cases[i].to);
		cr_expect_eq(number, cases[i].wanted, "%s: rule %zu of %s, not %zu", cases[i].to, number,
		             cases[i].destinations, cases[i].wanted);
	}
}

Test(rules, networks)
{
	static const struct match_case cases[] = {
		{"192.0.2.7", "192.0.2.7 80", 1},
		{"192.0.2.7", "192.0.2.6 80", 0},
		{"192.0.2.7", "192.0.2.7 0", 1},
		{"192.0.2.7", "192.0.2.7 65535", 1},
		{"192.0.2.7/32", "192.0.2.7 80", 1},
		{"192.0.2.7/32", "192.0.2.8 80", 0},
		{"192.0.2.6/31", "192.0.2.5 80", 0},
		{"192.0.2.6/31", "192.0.2.6 80", 1},
		{"192.0.2.6/31", "192.0.2.7 80", 1},
		{"192.0.2.6/31", "192.0.2.8 80", 0},
		{"192.0.2.7/31", "192.0.2.6 80", 1},
		{"10.1.2.3/8", "10.255.255.255 80", 1},
		{"10.1.2.3/8", "10.0.0.0 80", 1},
		{"10.1.2.3/8", "11.0.0.0 80", 0},
		{"10.1.2.3/8", "9.255.255.255 80", 0},
		{"128.0.0.0/1", "127.255.255.255 80", 0},
		{"128.0.0.0/1", "128.0.0.0 80", 1},
		{"0.0.0.0/0", "0.0.0.0 80", 1},
		{"1.2.3.4/0", "255.255.255.255 80", 1},
		{"0.0.0.0/0", "::1 80", 0},
		{"0.0.0.0/0", "/a", 0},
		{"0.0.0.0", "10.0.0.0 80", 0},
		{"[2001:db8::1]", "2001:db8::1 80", 1},
		{"[2001:db8::1]", "2001:db8::2 80", 0},
		{"[2001:db8::1]/128", "2001:db8::1 80", 1},
		{"[2001:db8::1]/128", "2001:db8:: 80", 0},
		{"[2001:db8::2]/127", "2001:db8::1 80", 0},
		{"[2001:db8::3]/127", "2001:db8::2 80", 1},
		{"[2001:db8::2]/127", "2001:db8::3 80", 1},
		{"[2001:db8::2]/127", "2001:db8::4 80", 0},
		{"[2001:DB8::]/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 80", 1},
		{"[2001:db8::]/32", "2001:db9:: 80", 0},
		{"[2001:db8:1:2:3::]/64", "2001:db8:1:2:ffff:: 80", 1},
		{"[2001:db8:1:2::]/64", "2001:db8:1:3:: 80", 0},
		{"[2001:db8:1:2:8000::]/65", "2001:db8:1:2:ffff:: 80", 1},
		{"[2001:db8:1:2:8000::]/65", "2001:db8:1:2:7fff:: 80", 0},
		{"[2001:db8:1:2::]/63", "2001:db8:1:3:: 80", 1},
		{"[8000::]/1", "8000:: 80", 1},
		{"[8000::]/1", "7fff:: 80", 0},
		{"[::]/0", "::1 80", 1},
		{"[::]/0", "ffff:: 80", 1},
		{"[::]/0", "1.2.3.4 80", 0},
		{"[::]/0", "::ffff:1.2.3.4 80", 0},
		{"[::]", "::1 80", 0},
		{"[fe80::1]", "fe80::1 80", 1},
	};
	check_matches(cases, COUNT(cases));
}

Test(rules, mapped_addresses_are_ipv4)
{
	static const struct match_case cases[] = {
		{"192.0.2.7", "::ffff:192.0.2.7 80", 1},
		{"[::ffff:192.0.2.7]", "192.0.2.7 80", 1},
		{"[::ffff:192.0.2.7]", "::ffff:192.0.2.7 80", 1},
		{"[::ffff:192.0.2.7]", "192.0.2.6 80", 0},
		{"[::ffff:c000:207]:80", "192.0.2.7 80", 1},
		{"[::ffff:10.1.2.3]/104", "10.9.9.9 80", 1},
		{"[::ffff:10.1.2.3]/104", "11.9.9.9 80", 0},
		{"[::ffff:0.0.0.0]/96", "255.1.2.3 80", 1},
		{"[::ffff:0.0.0.0]/96", "::1 80", 0},
		{"[::ffff:0.0.0.0]/95", "1.2.3.4 80", 0},
		{"[::ffff:0.0.0.0]/95", "::fffe:1.2.3.4 80", 1},
		{"[::192.0.2.7]", "192.0.2.7 80", 0},
		{"[::192.0.2.7]", "::192.0.2.7 80", 1},
	};
	check_matches(cases, COUNT(cases));
}

Test(rules, ports)
{
	static const struct match_case cases[] = {
		{"10.0.0.0/8:80", "10.0.0.1 80", 1},
		{"10.0.0.0/8:80", "10.0.0.1 79", 0},
		{"10.0.0.0/8:80", "10.0.0.1 81", 0},
		{"10.0.0.1:1", "10.0.0.1 1", 1},
		{"10.0.0.1:65535", "10.0.0.1 65535", 1},
		{"10.0.0.1:1-65535", "10.0.0.1 0", 0},
		{"10.0.0.1:1-65535", "10.0.0.1 65535", 1},
		{"10.0.0.1:8000-8999", "10.0.0.1 7999", 0},
		{"10.0.0.1:8000-8999", "10.0.0.1 8000", 1},
		{"10.0.0.1:8000-8999", "10.0.0.1 8999", 1},
		{"10.0.0.1:8000-8999", "10.0.0.1 9000", 0},
		{"10.0.0.1:443-443", "10.0.0.1 443", 1},
		{"[::1]:443", "::1 443", 1},
		{"[::1]:443", "::1 444", 0},
		{"[2001:db8::]/32:443-444", "2001:db8::9 444", 1},
		{"*:5432", "10.0.0.1 5432", 1},
		{"*:5432", "::1 5432", 1},
		{"*:5432", "::1 5433", 0},
		{"*:1-5", "1.2.3.4 5", 1},
		{"*:1-5", "1.2.3.4 6", 0},
	};
	check_matches(cases, COUNT(cases));
}

Test(rules, every_host_but_no_unix_socket)
{
	static const struct match_case cases[] = {
		{"*", "1.2.3.4 0", 1}, {"*", "::1 80", 1}, {"*", "::ffff:1.2.3.4 80", 1},
		{"*", "/a", 0},        {"*", "@a", 0},     {"*", "", 0},
		{"*", "?", 0},         {"unix:/a", "?", 0}, {"[::]/0 0.0.0.0/0", "?", 0},
	};
	check_matches(cases, COUNT(cases));
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

Test(rules, unix_sockets)
{
	static const struct match_case cases[] = {
		{"unix:/run/app.sock", "/run/app.sock", 1},
		{"unix:/run/app.sock", "/run/app.sock2", 0},
		{"unix:/run/app.sock", "/run/app.soc", 0},
		{"unix:/run/app.sock", "/run/APP.sock", 0},
		{"unix:/run/app.sock", "@/run/app.sock", 0},
		{"unix:/run/app.sock", "@run/app.sock", 0},
		{"unix:/run/app.sock", "", 0},
		{"unix:/run/app.sock", "1.2.3.4 80", 0},
		{"unix:@app", "@app", 1},
		{"unix:@app", "@ap", 0},
		{"unix:@app", "@apps", 0},
		{"unix:@app", "app", 0},
		{"unix:@/app", "/app", 0},
		{"unix:@/app", "@/app", 1},
		{"unix:@@app", "@@app", 1},
		{"unix:/", "/", 1},
		{"unix:/a:80", "/a:80", 1},
		{"unix:/\xc3\xa4", "/\xc3\xa4", 1},
		{"unix:/" HUNDRED "1234567", "/" HUNDRED "1234567", 1},
		{"unix:/" HUNDRED "1234567", "/" HUNDRED "123456", 0},
		{"unix:@" HUNDRED "1234567", "@" HUNDRED "1234567", 1},
		{"unix:/a unix:@a unix:/b", "@a", 2},
		{"unix:/a unix:@a unix:/b", "/b", 3},
	};
	check_matches(cases, COUNT(cases));
}

Test(rules, an_abstract_name_with_a_nul_is_another)
{
	const struct rules rules = taken("unix:@app off");
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0app\0x"};
	const socklen_t before = offsetof(struct sockaddr_un, sun_path);
	struct destination destination = destination_of((struct sockaddr *)&un, before + 6);
	cr_expect_null(rules_find(&rules, &destination, NULL));
	destination = destination_of((struct sockaddr *)&un, before + 4);
	cr_expect_not_null(rules_find(&rules, &destination, NULL));
}

Test(rules, the_first_that_matches)
{
	static const struct match_case cases[] = {
		{"10.1.0.0/16 10.0.0.0/8 *", "10.1.2.3 80", 1},
		{"10.1.0.0/16 10.0.0.0/8 *", "10.2.2.3 80", 2},
		{"10.1.0.0/16 10.0.0.0/8 *", "11.2.2.3 80", 3},
		{"10.1.0.0/16 10.0.0.0/8 *", "::1 80", 3},
		{"* 10.0.0.0/8", "10.1.2.3 80", 1},
		{"*:80 10.0.0.0/8 10.0.0.0/8:80", "10.1.2.3 80", 1},
		{"*:80 10.0.0.0/8 10.0.0.0/8:81", "10.1.2.3 81", 2},
		{"unix:/a unix:/a *", "/a", 1},
	};
	check_matches(cases, COUNT(cases));
}

Test(rules, none)
{
	const struct rules rules = {0};
	cr_expect_eq(found(&rules, "1.2.3.4 80"), 0);
	cr_expect_eq(found(&rules, "/a"), 0);
	cr_expect_not(rules_limit(&rules));
}

/* ---- what is said of mistakes ------------------------------------------------------------------------------------ */

static void check_mistakes(const char *const (*cases)[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rules rules = {0};
		char wanted[1024];
		snprintf(wanted, sizeof wanted, "here:%s\n", cases[i][1]);
		add(&rules, cases[i][0], wanted);
		cr_expect_eq(rules.count, 0, "'%s' was taken", cases[i][0]);
	}
}

Test(rules, bad_destinations)
{
	static const char *const cases[][2] = {
		{"localhost off", "1:1: 'localhost': expected " DESTINATION},
		{"send=5s", "1:1: 'send=5s': expected " DESTINATION},
		{"off", "1:1: 'off': expected " DESTINATION},
		{"10.0.0 off", "1:1: '10.0.0': expected " DESTINATION},
		{"10.0.0.0.0 off", "1:1: '10.0.0.0.0': expected " DESTINATION},
		{"10.0.0.256 off", "1:1: '10.0.0.256': expected " DESTINATION},
		{"10.0.0.01 off", "1:1: '10.0.0.01': expected " DESTINATION},
		{"10.0.0.0x1 off", "1:1: '10.0.0.0x1': expected " DESTINATION},
		{"+10.0.0.1 off", "1:1: '+10.0.0.1': expected " DESTINATION},
		{"10.0.0.1, off", "1:1: '10.0.0.1,': expected " DESTINATION},
		{"/8 off", "1:1: '/8': expected " DESTINATION},
		{":80 off", "1:1: ':80': expected " DESTINATION},
		{"UNIX:/a off", "1:1: 'UNIX:/a': expected " DESTINATION},
		{"/run/app.sock off", "1:1: '/run/app.sock': expected " DESTINATION},
		{"10.0.0.0000000000000000000000000000000000000000000000 off",
		 "1:1: '10.0.0.0000000000000000000000000000000000000000000000': expected " DESTINATION},
		{"2001:db8::1 off", "1:1: '2001:db8::1': expected " BRACKETS},
		{"2001:db8::/32 off", "1:1: '2001:db8::/32': expected " BRACKETS},
		{"::1 off", "1:1: '::1': expected " BRACKETS},
		{"::/0 off", "1:1: '::/0': expected " BRACKETS},
		{"::ffff:1.2.3.4 off", "1:1: '::ffff:1.2.3.4': expected " BRACKETS},
		{"FE80::1%eth0 off", "1:1: 'FE80::1%eth0': expected " BRACKETS},
		{"[2001:db8::1 off", "1:1: '[2001:db8::1': expected " BRACKETS},
		{"[] off", "1:2: '[]': expected " BRACKETS},
		{"[::1::] off", "1:2: '[::1::]': expected " BRACKETS},
		{"[1.2.3.4] off", "1:2: '[1.2.3.4]': expected " BRACKETS},
		{"[fe80::1%eth0] off", "1:2: '[fe80::1%eth0]': expected " BRACKETS},
		{"[::1]443 off", "1:6: '[::1]443': expected nothing there but /PREFIX or :PORT"},
		{"[::1]] off", "1:6: '[::1]]': expected nothing there but /PREFIX or :PORT"},
		{"*80 off", "1:2: '*80': expected nothing there but :PORT"},
		{"*/8 off", "1:2: '*/8': expected nothing there but :PORT"},
		{"** off", "1:2: '**': expected nothing there but :PORT"},
		{"unix: off", "1:6: 'unix:': expected /path, or @name of an abstract socket"},
		{"unix:run/a off", "1:6: 'unix:run/a': expected /path, or @name of an abstract socket"},
		{"unix:@ off", "1:7: 'unix:@': expected a name of 1 to 107 bytes"},
		{"unix:@" HUNDRED "12345678 off",
		 "1:7: 'unix:@" TEN TEN TEN TEN TEN "0123...': expected a name of 1 to 107 bytes"},
		{"unix:/" HUNDRED "12345678 off",
		 "1:6: 'unix:/" TEN TEN TEN TEN TEN "0123...': expected a name of 1 to 108 bytes"},
	};
	check_mistakes(cases, COUNT(cases));
}

Test(rules, bad_prefixes)
{
	static const char *const cases[][2] = {
		{"10.0.0.0/33 off", "1:10: '10.0.0.0/33': expected a prefix length from 0 to 32"},
		{"10.0.0.0/ off", "1:10: '10.0.0.0/': expected a prefix length from 0 to 32"},
		{"10.0.0.0/-1 off", "1:10: '10.0.0.0/-1': expected a prefix length from 0 to 32"},
		{"10.0.0.0/+8 off", "1:10: '10.0.0.0/+8': expected a prefix length from 0 to 32"},
		{"10.0.0.0/08 off", "1:10: '10.0.0.0/08': expected a prefix length from 0 to 32"},
		{"10.0.0.0/00 off", "1:10: '10.0.0.0/00': expected a prefix length from 0 to 32"},
		{"10.0.0.0/0x8 off", "1:10: '10.0.0.0/0x8': expected a prefix length from 0 to 32"},
		{"10.0.0.0/8.0 off", "1:10: '10.0.0.0/8.0': expected a prefix length from 0 to 32"},
		{"10.0.0.0/255.0.0.0 off", "1:10: '10.0.0.0/255.0.0.0': expected a prefix length from 0 to 32"},
		{"10.0.0.0/4294967304 off", "1:10: '10.0.0.0/4294967304': expected a prefix length from 0 to 32"},
		{"10.0.0.0/18446744073709551624 off",
		 "1:10: '10.0.0.0/18446744073709551624': expected a prefix length from 0 to 32"},
		{"10.0.0.0/:80 off", "1:10: '10.0.0.0/:80': expected a prefix length from 0 to 32"},
		{"10.0.0.0/8/8 off", "1:10: '10.0.0.0/8/8': expected a prefix length from 0 to 32"},
		{"[::]/129 off", "1:6: '[::]/129': expected a prefix length from 0 to 128"},
		{"[::]/ off", "1:6: '[::]/': expected a prefix length from 0 to 128"},
		{"[::ffff:1.2.3.4]/ off", "1:18: '[::ffff:1.2.3.4]/': expected a prefix length from 0 to 128"},
	};
	check_mistakes(cases, COUNT(cases));
}

Test(rules, bad_ports)
{
	static const char *const cases[][2] = {
		{"10.0.0.1: off", "1:10: '10.0.0.1:': expected " PORTS},
		{"10.0.0.1:0 off", "1:10: '10.0.0.1:0': expected " PORTS},
		{"10.0.0.1:65536 off", "1:10: '10.0.0.1:65536': expected " PORTS},
		{"10.0.0.1:4294967376 off", "1:10: '10.0.0.1:4294967376': expected " PORTS},
		{"10.0.0.1:080 off", "1:10: '10.0.0.1:080': expected " PORTS},
		{"10.0.0.1:http off", "1:10: '10.0.0.1:http': expected " PORTS},
		{"10.0.0.1:-80 off", "1:10: '10.0.0.1:-80': expected " PORTS},
		{"10.0.0.1:+80 off", "1:10: '10.0.0.1:+80': expected " PORTS},
		{"10.0.0.1:80- off", "1:10: '10.0.0.1:80-': expected " PORTS},
		{"10.0.0.1:80-79 off", "1:10: '10.0.0.1:80-79': expected " PORTS},
		{"10.0.0.1:80-65536 off", "1:10: '10.0.0.1:80-65536': expected " PORTS},
		{"10.0.0.1:0-80 off", "1:10: '10.0.0.1:0-80': expected " PORTS},
		{"10.0.0.1:80-090 off", "1:10: '10.0.0.1:80-090': expected " PORTS},
		{"10.0.0.1:80-90-99 off", "1:10: '10.0.0.1:80-90-99': expected " PORTS},
		{"10.0.0.1:80,443 off", "1:10: '10.0.0.1:80,443': expected " PORTS},
		{"10.0.0.1:80:80 off", "1:10: '10.0.0.1:80:80': expected " PORTS},
		{"10.0.0.1:80/8 off", "1:10: '10.0.0.1:80/8': expected " PORTS},
		{"10.0.0.0/8:0 off", "1:12: '10.0.0.0/8:0': expected " PORTS},
		{"[::1]:x off", "1:7: '[::1]:x': expected " PORTS},
		{"[::1]/128:x off", "1:11: '[::1]/128:x': expected " PORTS},
		{"*: off", "1:3: '*:': expected " PORTS},
		{"*:* off", "1:3: '*:*': expected " PORTS},
	};
	check_mistakes(cases, COUNT(cases));
}

Test(rules, bad_limits)
{
	static const char *const cases[][2] = {
		{"*", "1:1: '*': expected " A_LIMIT},
		{"  10.0.0.0/8 # send=5s", "1:3: '10.0.0.0/8': expected " A_LIMIT},
		{"* sned=5s", "1:3: 'sned=5s': expected " NAMES "; did you mean send?"},
		{"* SEND-TOTALS=5s", "1:3: 'SEND-TOTALS=5s': expected " NAMES "; did you mean send_total?"},
		{"* timeout=5s", "1:3: 'timeout=5s': expected " NAMES},
		{"* =5s", "1:3: '=5s': expected " NAMES},
		{"* =", "1:3: '=': expected " NAMES},
		{"* 5s", "1:3: '5s': expected " NAMES},
		{"* OFF", "1:3: 'OFF': expected " NAMES "; did you mean off?"},
		{"* off=1", "1:3: 'off=1': expected " NAMES "; did you mean off?"},
		{"* off,", "1:3: 'off,': expected " NAMES "; did you mean off?"},
		{"* send", "1:7: 'send': expected = and behind it " DURATION_ACCEPTED},
		{"* send = 5s", "1:7: 'send': expected = and behind it " DURATION_ACCEPTED},
		{"* min-rate", "1:11: 'min-rate': expected = and behind it " RATE_ACCEPTED},
		{"* policy", "1:9: 'policy': expected = and behind it replace or cap"},
		{"* send=", "1:8: 'send=': expected " DURATION_ACCEPTED},
		{"* send==5", "1:8: 'send==5': expected " DURATION_ACCEPTED},
		{"* send=5x", "1:8: 'send=5x': expected " DURATION_ACCEPTED},
		{"* send=-1", "1:8: 'send=-1': expected " DURATION_ACCEPTED},
		{"* send=5s,connect=1", "1:8: 'send=5s,connect=1': expected " DURATION_ACCEPTED},
		{"* send=5s#", "1:8: 'send=5s#': expected " DURATION_ACCEPTED},
		{"* connect=597h", "1:11: 'connect=597h': expected " DURATION_ACCEPTED},
		{"* send_total=x", "1:14: 'send_total=x': expected " DURATION_ACCEPTED},
		{"* unacked=x", "1:11: 'unacked=x': expected " DURATION_ACCEPTED},
		{"* min_rate=5s", "1:12: 'min_rate=5s': expected " RATE_ACCEPTED},
		{"* policy=off", "1:10: 'policy=off': expected replace or cap"},
		{"* send=5s send=6s", "1:11: 'send=6s': expected send once only in a rule"},
		{"* send_total=5s send-total=5s", "1:17: 'send-total=5s': expected send_total once only in a rule"},
		{"* off send=5s", "1:7: 'send=5s': expected " ALONE},
		{"* off policy=cap", "1:7: 'policy=cap': expected " ALONE},
		{"* send=5s off", "1:11: 'off': expected " ALONE},
		{"* off off", "1:7: 'off': expected " ALONE},
		{"* off sned=1", "1:7: 'sned=1': expected " ALONE},
		{"* send=off min_rate=1K connect=1",
		 "1:12: 'min_rate=1K': expected a send timeout beside it: min_rate needs a send timeout"},
		{"* min_rate=1K send=0",
		 "1:3: 'min_rate=1K': expected a send timeout beside it: min_rate needs a send timeout"},
	};
	check_mistakes(cases, COUNT(cases));
}

Test(rules, only_the_rest_of_a_bad_rule_is_skipped)
{
	struct rules rules = {0};
	add(&rules, "10.0.0.0/8 off\n"
	            "  10.0.0.0/33 x y z # ; * off\r\n"
	            "11.0.0.0/8 off; \t*:0 off;12.0.0.0/8 sned=1 foo;13.0.0.0/8 off\r\n"
	            "# comment; with\ttab\n"
	            "\n"
	            "unix:@a send=x connect=y",
	    "here:2:12: '10.0.0.0/33': expected a prefix length from 0 to 32\n"
	    "here:3:20: '*:0': expected " PORTS "\n"
	    "here:3:37: 'sned=1': expected " NAMES "; did you mean send?\n"
	    "here:6:14: 'send=x': expected " DURATION_ACCEPTED "\n");
	cr_expect_eq(rules.count, 3);
	cr_expect_eq(found(&rules, "10.0.0.1 1"), 1);
	cr_expect_eq(found(&rules, "11.0.0.1 1"), 2);
	cr_expect_eq(found(&rules, "13.0.0.1 1"), 3);
	cr_expect_eq(found(&rules, "12.0.0.1 1"), 0);
	cr_expect_eq(found(&rules, "@a"), 0);
}

Test(rules, control_characters)
{
	static const struct {
		const char text[24];
		size_t length;
		const char *wanted;
	} cases[] = {
		{"*\0 off", 6, "here:1:2: '*?': expected no control characters\n"},
		{"\0", 1, "here:1:1: '?': expected no control characters\n"},
		{"\0;* off", 7, "here:1:1: '?': expected no control characters\n"},
		{"* off\0", 6, "here:1:6: 'off?': expected no control characters\n"},
		{"* send=5\0s", 10, "here:1:9: 'send=5?s': expected no control characters\n"},
		{"* send=5s\0", 10, "here:1:10: 'send=5s?': expected no control characters\n"},
		{"unix:/a\0b off", 13, "here:1:8: 'unix:/a?b': expected no control characters\n"},
		{"unix:/a\x1b[m off", 14, "here:1:8: 'unix:/a?[m': expected no control characters\n"},
		{"unix:/a\x7f off", 12, "here:1:8: 'unix:/a?': expected no control characters\n"},
		{"*\v off", 6, "here:1:2: '*?': expected no control characters\n"},
		{"*\f off", 6, "here:1:2: '*?': expected no control characters\n"},
		{"* o\xc3\xa4 off", 9, "here:1:3: 'o\?\?': expected " NAMES "; did you mean off?\n"},
		{"\xef\xbb\xbf* off", 8, "here:1:1: '???*': expected " DESTINATION "\n"},
		{"* off # \0 \x1b", 11, ""},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rules rules = {0};
		add_bytes(&rules, cases[i].text, cases[i].length, cases[i].wanted);
		cr_expect_eq(rules.count, i == 2 || i == COUNT(cases) - 1, "case %zu", i);
	}
}

/* 60 bytes of a word and 100 of an origin are repeated, of a megabyte, too. */
Test(rules, a_megabyte_of_a_word)
{
	enum { SIZE = 1000000 };
	static const struct {
		const char *before;
		char filler;
		const char *wanted;
	} cases[] = {
		{"", 'x', ":1:1: '" "%.60s" "...': expected " DESTINATION "\n"},
		{"unix:/", 'x', ":1:6: 'unix:/" "%.54s" "...': expected a name of 1 to 108 bytes\n"},
		{"* ", 's', ":1:3: '" "%.60s" "...': expected " NAMES "\n"},
		{"* send=", '0', ":1:8: 'send=" "%.55s" "...': expected " DURATION_ACCEPTED "\n"},
		{"*:", '1', ":1:3: '*:" "%.58s" "...': expected " PORTS "\n"},
	};
	char *text = malloc(SIZE), filler[101] = "", wanted[1024], origin[201] = "";
	cr_assert(text);
	memset(origin, 'o', 200);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rules rules = {0};
		struct complaints complaints = {"", 0};
		memset(filler, cases[i].filler, 100);
		memset(text, cases[i].filler, SIZE);
		memcpy(text, cases[i].before, strlen(cases[i].before));
		const int before = snprintf(wanted, sizeof wanted, "%.100s...", origin);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(wanted + before, sizeof wanted - (size_t)before, cases[i].wanted, filler);
#pragma GCC diagnostic pop
		cr_expect_eq(rules_add(&rules, text, SIZE, origin, keep, &complaints), 1);
		cr_expect_str_eq(complaints.lines, wanted);
	}
	free(text);
}

Test(rules, an_origin_is_foreign)
{
	struct rules rules = {0};
	struct complaints complaints = {"", 0};
	rules_add(&rules, "*", 1, "a\nb\x1b", keep, &complaints);
	cr_expect_str_eq(complaints.lines, "a?b?:1:1: '*': expected " A_LIMIT "\n");
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

/* Those of several origins come one behind the other, and the table grows with all that is in it. */
Test(rules, from_several_origins)
{
	static char text[20000 * 32];
	struct rules rules = {0};
	size_t length = 0;
	add(&rules, "unix:/first send=1ms; 10.0.0.0/30 connect=2ms", "");
	for (unsigned i = 1; i <= 20000; i++)
		length += (size_t)(i % 4 ? sprintf(text + length, "10.%u.%u.0/24 send=%ums\n", i >> 8, i & 255, i)
		                         : sprintf(text + length, "unix:@%u send=%ums\n", i, i));
	add(&rules, text, "");
	add(&rules, "unix:/last send=3ms", "");
	rules_complete(&rules, &(struct limits){.unacked_ms = 7});
	cr_expect_eq(rules.count, 20003);
	cr_expect_eq(found(&rules, "/first"), 1);
	cr_expect_eq(found(&rules, "/last"), 20003);
	expect_limits(&rules, "/first", &(struct limits){.send_ms = 1, .unacked_ms = 7});
	expect_limits(&rules, "10.0.0.1 80", &(struct limits){.connect_ms = 2, .unacked_ms = 7});
	expect_limits(&rules, "10.78.31.9 80", &(struct limits){.send_ms = 19999, .unacked_ms = 7});
	expect_limits(&rules, "@20000", &(struct limits){.send_ms = 20000, .unacked_ms = 7});
	expect_limits(&rules, "/last", &(struct limits){.send_ms = 3, .unacked_ms = 7});
}

Test(rules, a_million_and_no_more)
{
	enum { MOST = 1000000 };
	static char text[(MOST + 3) * 6 + 1];
	struct rules rules = {0};
	for (size_t i = 0; i < MOST + 3; i++)
		memcpy(text + 6 * i, "* off\n", 6);
	add(&rules, text + 6 * 3, "");
	cr_expect_eq(rules.count, MOST);
	add(&rules, "# nothing\n", "");
	add(&rules, "* off; * bad", "here:1:1: more than 1000000 rules: this one and all behind it are left out\n");
	rules = (struct rules){0};
	struct complaints complaints = {"", 0};
	cr_expect_eq(rules_add(&rules, text, sizeof text - 1, "here", keep, &complaints), 1);
	cr_expect_str_eq(complaints.lines,
	                 "here:1000001:1: more than 1000000 rules: this one and all behind it are left out\n");
	cr_expect_eq(rules.count, MOST);
}

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

Test(rules, without_memory)
{
#ifndef __SANITIZE_ADDRESS__   /* which maps much itself */
	static char text[200000 * 6 + 1];
	struct rules rules = {0};
	struct complaints complaints = {"", 0};
	struct rlimit limit;
	for (size_t i = 0; i < sizeof text / 6; i++)
		memcpy(text + 6 * i, "* off\n", 6);
	add(&rules, "* off", "");
	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	const struct rlimit none = {1 << 20, limit.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
	const size_t mistakes = rules_add(&rules, text, sizeof text - 1, "here", keep, &complaints);
	const size_t file_mistakes = rules_add_file(&rules, "/dev/null", keep, NULL, &complaints);
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	cr_expect_eq(mistakes, 1);
	cr_expect_eq(file_mistakes, 1);
	cr_expect_str_eq(complaints.lines, "here:64:1: no memory for more rules: this one and all behind it are left out\n"
	                                   "/dev/null: no memory to read it\n");
	cr_expect_eq(rules.count, 64);
	cr_expect_eq(found(&rules, "1.2.3.4 80"), 1);
#endif
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static void expect_send(const struct rules *rules, const char *destination, int32_t send_ms, const char *text)
{
	const struct destination wanted = to(destination);
	const struct limits *limits = rules_find(rules, &wanted, NULL);
	cr_expect_eq(limits ? limits->send_ms : -1, send_ms, "%s for %s: %d", text, destination, limits ? limits->send_ms : -1);
}

Test(rules, of_programs)
{
	static const struct {
		const char *rules;
		int32_t send_ms;          /* to 1.2.3.4 80; -1: no rule */
		int32_t to_other_ms;      /* to 9.9.9.9 80 */
		size_t last;
	} cases[] = {
		{"program=upload send=5s", 5000, 5000, 1},
		{"program=other send=5s", -1, -1, 0},
		{"program=uploa send=5s", -1, -1, 0},
		{"program=load send=5s", -1, -1, 0},
		{"program=upload2 send=5s", -1, -1, 0},
		{"program=/opt/bin/upload send=5s", 5000, 5000, 1},
		{"program=bin/upload send=5s", -1, -1, 0},
		{"program=/bin/upload send=5s", -1, -1, 0},
		{"program=up send=5s", 5000, 5000, 1},
		{"program=./up send=5s", 5000, 5000, 1},
		{"program=upload 1.0.0.0/8 send=5s", 5000, -1, 0},
		{"program=upload 1.0.0.0/8:81 send=5s", -1, -1, 0},
		{"program=upload off; * send=3s", 0, 0, 1},
		{"program=other off; * send=3s", 3000, 3000, 0},
		{"9.0.0.0/8 send=9s; program=upload off; 1.2.3.4 send=3s", 0, 9000, 2},
		{"program=upload 9.0.0.0/8 off; program=upload send=2s; * send=3s", 2000, 0, 2},
		{"program=upload * send=2s; * send=3s", 2000, 2000, 0},
		{"program=other send=2s; program=upload connect=1s", 0, 0, 2},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		program_assume("/opt/bin/upload", "./up");
		const struct rules rules = taken(cases[i].rules);
		expect_send(&rules, "1.2.3.4 80", cases[i].send_ms, cases[i].rules);
		expect_send(&rules, "9.9.9.9 80", cases[i].to_other_ms, cases[i].rules);
		cr_expect_eq(rules.last, cases[i].last, "%s: %zu", cases[i].rules, rules.last);
		cr_expect_eq(rules.names_programs, strstr(cases[i].rules, "program=") != NULL);
	}
}

/* Each keeps its number, whosever it is; and what another program's has counts for nothing. */
Test(rules, of_other_programs)
{
	program_assume("/bin/upload", NULL);
	const struct rules rules = taken("program=x send=1s min_rate=0; program=y unix:/a send=1ms; 1.0.0.0/8 off");
	struct limits shortest = {.send_ms = 99};
	cr_expect_eq(rules.count, 3);
	cr_expect_eq(found(&rules, "1.2.3.4 80"), 3);
	cr_expect(!rules.names_unix);
	cr_expect(!rules_limit(&rules));
	rules_shorten(&rules, &shortest);
	cr_expect_eq(shortest.send_ms, 99);
}

Test(rules, of_every_program)
{
	program_assume_any();
	const struct rules rules = taken("program=x off; program=y 1.0.0.0/8 send=2s");
	struct limits shortest = {0};
	cr_expect_eq(rules.last, 0);
	rules_shorten(&rules, &shortest);
	cr_expect_eq(shortest.send_ms, 2000);
}

/* The one that runs here. */
Test(rules, of_this_program)
{
	char path[4096] = "", rule[4200];
	cr_assert_gt(readlink("/proc/self/exe", path, sizeof path - 1), 0);
	const struct rules by_name = taken("program=unit off"), another = taken("program=units off");
	cr_expect_eq(by_name.last, 1);
	cr_expect_eq(another.last, 0);
	/* A rule has no way to write a blank. */
	snprintf(rule, sizeof rule, "program=%s off", strchr(path, ' ') ? "unit" : path);
	const struct rules by_path = taken(rule);
	cr_expect_eq(by_path.last, 1, "%s", rule);
}

Test(rules, of_programs_with_a_mistake)
{
	struct rules rules = {0};
	program_assume("/bin/upload", NULL);
	add(&rules, "program= off", "here:1:9: 'program=': expected a program's name, or its path\n");
	add(&rules, "program=other", "here:1:1: 'program=other': expected a limit behind it, such as send=5s, or off\n");
	add(&rules, "program=other 1.2.3.4.5 off",
	    "here:1:15: '1.2.3.4.5': expected a destination: an IPv4 address, an IPv6 address in brackets, *, unix:/path or "
	    "unix:@name\n");
	add(&rules, "program=other send=x", "here:1:20: 'send=x': expected " DURATION_ACCEPTED "\n");
	add(&rules, "send=5s", "here:1:1: 'send=5s': expected a destination: an IPv4 address, an IPv6 address in brackets, *, "
	                       "unix:/path or unix:@name\n");
	cr_expect_eq(rules.count, 0);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void add_file(struct rules *rules, const char *path, const char *wanted)
{
	struct complaints complaints = {"", 0};
	const size_t mistakes = rules_add_file(rules, path, keep, NULL, &complaints);
	cr_expect_str_eq(complaints.lines, wanted, "%s gives:\n%swanted:\n%s", path, complaints.lines, wanted);
	cr_expect_eq(mistakes, complaints.count);
}

static void write_file(const char *path, const void *text, size_t length)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, length), (ssize_t)length);
	close(fd);
}

/* Descriptors are given out from the lowest: one that is left open shows. */
static int next_descriptor(void)
{
	const int fd = open("/dev/null", O_RDONLY);
	close(fd);
	return fd;
}

Test(rules_file, read)
{
	static const char text[] = "# rules\r\n10.0.0.0/8 send=5s\r\n  10.0.0.0/33 off\r\n*\0 off\nunix:/a off";
	const char *const path = "rules_file_read.tmp";
	const int descriptor = next_descriptor();
	struct rules rules = {0};
	write_file(path, text, sizeof text - 1);
	add_file(&rules, path, "rules_file_read.tmp:3:12: '10.0.0.0/33': expected a prefix length from 0 to 32\n"
	                       "rules_file_read.tmp:4:2: '*?': expected no control characters\n");
	unlink(path);
	cr_expect_eq(rules.count, 2);
	cr_expect_eq(found(&rules, "10.0.0.1 80"), 1);
	cr_expect_eq(found(&rules, "/a"), 2);
	cr_expect_eq(next_descriptor(), descriptor);
}

/* What a file has beside rules. */
static const char *set(const char *name, size_t length, const char *value, void *context)
{
	struct complaints *complaints = context;
	if (length != 3 || memcmp(name, "log", 3) != 0)
		return "";
	if (strcmp(value, "bad") == 0)
		return "something better";
	snprintf(complaints->lines + strlen(complaints->lines), 100, "set %s\n", value);
	return NULL;
}

Test(rules_file, with_settings)
{
	static const struct {
		const char *text;
		const char *said;
		size_t count;
		int32_t connect_ms, send_ms;   /* of what no rule is for */
	} cases[] = {
		{"connect=1s send=2s\n10.0.0.0/8 off", "", 1, 1000, 2000},
		{"10.0.0.0/8 off\nsend=2s", "", 1, 0, 2000},
		{"send=2s log=syslog\nlog=/x", "set syslog\nset /x\n", 0, 0, 2000},
		{"# first\n\n* connect=1s send=2s\n10.0.0.0/8 off", "", 1, 1000, 2000},
		{"* off\n10.0.0.0/8 send=1s", "", 1, 0, 0},
		{"10.0.0.0/8 off\n* send=2s", "", 2, 0, 0},
		{"*:80 send=1s", "", 1, 0, 0},
		{"program=x off; * send=1s", "", 2, 0, 0},
		{"* log=syslog", "rules_file_settings.tmp:1:3: 'log=syslog': expected connect, send, send_total, min_rate, unacked, "
		                 "policy or off\n", 0, 0, 0},
		{"log=bad", "rules_file_settings.tmp:1:5: 'log=bad': expected something better\n", 0, 0, 0},
		{"lag=x", "rules_file_settings.tmp:1:1: 'lag=x': expected " NAMES SETTINGS "; did you mean log?\n", 0, 0, 0},
		{"sumary=1 send=2s log=bad connect=1s",
		 "rules_file_settings.tmp:1:1: 'sumary=1': expected " NAMES SETTINGS "; did you mean summary?\n"
		 "rules_file_settings.tmp:1:22: 'log=bad': expected something better\n", 0, 1000, 2000},
		{"send=2s 10.0.0.0/8", "rules_file_settings.tmp:1:9: '10.0.0.0/8': expected " NAMES SETTINGS "\n", 0, 0, 2000},
		{"min_rate=1K send=0", "rules_file_settings.tmp:1:1: 'min_rate=1K': expected a send timeout beside it: min_rate needs "
		                       "a send timeout\n", 0, 0, 0},
	};
	const char *const path = "rules_file_settings.tmp";
	program_assume("/bin/upload", NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rules rules = {0};
		struct complaints said = {"", 0};
		write_file(path, cases[i].text, strlen(cases[i].text));
		cr_expect_eq(rules_add_file(&rules, path, keep, set, &said), said.count);
		cr_expect_str_eq(said.lines, cases[i].said, "'%s' says:\n%s", cases[i].text, said.lines);
		cr_expect_eq(rules.count, cases[i].count, "'%s': %zu", cases[i].text, rules.count);
		cr_expect_eq(rules.otherwise.connect_ms, cases[i].connect_ms, "'%s'", cases[i].text);
		cr_expect_eq(rules.otherwise.send_ms, cases[i].send_ms, "'%s'", cases[i].text);
	}
	unlink(path);
}

Test(rules_file, of_whole_pages_and_empty)
{
	const char *const path = "rules_file_pages.tmp";
	char text[8192];
	struct rules rules = {0};
	memset(text, ' ', sizeof text);
	memcpy(text + sizeof text - 5, "* off", 5);
	write_file(path, text, sizeof text);
	add_file(&rules, path, "");
	cr_expect_eq(rules.count, 1);
	write_file(path, "", 0);
	add_file(&rules, path, "");
	cr_expect_eq(rules.count, 1);
	unlink(path);
}

Test(rules_file, as_large_as_it_may_be)
{
	enum { MOST = 16 << 20 };
	const char *const path = "rules_file_large.tmp";
	struct rules rules = {0};
	write_file(path, "* off #", 7);
	cr_assert_eq(truncate(path, MOST), 0);
	add_file(&rules, path, "");
	cr_expect_eq(rules.count, 1);
	cr_assert_eq(truncate(path, MOST + 1), 0);
	add_file(&rules, path, "rules_file_large.tmp: larger than 16 MiB\n");
	cr_expect_eq(rules.count, 1);
	unlink(path);
}

/* A name of a process, which is no rule. */
Test(rules_file, of_no_size)
{
	struct rules rules = {0};
	struct complaints complaints = {"", 0};
	cr_expect_eq(rules_add_file(&rules, "/proc/self/comm", keep, NULL, &complaints), 1);
	cr_expect(strncmp(complaints.lines, "/proc/self/comm:1:1: '", 22) == 0, "%s", complaints.lines);
}

Test(rules_file, not_readable, .timeout = 10)
{
	const int descriptor = next_descriptor();
	struct rules rules = {0};
	char longest[300] = "";
	memset(longest, 'x', sizeof longest - 1);
	cr_assert_eq(mkfifo("rules_file_fifo.tmp", 0600), 0);
	cr_assert_eq(symlink("rules_file_loop.tmp", "rules_file_loop.tmp"), 0);
	write_file("rules_file_plain.tmp", "* off", 5);
	add_file(&rules, "rules_file_missing.tmp", "rules_file_missing.tmp: No such file or directory\n");
	add_file(&rules, "missing\n\x1b/rules", "missing\?\?/rules: No such file or directory\n");
	add_file(&rules, "", ": No such file or directory\n");
	add_file(&rules, ".", ".: not a file\n");
	add_file(&rules, "/dev/null", "/dev/null: not a file\n");
	add_file(&rules, "rules_file_fifo.tmp", "rules_file_fifo.tmp: not a file\n");
	add_file(&rules, "rules_file_loop.tmp", "rules_file_loop.tmp: Too many levels of symbolic links\n");
	add_file(&rules, "rules_file_plain.tmp/x", "rules_file_plain.tmp/x: Not a directory\n");
	add_file(&rules, longest, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                          "xxxxxxxxxxxxxxxxx...: File name too long\n");
	unlink("rules_file_fifo.tmp");
	unlink("rules_file_loop.tmp");
	unlink("rules_file_plain.tmp");
	cr_expect_eq(rules.count, 0);
	cr_expect_eq(next_descriptor(), descriptor);
}

Test(rules_file, not_ours)
{
	struct rules rules = {0};
	write_file("rules_file_secret.tmp", "* off", 5);
	cr_assert_eq(chmod("rules_file_secret.tmp", 0), 0);
	if (access("rules_file_secret.tmp", R_OK) == 0)   /* root may read all */
		add_file(&rules, "rules_file_secret.tmp", "");
	else
		add_file(&rules, "rules_file_secret.tmp", "rules_file_secret.tmp: Permission denied\n");
	unlink("rules_file_secret.tmp");
}

/* Of the size 0, and nothing is at its start. */
Test(rules_file, an_error_while_it_is_read)
{
	struct rules rules = {0};
	char wanted[64];
	snprintf(wanted, sizeof wanted, "/proc/self/mem: error %d\n", EIO);
	add_file(&rules, "/proc/self/mem", wanted);
}

Test(rules_file, no_descriptor_is_left)
{
	struct rules rules = {0};
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const struct rlimit none = {0, limit.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct complaints complaints = {"", 0};
	const size_t mistakes = rules_add_file(&rules, "anything", keep, NULL, &complaints);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_expect_eq(mistakes, 1);
	cr_expect_str_eq(complaints.lines, "anything: Too many open files\n");
}
