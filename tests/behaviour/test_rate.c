/* SPDX-License-Identifier: MIT */
/** @file
 * @brief SNDTIMEO_MIN_RATE, SNDTIMEO_SEND_TOTAL and SNDTIMEO_UNACKED: who is ended by them, and who never is (rule 7).
 */
#include <stdio.h>
#include <string.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

static const struct caller callers[] = {
	BLOCKING_CALLER,
	/* Blocking sends that are each shorter than any limit. */
	{ "sleep 0", "sendall send", "chunk=2000", false, false },
	WRITER(1000),
	POLL_LOOP("events=in+out"),
	POLL_LOOP("tick=50 chunk=2000"),
	EPOLL_LOOP("events=in+out"),
	EPOLL_LOOP("chunk=2000 events=in+out"),
};

/* ---- the least rate --------------------------------------------------------------------------------------------------- */

#define SEND_MS 1000

/* About 400 KB/s, in steps far shorter than the send timeout, for ever. */
static const struct peer_script slow = { .rcvbuf_bytes = 60000, .chunk_bytes = 10000, .pause_ms = 25 };

static struct run *upload(const struct peer_script *script, const char *rate, const struct caller *caller, long bytes,
			  struct peer **peer)
{
	*peer = peer_start(script);
	return play(&(struct setting){ .send_ms = SEND_MS, .environment = { rate, "SNDTIMEO_LOG_FORMAT=json" }, .watchdog_ms = 20000 },
		    "sock tcp4; setopt sndbuf 60000; connect %u; %s; watch; %s %ld %s @up; close; sleep 200", peer_port(*peer),
		    caller->setup, caller->upload, bytes, caller->options);
}

ROW_TEST(rate, a_peer_below_it_is_ended, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	struct peer *peer;
	struct run *run = upload(&slow, "SNDTIMEO_MIN_RATE=2M", caller, 30000000, &peer);

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	if (caller->writer)
		expect(run, "up.timed_out", 1);
	else
		expect(run, "up.errno", ETIMEDOUT);
	/* The send timeout, what 2 MB/s would have needed, and the tolerance in epoll. */
	expect_within(run, "up.ms", SEND_MS * 9 / 10, 4000);
	cr_assert(strstr(run->errors, "\"reason\":\"too_slow\""), "%s", run->errors);
	cr_assert(peer_finish(peer, 3000).end == PEER_SAW_RESET);
}

ROW_TEST(rate, a_peer_of_twice_the_rate_never_is, ROWS_OF(callers))
{
	struct peer *peer;
	struct run *run = upload(&slow, "SNDTIMEO_MIN_RATE=180K", &callers[*number], 2000000, &peer);

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "up.ret", 2000000);
	expect_within(run, "up.ms", 4 * SEND_MS, 20000);
	cr_assert_str_empty(run->errors);
	expect_peer_read(peer_finish(peer, 5000), 2000000);
}

/* There is a little room again and again, sooner than anybody looks. */
Test(rate, a_peer_that_takes_crumbs_is_ended, .timeout = 30)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 4000, .mss_bytes = 500, .chunk_bytes = 300, .pause_ms = 1 });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .environment = { "SNDTIMEO_MIN_RATE=8M" } },
			       "sock tcp4; setopt sndbuf 2000; connect %u; watch; send send 30000000 @up; send send 10 @late",
			       peer_port(peer));

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect_within(run, "up.ret", 1, 30000000 - 1);
	expect_within(run, "up.ms", SEND_MS * 9 / 10, 3000);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* A pause that is shorter than the send timeout is no slowness. */
Test(rate, a_pause_is_none, .timeout = 30)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .chunk_bytes = 400000, .pause_ms = 700 });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .environment = { "SNDTIMEO_MIN_RATE=200K" } },
			       "sock tcp4; connect %u; watch; sendall send 6000000 @up; close", peer_port(peer));

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "up.ret", 6000000);
	peer_finish(peer, 5000);
}

