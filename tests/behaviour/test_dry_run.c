/* SPDX-License-Identifier: MIT */
/** @file
 * @brief SNDTIMEO_DRY_RUN: nothing fails, nothing is set, and each stall is told of once.
 */
#include <stdio.h>
#include <string.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 400
#define BYTES 8000000L

static const struct setting dry = { .send_ms = SEND_MS, .connect_ms = 400, .environment = { "SNDTIMEO_DRY_RUN=1" } };

static const struct caller callers[] = {
	BLOCKING_CALLER,
	{ "sleep 0", "sendall sendmsg", "", false, false },
	{ "sleep 0", "sendall write", "chunk=300000", false, false },
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	POLL_LOOP("tick=50 events=in+out"),
	EPOLL_LOOP("events=in+out"),
	EPOLL_LOOP("et=1 events=in+out"),
};

/* Longer than the limit, twice, with progress in between. */
ROW_TEST(dry_run, each_stall_is_told_of_once, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];

	not_under("tsan", "it may begin to send when the peer's pause is half over");
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 200000, .start_ms = 1500, .chunk_bytes = 5000000,
							      .pause_ms = 1500 });
	struct run *run = play(&dry, "sock tcp4; setopt sndbuf 100000; connect %u; %s; %s %ld %s @up; rawopt sndtimeo; rawopt @ut user_timeout; "
				     "close", peer_port(peer), caller->setup, caller->upload, BYTES, caller->options);

	expect_clean(run);
	expect(run, "up.ret", BYTES);
	expect_within(run, "up.ms", 2500, WATCHDOG_MS);
	expect(run, "rawopt.value", 0);
	expect(run, "ut.value", 0);
	expect_peer_read(peer_finish(peer, 5000), BYTES);
	cr_assert(count_of(run->errors, " would have timed out after 0.") == 2 && count_of(run->errors, "\n") == 2, "%s",
		  run->errors);
	cr_assert(count_of(run->errors, "the peer is connected but has not opened its window for 0.") == 2, "%s", run->errors);
}

/* A program's own timeout is its own. */
Test(dry_run, own_timeouts_stay, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = 9000, .environment = { "SNDTIMEO_DRY_RUN=1" } },
			       "sock tcp4; connect %u; nonblock 1; fill send settle=1; wait poll out 1200; send send 10 @late; "
			       "recv recv 10 flags=dontwait", peer_port(peer));

	expect_clean(run);
	expect(run, "wait.ret", 0);
	expect_took(run, "wait.ms", 1200);
	/* A probe of the window may have made room by then. */
	cr_assert(value_of(run, "late.errno") != ETIMEDOUT);
	expect(run, "recv.errno", EAGAIN);
	cr_assert_str_empty(run->errors);
	peer_finish(peer, 0);
}

/* The same calls give the same, bare and dry. */
static const char *const scripts[] = {
	"sock tcp4; connect PORT; send send 1000; recv recv 10; send writev 100000 iov=5; shutdown wr; recv recv 1000 @end; close",
	"sock tcp4; nonblock 1; connect PORT; wait poll out 1000; getopt error; send sendmsg 100000 iov=3; getopt sndtimeo; close",
	"sock unix; send write 1000; recv #1 read 1000; close #1; sigpipe; send send 10 @broken",
	"sock pipe; send write 1000; recv #1 read 100; close #1; sigpipe; send write 10 @broken",
	"sock file; send write 1000; send writev 1000 iov=3",
	"sock udp4; connect PORT; send send 100; send send 0 @nothing",
};

ROW_TEST(dry_run, what_does_not_stall_is_as_without_us, ROWS_OF(scripts))
{
	char *transcripts[2];

	for (int bare = 0; bare <= 1; bare++) {
		struct peer *peer = peer_start(&(struct peer_script){ .greeting_bytes = 10 });
		struct setting setting = dry;

		setting.bare = bare;
		struct run *run = play(&setting, "%s", with_port(scripts[*number], peer_port(peer)));

		expect_clean(run);
		transcripts[bare] = comparable(run);
		peer_finish(peer, 0);
	}
	cr_assert_str_eq(transcripts[0], transcripts[1]);
}
