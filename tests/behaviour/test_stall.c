/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A peer that stops reading ends an upload when the send timeout says, with the error that fits the caller, and
 * never sees a clean end (rules 12, 17 to 20, 22, 24).
 */
#include <stdio.h>
#include <string.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 600
#define BYTES 8000000L

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP(""),
	POLL_LOOP("events=in+out"),
	/* The clock is the connection's: ticks shorter and longer than the limit, as git's and curl's. */
	POLL_LOOP("tick=50 events=in+out"),
	POLL_LOOP("tick=50"),
	POLL_LOOP("tick=1000 events=in+out"),
	POLL_LOOP("with=pipe tick=1000"),
	POLL_LOOP("with=twice"),
	EPOLL_LOOP(""),
	EPOLL_LOOP("events=in+out"),
	EPOLL_LOOP("et=1 events=in+out"),
	EPOLL_LOOP("tick=50"),
};

static const struct peer_script stalling[] = {
	{ .stop = PEER_STALLS },
	{ .stop = PEER_STALLS, .stop_bytes = 3000000, .rcvbuf_bytes = 200000 },
	/* Its words are read by a duplex loop, and still unread at the verdict with the others. */
	{ .stop = PEER_STALLS, .talk_ms = 50 },
	{ .stop = PEER_STALLS, .talk_ms = 50, .stop_bytes = 300000, .rcvbuf_bytes = 65536 },
	{ .stop = PEER_STALLS, .family = AF_INET6 },
};

/* One line, whoever finds out first and however often the program asks. */
static void expect_line(const struct run *run, const char *host, unsigned port)
{
	char line[64];

	snprintf(line, sizeof line, "send to %s:%u timed out after ", host, port);
	cr_assert(count_of(run->errors, line) == 1 && count_of(run->errors, "\n") == 1, "no, or other than: %s\n%s",
		  line, run->errors);
}

/* What the peer had taken before the end was part of what was sent, and the end is no end of a whole upload. */
static void expect_reset(struct peer *peer, const struct run *run)
{
	peer_resume(peer);
	struct peer_report report = peer_finish(peer, 3000);

	cr_assert(report.in_pattern);
	if (value_of(run, "up.ret") > 0)
		cr_assert_leq((long)report.bytes, value_of(run, "up.ret"));
	cr_assert(report.end == PEER_SAW_RESET, "the connection ended for the peer in way %d\n%s", report.end,
		  run->script);
}

#define STALLS (ROWS_OF(callers) * ROWS_OF(stalling))

ROW_TEST(stall, upload, STALLS)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const struct peer_script *script = &stalling[*number / ROWS_OF(callers)];
	const bool v6 = script->family == AF_INET6;
	struct peer *peer = peer_start(script);
	const unsigned port = peer_port(peer);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock %s; connect %u; %s; watch; %s %ld %s @up", v6 ? "tcp6" : "tcp4", port,
			       caller->setup, caller->upload, BYTES, caller->options);

	expect_clean(run);
	expect_within(run, "up.ret", (long)script->stop_bytes, BYTES - 1);
	expect_verdict(run, caller, SEND_MS);
	expect_line(run, v6 ? "[::1]" : "127.0.0.1", port);
	expect_reset(peer, run);
}

/* PostgreSQL and others write over the name they were started by what they are about. */
Test(stall, names_the_program_and_not_its_title)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "title; sock tcp4; connect %u; sendall send %ld",
			       peer_port(peer), BYTES);

	expect_clean(run);
	cr_assert(strncmp(run->errors, "sndtimeo: tester[", strlen("sndtimeo: tester[")) == 0, "%s", run->errors);
}

static const char *const closings[] = {
	"close",
	"shutdown wr; close",
	"shutdown rdwr; close",
	/* The process lives on, and a duplicate with it. */
	"dup 1; close",
	"exit 0",
};

#define CLOSINGS (ROWS_OF(closings) * ROWS_OF(callers))

/* However the program lets go of the connection. The peer reads again before that, if its words kept the reset back. */
ROW_TEST(stall, however_it_is_closed, CLOSINGS)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const char *closing = closings[*number / ROWS_OF(callers)];
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .greeting_bytes = 100 });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; %s; %s %ld %s @up; %s; sleep 300",
			       peer_port(peer), caller->setup, caller->upload, BYTES, caller->options, closing);

	expect_clean(run);
	expect_reset(peer, run);
}

/* What is refused to a caller of any send function. */
static const char *const calls[] = {
	"send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "sendfile", "sendfile64", "sendfile_seek",
};

