/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules per destination: which limits a socket gets, however it came to its connection.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 600
#define BYTES 30000000L

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	EPOLL_LOOP("events=in+out"),
};

/* A rule that names the peer counts before, instead of and beside what is said for all. */
static const struct {
	const char *kind, *at;
	const char *rules;    /* PORT: the peer's */
} matching[] = {
	{ "tcp4", "127.0.0.1", "127.0.0.1:PORT send=600ms" },
	{ "tcp4", "127.0.0.1", "127.0.0.0/8 send=600ms" },
	{ "tcp4", "127.0.0.1", "10.0.0.0/8 send=1ms; [::]/0 send=1ms; unix:/x send=1ms; *:PORT send=600ms; * off" },
	{ "tcp4", "127.0.0.1", "*:1-PORT send=600ms" },
	{ "tcp6", "::1", "127.0.0.0/8 send=1ms; [::1]:PORT send=600ms" },
	{ "tcp6", "::1", "[::]/0 send=600ms; * send=1ms" },
};

#define MATCHING (ROWS_OF(matching) * ROWS_OF(callers))

ROW_TEST(rules, one_that_matches, MATCHING)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const size_t n = *number / ROWS_OF(callers);
	const bool v6 = strcmp(matching[n].kind, "tcp6") == 0;
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .family = v6 ? AF_INET6 : AF_INET });
	char rules[200];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=%s", with_port(matching[n].rules, peer_port(peer)));
	struct run *run = play(&(struct setting){ .send_ms = 60000, .environment = { rules } },
			       "sock %s; connect %u; %s; watch; %s %ld %s @up", matching[n].kind, peer_port(peer),
			       caller->setup, caller->upload, BYTES, caller->options);

	expect_clean(run);
	expect_verdict(run, caller, SEND_MS);
	peer_finish(peer, 0);
}

/* The same by a connect that does not wait, from which the limits have to be known before there is a connection. */
Test(rules, one_that_matches_a_connect_that_does_not_wait, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	char rules[100];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=127.0.0.1:%u send=600ms connect=5s", peer_port(peer));
	struct run *run = play(&(struct setting){ .environment = { rules } },
			       "sock tcp4; nonblock 1; connect %u; wait poll out 1000; getopt error; rawopt @left user_timeout; "
			       "nonblock 0; rawopt @armed sndtimeo; watch; sendall send %ld @up",
			       peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "left.value", 0);
	expect(run, "armed.value", 0);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	peer_finish(peer, 0);
}

/* What no rule is for, or one says "off" for, is as without us: nothing is on the socket, and a stall lasts. */
static const struct {
	const char *rules;
	int send_ms;
} no_limit[] = {
	{ "10.0.0.0/8 send=300ms; *:1 send=300ms; unix:/run/x send=300ms", 0 },
	{ "127.0.0.0/8 off; * send=300ms", 0 },
	{ "127.0.0.1 off", 300 },
	{ "127.0.0.1 send=0 connect=5s", 300 },
};

ROW_TEST(rules, one_that_lifts_the_limit, ROWS_OF(no_limit))
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 1500 });
	char rules[200];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=%s", no_limit[*number].rules);
	struct run *run = play(&(struct setting){ .send_ms = no_limit[*number].send_ms, .environment = { rules } },
			       "sock tcp4; nonblock 0; connect %u; rawopt sndtimeo; sendall send 3000000; close", peer_port(peer));

	expect_clean(run);
	expect(run, "rawopt.value", 0);
	expect(run, "sendall.ret", 3000000);
	expect_peer_read(peer_finish(peer, 3000), 3000000);
	cr_assert_str_empty(run->errors);
}

Test(rules, a_connect_deadline, .timeout = 30)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	char rules[100];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=127.0.0.1:%u connect=500ms", blackhole_port(hole));
	struct run *run = play(&(struct setting){ .connect_ms = 30000, .environment = { rules } },
			       "sock tcp4; connect %u; sock #1 tcp4; nonblock #1 1; connect #1 %u @nb; wait #1 poll out 9000; "
			       "getopt #1 error",
			       blackhole_port(hole), blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_took(run, "connect.ms", 500);
	expect_took(run, "wait.ms", 500);
	blackhole_finish(hole);
}

