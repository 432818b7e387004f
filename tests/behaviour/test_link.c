/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 7, 12 and 17 to 20 over a link: delays, losses, dead networks and holes, for every kind of caller.
 *
 * Loopback hides what matters here: retransmission timers, old acknowledgements, segments smaller than a window.
 */
#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 2000
#define BYTES 6000000L
/* The last bytes take a moment to the far end, and the link ends with the tester. */
#define AND_ARRIVE "; close; sleep 700"

static const struct caller callers[] = {
	BLOCKING_CALLER,
	/* More than its own: what the peer says lets it go (rule 15). */
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	EPOLL_LOOP("events=in+out"),
};

static struct run *play_far(const char *peer, int delay_ms, const struct caller *caller, const char *before, long bytes,
			    const char *after)
{
	const struct setting setting = { .send_ms = SEND_MS, .watchdog_ms = 75000, .far_peer = peer, .delay_ms = delay_ms };

	return play(&setting, "sock tcp4; connect %d at=%s; %s; %s; watch; %s %ld %s @up%s", FAR_PORT, FAR_ADDRESS,
		    caller->setup, before, caller->upload, bytes, caller->options, after);
}

/* ---- peers that make progress --------------------------------------------------------------------------------------- */

static const struct {
	const char *peer;
	int delay_ms;
	const char *before;
	long bytes;
	long least_ms;
} healthy[] = {
	/* 4 KB/s into a small window, for 40 s: the kernel's own clock of the window cuts this one. */
	{ "rcvbuf_bytes=12000 chunk_bytes=400 pause_ms=100", 2, "setopt sndbuf 10000", 190000, 35000 },
	{ "rcvbuf_bytes=65536 chunk_bytes=8000 pause_ms=100", 20, "setopt sndbuf 60000", 800000, 5000 },
	/* Bursts over a long path after a rest: every acknowledgement is old then. */
	{ "", 50, "send send 100000 @first; sleep 5000", 8000000, 500 },
	/* A window exactly full, and a peer that reads again as the burst begins. */
	{ "rcvbuf_bytes=65536 start_ms=5600", 50, "send send 100000 @first; sleep 5000", 3000000, 1000 },
};

#define HEALTHY (ROWS_OF(healthy) * ROWS_OF(callers))

ParameterizedTestParameters(link, healthy_peer)
{
	static size_t numbers[HEALTHY];

	for (size_t i = 0; i < HEALTHY; i++)
		numbers[i] = i;
	return cr_make_param_array(size_t, numbers, HEALTHY);
}

ParameterizedTest(size_t *number, link, healthy_peer, .timeout = 90)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const size_t n = *number / ROWS_OF(callers);

	need_link();
	struct run *run = play_far(healthy[n].peer, healthy[n].delay_ms, caller, healthy[n].before, healthy[n].bytes,
				   "; sleep 300" AND_ARRIVE);

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "up.ret", healthy[n].bytes);
	expect_within(run, "up.ms", healthy[n].least_ms, 75000);
	expect(run, "peer.in_pattern", 1);
	cr_assert_str_empty(run->errors);
}

/* ---- a link that loses everything for a while ------------------------------------------------------------------------- */

static const int outage_delays[] = { 2, 10, 50 };

#define OUTAGES (ROWS_OF(outage_delays) * ROWS_OF(callers))

ROW_TEST(link, outage_shorter_than_the_limit, OUTAGES)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];

	need_link();
	struct run *run = play_far("rcvbuf_bytes=200000 chunk_bytes=100000 pause_ms=40", outage_delays[*number / ROWS_OF(callers)],
				   caller, "&link all after=500; &link none after=1950", BYTES, AND_ARRIVE);

	expect_clean(run);
	expect(run, "up.ret", BYTES);
	cr_assert_str_empty(run->errors);
}

Test(link, outages_again_and_again, .timeout = 60)
{
	need_link();
	for (size_t i = 0; i < ROWS_OF(callers); i += 3) {
		struct run *run = play_far("rcvbuf_bytes=200000 chunk_bytes=100000 pause_ms=100", 30, &callers[i],
					   "&link @a all after=500; &link @b none after=1900; &link @c all after=3500;"
					   "&link @d none after=4900; &link @e all after=6000; &link @f none after=7400",
					   8000000, AND_ARRIVE);

		expect_clean(run);
		expect(run, "up.ret", 8000000);
		expect_within(run, "up.ms", 7000, 75000);
		cr_assert_str_empty(run->errors);
	}
}

