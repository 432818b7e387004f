/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A synchronous writer's uploads take as long as they progress, stalls end in its own timeout, and nobody else
 * is taken for one (rules 15 to 17).
 */
#include <poll.h>

#include "harness.h"
#include "rows.h"

#define WRITABLE (POLLOUT | POLLERR | POLLHUP)
/* At half a megabyte a second more than twice the second that the program gives itself. */
#define BYTES 1500000L
#define START "sock tcp4; setopt sndbuf 65536; connect %u; nonblock 1; "
/* With a small buffer the kernel's first window probe makes room again. */
#define START_LARGE "sock tcp4; connect %u; nonblock 1; "

static const char *const waits[] = { "poll", "ppoll", "poll_chk", "ppoll_chk", "select", "pselect" };

static struct peer *slow_peer(void)
{
	return peer_start(&(struct peer_script){ .rcvbuf_bytes = 65536, .chunk_bytes = 50000, .pause_ms = 100 });
}

static struct peer *silent_peer(size_t greeting)
{
	return peer_start(&(struct peer_script){ .stop = PEER_STALLS, .greeting_bytes = greeting });
}

/* All bytes are the kernel's: the peer gets them, then the end. */
static void expect_whole(struct peer *peer, long bytes)
{
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), bytes);
}

/* ---- a limit of the program's that is too short ------------------------------------------------------------------ */

static const struct {
	const char *wait, *send, *options;
} writers[] = {
	{ "poll", "send", "" },
	{ "ppoll", "write", "events=out+err+hup" },
	{ "poll_chk", "sendmsg", "iov=7" },
	{ "ppoll_chk", "writev", "iov=40" },
	{ "select", "sendto", "" },
	{ "pselect", "sendfile", "" },
	{ "poll", "sendfile64", "events=out+err" },
	{ "select", "sendfile_seek", "" },
	{ "poll", "sendmmsg", "iov=3" },
};

ROW_TEST(writers, own_limit_does_not_cut_progress, ROWS_OF(writers))
{
	struct peer *peer = slow_peer();
	struct run *run = play(&(struct setting){ .send_ms = 1000 }, START "watch; sync %s %ld 1000 wait=%s %s @up",
			       peer_port(peer), writers[*number].send, BYTES, writers[*number].wait,
			       writers[*number].options);

	expect_clean(run);
	need_gaps_below(run, 1000);
	expect(run, "up.timed_out", 0);
	expect(run, "up.ret", BYTES);
	expect(run, "up.sends", 1);
	cr_assert_str_empty(run->errors);
	expect_whole(peer, BYTES);
}

/* What the test above would show nothing without. */
Test(writers, own_limit_cuts_without_us, .timeout = 30)
{
	struct peer *peer = slow_peer();
	struct run *run = play(&(struct setting){ .bare = true }, START "sync send %ld 1000 @up", peer_port(peer),
			       BYTES);

	expect_clean(run);
	expect(run, "up.timed_out", 1);
	expect_within(run, "up.ret", 1, BYTES - 1);
	peer_finish(peer, 0);
}

/* A wait of a second, and the peer makes room in two. */
ROW_TEST(writers, wait_lasts_as_long_as_our_limit, ROWS_OF(waits))
{
	struct peer *peer = peer_start(&(struct peer_script){ .start_ms = 2000 });
	struct run *run = play(&(struct setting){ .send_ms = 4000 }, START_LARGE "fill send; wait %s out 1000 @up",
			       peer_port(peer), waits[*number]);

	expect_clean(run);
	expect(run, "up.ret", 1);
	cr_assert(value_of(run, "up.revents") & POLLOUT, "%s", run->transcript);
	expect_within(run, "up.ms", 1200, latest_ms(2000));
	peer_finish(peer, 0);
}

/* ---- and one that is too long ------------------------------------------------------------------------------------ */

#define TOO_LONG (2 * ROWS_OF(waits))

