/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A peer that makes progress is never cut, however slow it is and whoever sends to it (rule 7).
 */
#include "callers.h"
#include "harness.h"
#include "rows.h"

/* Of an upload to a slow peer, on a busy machine. */
#define LONGEST_MS 27000

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(1000),
	POLL_LOOP("events=in+out"),
	EPOLL_LOOP("events=in+out"),
};

static const struct {
	int send_ms;
	int sndbuf;      /* half of what the kernel keeps */
	size_t bytes;
	struct peer_script peer;
} slow_peers[] = {
	/*
	 * A large buffer takes longer than the limit to empty by a third, which is what makes it writable again: that
	 * is no progress only to those who wait for it.
	 */
	{ 600, 0, 4000000, { .rcvbuf_bytes = 65536, .chunk_bytes = 20000, .pause_ms = 50 } },
	{ 1000, 212992, 1300000, { .rcvbuf_bytes = 65536, .chunk_bytes = 10000, .pause_ms = 50 } },
	{ 2200, 212992, 950000, { .rcvbuf_bytes = 65536, .chunk_bytes = 4000, .pause_ms = 50 } },
	/* It pauses for less than the limit, again and again. */
	{ 800, 65536, 900000, { .rcvbuf_bytes = 65536, .chunk_bytes = 100000, .pause_ms = 500 } },
	{ 2000, 65536, 1000000, { .rcvbuf_bytes = 65536, .chunk_bytes = 100000, .pause_ms = 1500 } },
	/* 1 MB/s, for six times the limit. */
	{ 2000, 500000, 12000000, { .rcvbuf_bytes = 500000, .chunk_bytes = 50000, .pause_ms = 50 } },
	/* Its window closes, opens a little, closes. */
	{ 1300, 10000, 120000, { .rcvbuf_bytes = 12000, .chunk_bytes = 2000, .pause_ms = 100 } },
};

#define SLOW_UPLOADS (ROWS_OF(slow_peers) * ROWS_OF(callers))

ROW_TEST(progress, slow_peer, SLOW_UPLOADS)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const size_t n = *number / ROWS_OF(callers), bytes = slow_peers[n].bytes;
	struct peer *peer = peer_start(&slow_peers[n].peer);
	struct run *run = play(&(struct setting){ .send_ms = slow_peers[n].send_ms, .watchdog_ms = LONGEST_MS },
			       "sock tcp4; setopt sndbuf %d; connect %u; %s; watch; %s %zu %s @up",
			       slow_peers[n].sndbuf, peer_port(peer), caller->setup, caller->upload, bytes,
			       caller->options);

	expect_clean(run);
	need_gaps_below(run, slow_peers[n].send_ms);
	expect(run, "up.ret", (long)bytes);
	/* Else the peer was not slow enough to show anything. */
	expect_within(run, "up.ms", 2 * slow_peers[n].send_ms, LONGEST_MS);
	cr_assert_str_empty(run->errors);
	/* All bytes are the kernel's now. */
	peer_resume(peer);
	struct peer_report report = peer_finish(peer, 5000);

	expect_peer_read(report, bytes);
	cr_assert_eq(report.end, PEER_SAW_EOF);
}

/*
 * The first bytes fill the peer's window and are all accepted, so that nobody is refused for longer than the limit,
 * though nothing moves. The peer reads again when the burst has just begun.
 */
ROW_TEST(progress, idle_with_a_full_window_then_burst, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	const long bytes = 2000000;
	struct peer *peer = peer_start(&(struct peer_script){
		.rcvbuf_bytes = 65536, .start_ms = 1500, .chunk_bytes = 100000, .pause_ms = 50 });
	struct run *run = play(&(struct setting){ .send_ms = 700 },
			       "sock tcp4; setopt sndbuf 212992; connect %u; %s; send send 150000 @first; sleep 1200;"
			       "rawopt outstanding; watch; %s %ld %s @up",
			       peer_port(peer), caller->setup, caller->upload, bytes, caller->options);

	expect_clean(run);
	need_gaps_below(run, 700);
	expect(run, "first.ret", 150000);
	expect_within(run, "rawopt.value", 1, 150000);
	expect(run, "up.ret", bytes);
	cr_assert_str_empty(run->errors);
	expect_peer_read(peer_finish(peer, 5000), 150000 + bytes);
}

/* Between bursts everything is acknowledged and the connection older than any limit. */
ROW_TEST(progress, bursts, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	const long bytes = 1000000;
	struct peer *peer = peer_start(&(struct peer_script){
		.rcvbuf_bytes = 65536, .chunk_bytes = 100000, .pause_ms = 100 });
	struct run *run = play(&(struct setting){ .send_ms = 500 },
			       "sock tcp4; setopt sndbuf 65536; connect %u; %s; watch; %s %ld %s @up; sleep 1100;"
			       "%s %ld %s @again; sleep 1100; %s %ld %s @third",
			       peer_port(peer), caller->setup, caller->upload, bytes, caller->options, caller->upload,
			       bytes, caller->options, caller->upload, bytes, caller->options);

	expect_clean(run);
	need_gaps_below(run, 500);
	expect(run, "up.ret", bytes);
	expect(run, "again.ret", bytes);
	expect(run, "third.ret", bytes);
	cr_assert_str_empty(run->errors);
	expect_peer_read(peer_finish(peer, 5000), 3 * bytes);
}

/*
 * The kernel's first window probe fills what was left of the peer's window: bytes acknowledged grow by what the window
 * shrinks. The peer reads again before that is so long ago as the limit, but not before the refusal is.
 */
ROW_TEST(progress, probe_fills_the_window, 2)
{
	struct peer *peer = peer_start(&(struct peer_script){ .start_ms = 1120 });
	struct run *run = play(&(struct setting){ .send_ms = 1000 },
			       "sock tcp4; connect %u; nonblock 1; watch;"
			       "upload poll %s 8000000 iov=7 events=in+out @up",
			       peer_port(peer), *number ? "sendmmsg" : "send");

	expect_clean(run);
	need_gaps_below(run, 1000);
	expect(run, "up.ret", 8000000);
	expect_peer_read(peer_finish(peer, 5000), 8000000);
}