/* All the peer had it acknowledged long ago when the process goes on; the refusal that then comes is new. */
ROW_TEST(link, process_frozen_for_longer_than_the_limit, ROWS_OF(callers))
{
	need_link();
	struct run *run = play_far("", 50, &callers[*number], "&freeze 3500 after=600", 12000000, AND_ARRIVE);

	expect_clean(run);
	expect(run, "up.ret", 12000000);
	expect_within(run, "up.ms", 3500, 75000);
	cr_assert_str_empty(run->errors);
}

/* A program's own TCP_USER_TIMEOUT is not touched for that. */
Test(link, own_user_timeout_in_an_outage, .timeout = 60)
{
	need_link();
	struct run *run = play_far("rcvbuf_bytes=200000 chunk_bytes=100000 pause_ms=40", 2, &callers[0],
				   "setopt user_timeout 30000; &link all after=500; &link none after=1950; sleep 200; "
				   "rawopt @before user_timeout",
				   BYTES, "; rawopt @after user_timeout" AND_ARRIVE);

	expect_clean(run);
	expect(run, "up.ret", BYTES);
	expect(run, "before.value", 30000);
	expect(run, "after.value", 30000);
}

Test(link, nothing_is_left_after_an_outage, .timeout = 60)
{
	need_link();
	for (size_t i = 0; i < ROWS_OF(callers); i++) {
		struct run *run = play_far("rcvbuf_bytes=200000 chunk_bytes=100000 pause_ms=40", 50, &callers[i],
					   "&link all after=500; &link none after=1950", BYTES,
					   "; rawopt @after user_timeout" AND_ARRIVE);

		expect_clean(run);
		expect(run, "up.ret", BYTES);
		expect(run, "after.value", 0);
	}
}

/* ---- rule 10: a connect deadline must not outlive the connect ----------------------------------------------------------- */

static const char *const ways_to_learn[] = {
	"wait poll out 2000; getopt error",
	"wait poll out 2000; connect @second 9",
	"wait poll out 2000; peername",
	"wait poll out 2000",
	"wait poll in+out 2000",
	"wait select out 2000",
	"wait epoll_wait out 2000 et=1",
	"sleep 300; getopt error",
	"sleep 300; connect @second 9",
	"sleep 300; peername",
	"sleep 300",
};

/* The first byte is acknowledged 3 s late. */
ROW_TEST(link, late_acknowledgements_after_a_connect, ROWS_OF(ways_to_learn))
{
	const struct setting setting = { .connect_ms = 1000, .send_ms = 10000, .watchdog_ms = 30000, .far_peer = "", .delay_ms = 20 };

	need_link();
	struct run *run = play(&setting,
			       "sock tcp4; nonblock 1; connect %d at=%s; %s; link ack; send send 1000 @first; rawopt user_timeout; "
			       "sleep 3000; link none; wait @later poll out 5000; upload poll send 100000" AND_ARRIVE,
			       FAR_PORT, FAR_ADDRESS, ways_to_learn[*number]);

	expect_clean(run);
	expect(run, "connect.errno", EINPROGRESS);
	expect(run, "first.ret", 1000);
	expect(run, "rawopt.value", 0);
	expect(run, "upload.ret", 100000);
	expect(run, "peer.bytes", 101000);
	cr_assert_str_empty(run->errors);
}

/* ---- peers that make none ------------------------------------------------------------------------------------------- */

static const struct {
	const char *peer;
	int delay_ms;
	const char *before;
} dead[] = {
	/* The network is cut; full-size packets are lost while small ones pass and the peer talks; no acknowledgement comes. */
	{ "", 2, "&link all after=400" },
	{ "", 50, "&link all after=400" },
	{ "talk_ms=100", 10, "&link big after=400" },
	{ "talk_ms=100", 50, "&link big after=0; sleep 100" },
	{ "", 10, "&link ack after=400" },
	{ "stalls=1 stop_bytes=300000 talk_ms=100", 50, "sleep 0" },
};

#define DEAD (ROWS_OF(dead) * ROWS_OF(callers))

ROW_TEST(link, dead_peer, DEAD)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const size_t n = *number / ROWS_OF(callers);

	need_link();
	/* More than an outage of 0.4 s leaves unsent. */
	struct run *run = play_far(dead[n].peer, dead[n].delay_ms, caller, dead[n].before, 60000000, "");

	expect_clean(run);
	expect_verdict(run, caller, SEND_MS);
	cr_assert(strstr(run->errors, "send to " FAR_ADDRESS ":8080 timed out after 2.0 s"), "%s", run->errors);
}