/* Small messages now and then, each of which has to wait a little: the rest between them is nobody's slowness. */
ROW_TEST(rate, a_chatty_connection_is_not_judged_by_its_past, 2)
{
	static const char *const waits[] = { "wait poll in+out 3000", "wait epoll_wait in+out 3000" };
	char script[2000] = "";

	need_link();
	/* Each burst is refused at first: 30 KB into a small buffer over a round trip of 100 ms. */
	for (int i = 0; i < 8; i++)
		sprintf(script + strlen(script), "fill send @f%d; %s @w%d; sleep 900; ", i, waits[*number], i);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .environment = { "SNDTIMEO_MIN_RATE=1M" },
						  .watchdog_ms = 30000, .far_peer = "", .delay_ms = 50 },
			       "sock tcp4; setopt sndbuf 10000; connect %d at=%s; nonblock 1; %s send send 10 @last", FAR_PORT,
			       FAR_ADDRESS, script);

	expect_clean(run);
	expect(run, "f0.errno", EAGAIN);
	expect(run, "f7.errno", EAGAIN);
	expect(run, "last.ret", 10);
	cr_assert_str_empty(run->errors);
}

/* Without a send timeout there is nothing that it could be counted beyond. */
Test(rate, alone_it_limits_nothing_and_says_so, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 1500 });
	struct run *run = play(&(struct setting){ .environment = { "SNDTIMEO_MIN_RATE=1G" } },
			       "sock tcp4; connect %u; sendall send 3000000", peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.ret", 3000000);
	cr_assert_str_eq(run->errors, "sndtimeo: SNDTIMEO_MIN_RATE ignored: it limits nothing without a send timeout "
				      "(SNDTIMEO_SEND)\n");
	peer_finish(peer, 2000);
}

/* ---- the total ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *setup, *send;
	int send_ms;
	bool ended;
} totals[] = {
	{ "sleep 0", "send send 20000000 @up", 0, true },
	{ "sleep 0", "send writev 20000000 iov=7 @up", 5000, true },
	{ "nonblock 1; fill send; wait poll out 5000", "send send 20000000 @up", 5000, true },
	/* It is of one call: the next one begins anew. */
	{ "sleep 0", "sendall send 1500000 chunk=100000 @up", 5000, false },
};

ROW_TEST(total, one_send_takes_no_longer, ROWS_OF(totals))
{
	/* About 800 KB/s. */
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .chunk_bytes = 20000, .pause_ms = 25 });
	struct run *run = play(&(struct setting){ .send_ms = totals[*number].send_ms, .environment = { "SNDTIMEO_SEND_TOTAL=1" } },
			       "sock tcp4; setopt sndbuf 60000; connect %u; %s; watch; %s; send @later send 100", peer_port(peer),
			       totals[*number].setup, totals[*number].send);

	expect_clean(run);
	if (totals[*number].ended) {
		expect_within(run, "up.ret", 1, 20000000 - 1);
		expect_took(run, "up.ms", 1000);
		/* A synchronous writer is first told to wait, by which it learns. */
		cr_assert(value_of(run, "later.errno") == ETIMEDOUT || value_of(run, "later.errno") == EAGAIN);
		cr_assert(peer_finish(peer, 3000).end == PEER_SAW_RESET);
		return;
	}
	expect(run, "up.ret", 1500000);
	expect_within(run, "up.ms", 1200, WATCHDOG_MS);
	expect(run, "later.ret", 100);
	peer_finish(peer, 0);
}

/* With nothing else set no wait of the program's becomes longer. */
Test(total, alone_prolongs_no_wait, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .environment = { "SNDTIMEO_SEND_TOTAL=9s" } },
			       "sock tcp4; connect %u; nonblock 1; fill send settle=1; wait poll out 1200; send send 10 @late",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "wait.ret", 0);
	expect_took(run, "wait.ms", 1200);
	/* A probe of the window may have made room by then. */
	cr_assert(value_of(run, "late.errno") != ETIMEDOUT);
	peer_finish(peer, 0);
}

/* ---- what is never acknowledged -------------------------------------------------------------------------------------- */

#define UNACKED "SNDTIMEO_UNACKED=1500ms"

/* A small request is sent, the network is gone, and the program waits for the answer: no send ever waits. */
static const char *const waits_for_answers[] = {
	"recv recv 100 @answer",
	"recv read 100 @answer",
	"nonblock 1; wait poll in -1; recv recv 100 @answer",
	"nonblock 1; wait epoll_wait in -1; recv recv 100 @answer",
	"nonblock 1; wait poll in -1; getopt error @answer",
};