/* Told by its own timeout, once; whoever goes on is told by the send. */
ROW_TEST(writers, stall_is_its_own_timeout_once, TOO_LONG)
{
	const char *wait = waits[*number / 2];
	struct peer *peer = silent_peer(*number % 2 * 100);
	struct run *run = play(&(struct setting){ .send_ms = 800 },
			       START "watch; sync send %ld 30000 wait=%s @up; wait %s out 5000 @again; fill send @late",
			       peer_port(peer), 8000000L, wait, wait);

	expect_clean(run);
	expect(run, "up.timed_out", 1);
	expect_within(run, "up.ret", 1, 8000000 - 1);
	expect(run, "up.sends", 1);
	expect_stalled_for(run, "up", 800);
	expect(run, "again.ret", 1);
	cr_assert(value_of(run, "again.revents") & WRITABLE, "%s", run->transcript);
	expect_within(run, "again.ms", 0, latest_ms(0));
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* The send that was refused without a byte says EAGAIN, so that the program goes to its wait. */
Test(writers, stall_without_a_byte_is_eagain, .timeout = 30)
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = 800 },
			       START_LARGE "fill send; sleep 300; fill send; wait poll out 100 @tick;"
			       "send send 100000 @up; wait poll out 5000 @told; wait poll out 5000 @again;"
			       "send send 1000 @late",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "tick.ret", 0);
	expect(run, "up.ret", -1);
	expect(run, "up.errno", EAGAIN);
	expect(run, "told.ret", 0);
	expect(run, "again.ret", 1);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

#define FOR_EVER (2 * ROWS_OF(waits))

/* Who waits for ever has no timeout to raise: writable, and the send's error. */
ROW_TEST(writers, wait_for_ever, FOR_EVER)
{
	const char *wait = waits[*number / 2];
	struct peer *peer = silent_peer(*number % 2 * 100);
	struct run *run = play(&(struct setting){ .send_ms = 800 },
			       START "watch; wait %s out -1 @first; send send 8000000 @up; wait %s out -1 @again;"
			       "send send 4000000 @late",
			       peer_port(peer), wait, wait);

	expect_clean(run);
	expect_within(run, "up.ret", 1, 8000000 - 1);
	expect_stalled_for(run, "up", 800);
	expect(run, "again.ret", 1);
	cr_assert(value_of(run, "again.revents") & WRITABLE, "%s", run->transcript);
	expect(run, "late.ret", -1);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* ---- policy cap -------------------------------------------------------------------------------------------------- */

ROW_TEST(writers, cap_leaves_the_own_limit, ROWS_OF(waits))
{
	struct peer *peer = slow_peer();
	struct run *run = play(&(struct setting){ .send_ms = 3000, .policy = "cap" },
			       START "sync send %ld 1000 wait=%s @up", peer_port(peer), BYTES, waits[*number]);

	expect_clean(run);
	expect(run, "up.timed_out", 1);
	expect_took(run, "up.total_ms", 1000);
	expect_within(run, "up.sends", 2, BYTES);
	peer_finish(peer, 0);
}

ROW_TEST(writers, cap_prolongs_no_wait, ROWS_OF(waits))
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = 3000, .policy = "cap" },
			       START_LARGE "fill send; wait %s out 1200 @up",
			       peer_port(peer), waits[*number]);

	expect_clean(run);
	expect(run, "up.ret", 0);
	expect_took(run, "up.ms", 1200);
	peer_finish(peer, 0);
}

ROW_TEST(writers, cap_shortens, ROWS_OF(waits))
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = 600, .policy = "cap" },
			       START "watch; sync send 8000000 10000 wait=%s @up; wait %s out 5000 @again;"
			       "send send 1000 @late",
			       peer_port(peer), waits[*number], waits[*number]);

	expect_clean(run);
	expect(run, "up.timed_out", 1);
	expect_stalled_for(run, "up", 600);
	expect(run, "again.ret", 1);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* ---- who is one, and who is not ---------------------------------------------------------------------------------- */

static const char *const making[] = {
	"wait poll out 5000",
	"wait poll out 100",
	"wait poll out -1",
	"wait poll out+err+hup 5000",
	"wait select out 5000",
	"wait pselect out -1",
	/* A kind of its own only until the next wait. */
	"wait poll in 0; wait poll out 5000",
	"nonblock 1 by=ioctl; wait poll out 5000",
};