/* A socket is connected anew, to somebody another rule is for. */
Test(rules, a_second_life, .timeout = 30)
{
	struct peer *first = peer_start(&(struct peer_script){ 0 });
	struct peer *second = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	char rules[100];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=*:%u send=60s connect=5s; *:%u send=600ms", peer_port(first), peer_port(second));
	struct run *run = play(&(struct setting){ .environment = { rules } },
			       "sock tcp4; nonblock 1; connect %u; wait poll out 1000; getopt error; nonblock 0; send send 10; "
			       "connect @gone unspec; connect @again %u; watch; "
			       "sendall send %ld @up",
			       peer_port(first), peer_port(second), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	peer_finish(first, 0);
	peer_finish(second, 0);
}

/* An accepted connection goes by the port it was accepted at, not by its peer's: also one that comes from a listener, or
 * itself, over exec. */
static const struct {
	const char *steps;   /* that lead to a connection in slot 1 */
	const char *rules;
	bool limited;
} accepted[] = {
	{ "listen at=PORT; client; accept accept 1", "*:PORT send=600ms", true },
	{ "listen at=PORT; client; accept accept4 1", "127.0.0.1:PORT send=600ms; * off", true },
	{ "listen at=PORT; client; accept accept 1", "*:PORT off; * send=600ms", false },
	{ "listen at=PORT; exec 5; adopt 5 tcp4; client; accept accept 1", "*:PORT send=600ms; * off", true },
	{ "listen at=PORT; exec 5; adopt 5 tcp4; client; accept accept 1", "*:PORT off; * send=600ms", false },
	{ "listen at=PORT; client; accept accept 1; fork; exec #1 5; adopt #1 5 tcp4", "*:PORT send=600ms; * off", true },
	{ "listen at=PORT; client; accept accept 1; fork; exec #1 5; adopt #1 5 tcp4", "*:PORT off; * send=600ms", false },
};

ROW_TEST(rules, an_accepted_connection, ROWS_OF(accepted))
{
	/* Below those that the kernel gives. */
	const unsigned port = 10000 + (unsigned)getpid() % 20000;
	char rules[200];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=%s", with_port(accepted[*number].rules, port));
	struct run *run = play(&(struct setting){ .environment = { rules } },
			       "sock tcp4; %s; nonblock #1 1; fill #1 send settle=1; wait #1 poll in+out 1500; send #1 send 10 @late",
			       with_port(accepted[*number].steps, port));

	expect_clean(run);
	/* A probe of the window may have made room by then. */
	cr_assert((value_of(run, "late.errno") == ETIMEDOUT) == accepted[*number].limited, "%s", run->transcript);
}

/* ---- unix sockets: only where a rule names them -------------------------------------------------------------------- */

/* A name that no other test has: PORT in scripts and rules. */
#define NAMED(script) with_port(script, (unsigned)getpid())
#define UNIX_RULE NAMED("SNDTIMEO_RULES=unix:@sndtimeo-PORT send=600ms connect=500ms")

Test(rules, a_unix_socket, .timeout = 20)
{
	struct run *run = play(&(struct setting){ .environment = { UNIX_RULE } },
			       "%s", NAMED("unixserve sndtimeo-PORT start=9000; unix #1 sndtimeo-PORT; "
					   "sendall #1 send 30000000 @up; send #1 send 10 @late; recv #1 recv 10"));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	/* Of two calls, the first of which ends with what was taken; how exact the limit is the log tells. */
	expect_within(run, "up.ms", earliest_ms(SEND_MS), latest_ms(SEND_MS) + 1500);
	expect(run, "late.errno", ETIMEDOUT);
	expect(run, "recv.errno", ETIMEDOUT);
	cr_assert(strstr(run->errors, NAMED("send to unix:@sndtimeo-PORT timed out after 0.6 s")), "%s", run->errors);
	cr_assert(strstr(run->errors, "the peer is connected but has read nothing for "), "%s", run->errors);
}

Test(rules, an_accepted_unix_socket, .timeout = 20)
{
	static const char *const calls[] = { "accept", "accept4" };

	for (size_t i = 0; i < ROWS_OF(calls); i++) {
		struct run *run = play(&(struct setting){ .environment = { UNIX_RULE } },
				       "%s; client; accept %s 1; sendall #1 send 30000000 @up", NAMED("unixlisten sndtimeo-PORT"),
				       calls[i]);

		expect_clean(run);
		expect(run, "up.errno", ETIMEDOUT);
		/* Of two calls, the first of which ends with what was taken. */
		expect_within(run, "up.ms", earliest_ms(SEND_MS), latest_ms(SEND_MS) + 1500);
		cr_assert(strstr(run->errors, "has read nothing for "), "%s", run->errors);
	}
}

/* What a reader takes comes back as the same amount of room, again and again. */
Test(rules, a_unix_socket_that_is_read_slowly, .timeout = 20)
{
	static const char *const uploads[] = { "send #1 send 3000000 @up", "nonblock #1 1; sync #1 send 3000000 900 @up" };

	for (size_t i = 0; i < ROWS_OF(uploads); i++) {
		struct run *run = play(&(struct setting){ .environment = { UNIX_RULE } },
				       "%s; %s; close #1; sleep 1500",
				       NAMED("unixserve sndtimeo-PORT chunk=60000 pause=60; unix #1 sndtimeo-PORT"), uploads[i]);

		expect_clean(run);
		expect(run, "up.ret", 3000000);
		expect_within(run, "up.ms", 1200, WATCHDOG_MS);
		expect(run, "unixserve.read", 3000000);
	}
}

Test(rules, a_unix_socket_whose_backlog_is_full, .timeout = 20)
{
	struct run *run = play(&(struct setting){ .environment = { UNIX_RULE } },
			       "%s", NAMED("unixserve sndtimeo-PORT accepts=0 backlog=0; unix #1 sndtimeo-PORT; "
					   "unix #2 sndtimeo-PORT @waits"));

	expect_clean(run);
	expect(run, "unix.ret", 0);
	expect(run, "waits.errno", ETIMEDOUT);
	expect_took(run, "waits.ms", 500);
	cr_assert(strstr(run->errors, NAMED("connect to unix:@sndtimeo-PORT timed out after 0.5 s: nobody accepts")),
		  "%s", run->errors);
}

/* Event loops are left alone there: what a unix socket tells is too little for them. */
Test(rules, a_unix_socket_in_a_loop, .timeout = 20)
{
	static const char *const waits[] = { "wait #1 poll in+out 1200", "wait #1 poll out 1200 with=pipe", "wait #1 epoll_wait out 1200" };

	for (size_t i = 0; i < ROWS_OF(waits); i++) {
		struct run *run = play(&(struct setting){ .environment = { UNIX_RULE } },
				       "%s; nonblock #1 1; fill #1 send; %s; send #1 send 10 @late",
				       NAMED("unixserve sndtimeo-PORT start=9000; unix #1 sndtimeo-PORT"), waits[i]);

		expect_clean(run);
		expect(run, "wait.ret", 0);
		expect_took(run, "wait.ms", 1200);
		expect(run, "late.errno", EAGAIN);
		cr_assert_str_empty(run->errors);
	}
}

Test(rules, a_unix_socket_that_no_rule_names, .timeout = 20)
{
	struct run *run = play(&(struct setting){ .send_ms = 300, .environment = { "SNDTIMEO_RULES=unix:@another send=600ms connect=500ms" } },
			       "%s; send #1 send 3000000 @up; sock #2 unix; nonblock #2 1; fill #2 send; wait #2 poll out 700; "
			       "send #2 send 10 @late", NAMED("unixserve sndtimeo-PORT start=1200; unix #1 sndtimeo-PORT"));

	expect_clean(run);
	expect(run, "up.ret", 3000000);
	expect(run, "wait.ret", 0);
	expect_took(run, "wait.ms", 700);
	expect(run, "late.errno", EAGAIN);
	cr_assert_str_empty(run->errors);
}

/* Of rules that name programs, those of the one that runs count, by its file's name, its path or how it was started. */
static const struct {
	const char *rules;
	bool ends;
} of_programs[] = {
	{ "program=tester send=600ms; * send=60s", true },
	{ "program=other send=1ms; program=tester 127.0.0.0/8 send=600ms", true },
	{ "program=tester off; 127.0.0.0/8 send=300ms", false },
	{ "program=other send=300ms; program=tester connect=5s send=0; * send=300ms", false },
};

ROW_TEST(rules, of_programs, ROWS_OF(of_programs))
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = of_programs[*number].ends ? PEER_STALLS : 0, .rcvbuf_bytes = 20000, .start_ms = 1500 });
	char rules[200];

	snprintf(rules, sizeof rules, "SNDTIMEO_RULES=%s", of_programs[*number].rules);
	struct run *run = play(&(struct setting){ .send_ms = 300, .environment = { rules } },
			       "sock tcp4; connect %u; watch; sendall send %ld @up; close", peer_port(peer),
			       of_programs[*number].ends ? BYTES : 3000000L);

	expect_clean(run);
	if (of_programs[*number].ends) {
		expect(run, "up.errno", ETIMEDOUT);
		expect_stalled_for(run, "up", SEND_MS);
		peer_finish(peer, 0);
	} else {
		expect(run, "up.ret", 3000000);
		expect_peer_read(peer_finish(peer, 3000), 3000000);
		cr_assert_str_empty(run->errors);
	}
}