#define CALLS (2 * ROWS_OF(calls))

ROW_TEST(stall, every_call, CALLS)
{
	const char *call = calls[*number / 2];
	const bool blocking = *number % 2;
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; watch; %s %s %ld %s @up", peer_port(peer),
			       blocking ? "sendall" : "nonblock 1; upload poll", call, BYTES,
			       blocking ? "iov=7" : "iov=7 events=in+out");

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	expect_reset(peer, run);
}

/* With no byte to count a blocking send has nothing to return but the error. */
ROW_TEST(stall, blocking_send_without_a_byte, ROWS_OF(calls))
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; fill send flags=dontwait; sleep 300; fill send flags=dontwait;"
			       "send %s 100000 iov=7 @up",
			       peer_port(peer), calls[*number]);

	expect_clean(run);
	expect(run, "up.ret", -1);
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.ms", 0, latest_ms(SEND_MS));
	expect_reset(peer, run);
}

/* curl and git ask once more, without waiting, before each send: a socket given up must not look busy then. */
Test(stall, recheck_with_no_wait, .timeout = 30)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nonblock 1; watch; fill send; wait poll in+out 5000 @first;"
			       "wait poll out 0 @poll; wait poll in+out 0 @duplex; wait select out 0 @select;"
			       "wait poll out 0 with=twice @twice; wait epoll_wait out 0 @epoll; send send 1000 @late",
			       peer_port(peer));
	static const char *const rechecks[] = { "poll", "duplex", "select", "epoll" };

	expect_clean(run);
	expect_stalled_for(run, "first", SEND_MS);
	for (size_t i = 0; i < ROWS_OF(rechecks); i++) {
		char key[32];

		snprintf(key, sizeof key, "%s.ret", rechecks[i]);
		expect(run, key, 1);
	}
	expect(run, "twice.ret", 2);
	expect(run, "late.ret", -1);
	expect(run, "late.errno", ETIMEDOUT);
}

/* A program that does other things in between and never waits in a poll learns of the verdict as well. */
Test(stall, only_polls_with_no_wait, .timeout = 30)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nonblock 1; watch;"
			       "upload poll send %ld tick=0 events=in+out max=5000 @up",
			       peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_for(run, "up", SEND_MS);
	peer_finish(peer, 0);
}

/* With a peer that speaks it, and with one that makes it fall back to TCP. */
ROW_TEST(stall, over_mptcp, 2 * ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number / 2];
	const bool both = *number % 2;
	struct run *possible = play(&(struct setting){ .bare = true }, "sock mptcp4");

	if (possible->status)
		cr_skip_test("no MPTCP here: %s", possible->errors);
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .mptcp = both });
	/* The kernel takes more of it than of TCP, and goes on moving it for a while. */
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS }, "sock mptcp4; connect %u; %s; %s 30000000 %s @up; "
								       "recv recv 10 @late",
			       peer_port(peer), caller->setup, caller->upload, caller->options);

	expect_clean(run);
	if (caller->writer)
		expect(run, "up.timed_out", 1);
	else
		expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.ms", earliest_ms(SEND_MS), latest_in_epoll_ms(SEND_MS) + 1500);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* An event loop may try ten thousand sockets that refuse. Compared with a bare run, with much room for a busy machine. */
Test(stall, refusals_are_quick, .timeout = 60)
{
	long count[2] = { 0 };

	for (int bare = 0; bare <= 1; bare++)
		for (int i = 0; i < 3; i++) {
			struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
			struct run *run = play(&(struct setting){ .bare = bare, .send_ms = 20000 },
					       "sock tcp4; connect %u; nonblock 1; fill send settle=1; refusals 150",
					       peer_port(peer));

			expect_clean(run);
			if (value_of(run, "refusals.count") > count[bare])
				count[bare] = value_of(run, "refusals.count");
			peer_finish(peer, 0);
		}
	/* A sanitizer makes our part of a call many times as dear, and the kernel's not. */
	cr_assert(count[0] > (sanitized() ? 0 : count[1] / 8), "%ld refusals, %ld bare", count[0], count[1]);
}

/* The same with sends alone: a loop that never waits at all. */
Test(stall, only_sends, .timeout = 30)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nonblock 1; fill send; sleep 300; fill send @early; sleep 700;"
			       "fill send @late; send send 1000 flags=dontwait @later",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "early.errno", EAGAIN);
	expect(run, "late.errno", ETIMEDOUT);
	expect(run, "later.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}