ROW_TEST(writers, made_by, ROWS_OF(making))
{
	struct peer *peer = slow_peer();
	struct run *run = play(&(struct setting){ .send_ms = 1000 },
			       START "watch; %s; send send %ld @late; send send 1000 @more",
			       peer_port(peer), making[*number], BYTES);

	expect_clean(run);
	need_gaps_below(run, 1000);
	expect(run, "late.ret", BYTES);
	expect(run, "more.ret", 1000);
	expect_whole(peer, BYTES + 1000);
}

static const char *const not_making[] = {
	"sleep 0",
	"wait poll out 0",
	"wait select out 0",
	"wait poll in+out 5000",
	"wait poll out+pri 5000",
	"wait poll out 5000 with=pipe",
	"wait poll out 5000 with=twice",
	"wait select in+out 5000",
	"wait select out 5000 with=pipe",
	"wait poll in 10",
	"wait epoll_wait out 5000",
	/* Ended again. */
	"wait poll out 5000; nonblock 1",
	"wait poll out 5000; nonblock 1 by=fcntl64",
	"wait poll out 5000; nonblock 1 by=ioctl",
	"wait poll out 5000; epadd in",
	"wait poll out 5000; wait epoll_wait out 0",
	"wait poll out 5000; wait poll in 0",
	"wait poll out 5000; wait ppoll in+out 10",
	"wait poll out 5000; wait poll_chk in 0",
	"wait poll out 5000; wait ppoll_chk in 0",
	"wait poll out 5000; wait select in 0",
	"wait poll out 5000; wait pselect in 0",
	/* Another thread's, or another socket's. */
	"&wait poll out 5000 @other; join other",
	"#1 sock unix; #1 wait poll out 5000",
	"wait poll out 5000; #1 sock unix; #1 wait poll out 5000",
};

ROW_TEST(writers, not_made_by, ROWS_OF(not_making))
{
	struct peer *peer = slow_peer();
	struct run *run = play(&(struct setting){ .send_ms = 1000 }, START "%s; send send %ld @late", peer_port(peer),
			       not_making[*number], BYTES);

	expect_clean(run);
	expect_within(run, "late.ret", 1, BYTES - 1);
	expect_within(run, "late.ms", 0, latest_ms(0));
	peer_finish(peer, 0);
}

/* Nor is a send completed that asked not to wait. */
Test(writers, dontwait, .timeout = 30)
{
	struct peer *peer = slow_peer();
	struct run *run = play(&(struct setting){ .send_ms = 1000 },
			       START "wait poll out 5000; send send %ld flags=dontwait @late", peer_port(peer), BYTES);

	expect_clean(run);
	expect_within(run, "late.ret", 1, BYTES - 1);
	expect_within(run, "late.ms", 0, latest_ms(0));
	peer_finish(peer, 0);
}

/* ---- waits that are not asked for -------------------------------------------------------------------------------- */

/* A wait of a second or more is left to the sends, somebody's tick is not. */
Test(writers, tick_after_a_wait, .timeout = 30)
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = 20000 },
			       START_LARGE "wait poll out 2000; wait poll out 2000; fill send flags=dontwait; "
				     "wait poll out 300 @tick", peer_port(peer));

	expect(run, "tick.ret", 0);
	expect_took(run, "tick.ms", 300);
	peer_finish(peer, 0);
}

/* A wait that is not prolonged ends with the program's own time. */
Test(writers, full_after_a_wait, .timeout = 20)
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = 20000, .policy = "cap" },
			       START_LARGE "wait poll out 1000; fill send flags=dontwait; wait poll out 1000 @full", peer_port(peer));

	expect(run, "full.ret", 0);
	expect_within(run, "full.ms", earliest_ms(1000), latest_ms(1000));
	peer_finish(peer, 0);
}

/* The number is another file's: what the kernel says of that counts, and it has no reader. */
static const char *const reused[] = {
	"#1 close; close; sock pipe; #1 close",
	"#2 sock pipe; #3 close; #2 dup2 0",
};

ROW_TEST(writers, number_of_another_file, ROWS_OF(reused))
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = 20000 },
			       "#1 sock tcp4; " START "wait poll out 2000; %s; wait poll out 2000 @other", peer_port(peer),
			       reused[*number]);

	expect(run, "other.ret", 1);
	expect(run, "other.revents", POLLOUT | POLLERR);
	peer_finish(peer, 0);
}