ROW_TEST(unacked, a_request_that_is_never_acknowledged, ROWS_OF(waits_for_answers))
{
	need_link();
	struct run *run = play(&(struct setting){ .send_ms = 30000, .watchdog_ms = 20000, .far_peer = "", .delay_ms = 5,
						  .environment = { UNACKED, "SNDTIMEO_LOG_FORMAT=json" } },
			       "sock tcp4; connect %d at=%s; send send 100 @hello; sleep 200; link all; send send 100; %s",
			       FAR_PORT, FAR_ADDRESS, waits_for_answers[*number]);

	expect_clean(run);
	if (has_value(run, "answer.value"))
		expect(run, "answer.value", ETIMEDOUT);
	else
		expect(run, "answer.errno", ETIMEDOUT);
	cr_assert(strstr(run->errors, "\"event\":\"unacked_timeout\"") && strstr(run->errors, "\"peer\":\"" FAR_ADDRESS ":8080\""),
		  "%s", run->errors);
}

/* It is on every established connection, however that came about, and not shown; a program's own stays. */
static const struct {
	const char *steps;
	long raw_ms, shown_ms;
} arming[] = {
	{ "sock tcp4; connect PORT; rawopt user_timeout; getopt user_timeout", 1500, 0 },
	{ "sock tcp4; nonblock 1; connect PORT; wait poll out 1000; getopt @e error; rawopt user_timeout; getopt user_timeout", 1500, 0 },
	{ "sock tcp4; nonblock 1; connect PORT; sleep 200; send send 10; rawopt user_timeout; getopt user_timeout", 1500, 0 },
	{ "sock tcp4; setopt user_timeout 7000; connect PORT; rawopt user_timeout; getopt user_timeout", 7000, 7000 },
	{ "sock tcp4; connect PORT; setopt user_timeout 7000; rawopt user_timeout; getopt user_timeout", 7000, 7000 },
	{ "sock tcp4; connect PORT; setopt user_timeout 7000; setopt user_timeout 0; rawopt user_timeout; getopt user_timeout", 1500, 0 },
	{ "sock tcp4; listen; client; accept accept 1; rawopt #1 user_timeout; getopt #1 user_timeout", 1500, 0 },
	{ "sock tcp4; listen; setopt user_timeout 0; client; accept accept 1; rawopt #1 user_timeout; getopt #1 user_timeout", 1500, 0 },
	{ "sock tcp4; connect PORT; exec 5; adopt 5 tcp4; rawopt user_timeout; getopt user_timeout", 1500, 0 },
};

#define ARMINGS (ROWS_OF(arming) * 2)

ROW_TEST(unacked, is_on_what_is_established, ARMINGS)
{
	const bool with_deadline = *number % 2;
	const size_t n = *number / 2;
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = with_deadline ? 4000 : 0, .environment = { UNACKED } }, "%s",
			       with_port(arming[n].steps, peer_port(peer)));

	expect_clean(run);
	expect(run, "rawopt.value", arming[n].raw_ms);
	expect(run, "getopt.value", arming[n].shown_ms);
	peer_finish(peer, 0);
}

/* It is for what is established: a SYN may take longer. */
ROW_TEST(unacked, is_not_for_a_connect, 2)
{
	static const char *const befores[] = { "setopt user_timeout 0", "connect PORT; connect @gone unspec" };
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 3000, .environment = { UNACKED } },
			       "sock tcp4; %s; connect @up %u", with_port(befores[*number], peer_port(peer)), blackhole_port(hole));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_took(run, "up.ms", 3000);
	peer_finish(peer, 0);
	blackhole_finish(hole);
}

/* An outage in mid-upload: the kernel is nudged by the same option, and finds it as it was. */
Test(unacked, is_still_there_after_an_outage, .timeout = 60)
{
	need_link();
	struct run *run = play(&(struct setting){ .send_ms = 2000, .watchdog_ms = 40000, .delay_ms = 20,
						  .far_peer = "rcvbuf_bytes=200000 chunk_bytes=100000 pause_ms=40",
						  .environment = { "SNDTIMEO_UNACKED=20s" } },
			       "sock tcp4; connect %d at=%s; &link all after=500; &link none after=1950; sendall send 6000000 @up; "
			       "rawopt user_timeout; close; sleep 700", FAR_PORT, FAR_ADDRESS);

	expect_clean(run);
	expect(run, "up.ret", 6000000);
	expect(run, "rawopt.value", 20000);
	cr_assert_str_empty(run->errors);
}
