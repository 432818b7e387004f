/* SPDX-License-Identifier: MIT */
/** @file
 * @brief After a verdict everything on the connection ends in ETIMEDOUT, and nothing of it outlives the connection
 * (rules 3, 21, 22).
 */
#include <poll.h>
#include <stdio.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 500
#define BYTES 8000000L

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP(""),
	EPOLL_LOOP(""),
};

static const char *const receives[] = {
	"recv", "recv_dontwait", "recvfrom", "recvmsg", "read", "readv", "recv_chk", "recvfrom_chk", "read_chk",
};

static const char *const sends[] = {
	"send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "sendfile", "sendfile64", "sendfile_seek",
};

static struct peer *silent_peer(size_t greeting)
{
	return peer_start(&(struct peer_script){ .stop = PEER_STALLS, .greeting_bytes = greeting });
}

static void expect_failed(const struct run *run, const char *label, int error)
{
	char key[48];

	snprintf(key, sizeof key, "%s.ret", label);
	expect(run, key, -1);
	snprintf(key, sizeof key, "%s.errno", label);
	expect(run, key, error);
}

/* ---- reads ------------------------------------------------------------------------------------------------------- */

#define READS (ROWS_OF(receives) * ROWS_OF(callers))

ROW_TEST(after, reads_end, READS)
{
	const char *receive = receives[*number % ROWS_OF(receives)];
	const struct caller *caller = &callers[*number / ROWS_OF(receives)];
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; %s; %s %ld %s @up; recv recv_peek 100 @peek; recv %s 100 @first;"
			       "recv %s 100 @second; recv %s 0 @nothing",
			       peer_port(peer), caller->setup, caller->upload, BYTES, caller->options, receive, receive,
			       receive);

	expect_clean(run);
	expect_failed(run, "peek", ETIMEDOUT);
	expect_failed(run, "first", ETIMEDOUT);
	expect_failed(run, "second", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* All but the last, a loop in epoll that waits for room alone: it hears of the end from the reset, which takes the
 * input with it. */
#define READING (ROWS_OF(receives) * (ROWS_OF(callers) - 1))

/* An answer that came before the verdict is not lost. */
ROW_TEST(after, queued_input_comes_first, READING)
{
	const char *receive = receives[*number % ROWS_OF(receives)];
	const struct caller *caller = &callers[*number / ROWS_OF(receives)];
	struct peer *peer = silent_peer(5000);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; %s; %s %ld %s @up; recv recv_peek 100 @peek; recv %s 1000 @some;"
			       "drain %s @rest; recv %s 100 @again; send send 1000 @late",
			       peer_port(peer), caller->setup, caller->upload, BYTES, caller->options, receive, receive,
			       receive);

	expect_clean(run);
	expect(run, "peek.ret", 100);
	expect(run, "some.ret", 1000);
	expect(run, "rest.total", 4000);
	expect_failed(run, "rest", ETIMEDOUT);
	expect_failed(run, "again", ETIMEDOUT);
	expect_failed(run, "late", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* psql, HttpURLConnection and others wait for the answer in another thread or after the failed send. */
ROW_TEST(after, blocked_reader_ends, ROWS_OF(receives))
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; watch; &recv %s 100 @reader; sleep 100; sendall send %ld @up;"
			       "join reader",
			       peer_port(peer), receives[*number], BYTES);

	/* One of them does not wait. */
	const int error = *number == 1 ? EAGAIN : ETIMEDOUT;

	expect_clean(run);
	expect_failed(run, "reader", error);
	expect(run, "up.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

static const char *const waits[] = {
	"poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait", "epoll_pwait2",
};

ROW_TEST(after, waiting_reader_ends, ROWS_OF(waits))
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; &wait %s in -1 @reader; sleep 100; sendall send %ld @up;"
			       "join reader;"
			       "recv recv 100 @late",
			       peer_port(peer), waits[*number], BYTES);

	expect_clean(run);
	expect(run, "reader.ret", 1);
	expect_failed(run, "late", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* Another process that holds the socket: the verdict is the kernel's, not only ours. */
Test(after, reader_in_another_process_ends, .timeout = 30)
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; child recv recv 100 @reader; sleep 50; sendall send %ld @up; reap",
			       peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_failed(run, "reader", ETIMEDOUT);
	expect(run, "reap.status", 0);
	peer_finish(peer, 0);
}

Test(after, sender_in_another_process_ends, .timeout = 30)
{
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; child sendall write %ld @other; sleep 50; sendall send %ld @up; reap; "
			       "recv recv 10 @late",
			       peer_port(peer), BYTES, BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect(run, "other.errno", ETIMEDOUT);
	expect_failed(run, "late", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* The program has nothing more to read, or the peer nothing more to say: sends count all the same. */
Test(after, half_closed, .timeout = 30)
{
	for (size_t i = 0; i < ROWS_OF(callers); i++) {
		struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .says_no_more = true });
		struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
				       "sock tcp4; connect %u; %s; sleep 50; recv recv 100 @end; watch; %s %ld %s @up; "
				       "recv recv 100 @after",
				       peer_port(peer), callers[i].setup, callers[i].upload, BYTES, callers[i].options);

		expect_clean(run);
		expect(run, "end.ret", 0);
		if (callers[i].writer)
			expect(run, "up.timed_out", 1);
		else
			expect(run, "up.errno", ETIMEDOUT);
		expect_failed(run, "after", ETIMEDOUT);
		peer_resume(peer);
		cr_assert_eq(peer_finish(peer, 3000).end, PEER_SAW_RESET);
	}
}

/* A poll says what it says after a reset by the peer: some loops look at POLLIN alone, some at POLLHUP. */
ROW_TEST(after, polls_as_after_a_reset, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	struct peer *silent = silent_peer(0);
	struct peer *resetting = peer_start(&(struct peer_script){ .stop = PEER_RESETS, .stop_bytes = 10000 });
	static const char after[] = "wait poll in+out+pri 0 @all; wait poll in 0 @in; wait poll none 0 @none; "
				    "wait select in+out 0 @select";
	static const char *const keys[] = { "all.revents", "in.revents", "none.revents", "select.revents" };
	struct run *ours = play(&(struct setting){ .send_ms = SEND_MS }, "sock tcp4; connect %u; %s; %s %ld %s @up; %s",
				peer_port(silent), caller->setup, caller->upload, BYTES, caller->options, after);
	struct run *theirs = play(&(struct setting){ .bare = true }, "sock tcp4; connect %u; nonblock 1; fill send; sleep 100; %s",
				  peer_port(resetting), after);

	expect_clean(ours);
	for (size_t i = 0; i < ROWS_OF(keys); i++)
		/* The error itself has been told to the other one's send. */
		cr_expect_eq(value_of(ours, keys[i]) & ~POLLERR, value_of(theirs, keys[i]) & ~POLLERR, "%s\n%s%s", keys[i],
			     ours->transcript, theirs->transcript);
	peer_finish(silent, 0);
	peer_finish(resetting, 0);
}

/* ---- sends and options ------------------------------------------------------------------------------------------- */

#define SENDS (ROWS_OF(sends) * ROWS_OF(callers))

ROW_TEST(after, sends_fail, SENDS)
{
	const char *send = sends[*number % ROWS_OF(sends)];
	const struct caller *caller = &callers[*number / ROWS_OF(sends)];
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; %s; %s %ld %s @up; send %s 1000 @late;"
			       "send %s 1000 iov=3 @later;"
			       "send send 10 flags=dontwait @dontwait; getopt error",
			       peer_port(peer), caller->setup, caller->upload, BYTES, caller->options, send, send);

	expect_clean(run);
	expect_failed(run, "late", ETIMEDOUT);
	expect_within(run, "late.ms", 0, latest_ms(0));
	expect_failed(run, "later", ETIMEDOUT);
	expect_failed(run, "dontwait", ETIMEDOUT);
	expect(run, "getopt.ret", 0);
	cr_assert(value_of(run, "getopt.value") == 0 || value_of(run, "getopt.value") == ETIMEDOUT, "%s",
		  run->transcript);
	peer_finish(peer, 0);
}

/* The first who asks after the verdict is told by SO_ERROR, or told nothing, and that does not end the ending. */
ROW_TEST(after, error_option_first, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; %s; %s %ld %s @up; getopt error; send send 1000 @late;"
			       "recv recv 10 @read;"
			       "close",
			       peer_port(peer), caller->setup, caller->upload, BYTES, caller->options);

	expect_clean(run);
	cr_assert(value_of(run, "getopt.value") == 0 || value_of(run, "getopt.value") == ETIMEDOUT, "%s",
		  run->transcript);
	expect_failed(run, "late", ETIMEDOUT);
	expect_failed(run, "read", ETIMEDOUT);
	expect(run, "close.ret", 0);
	peer_finish(peer, 0);
}

/* ---- duplicates -------------------------------------------------------------------------------------------------- */

ROW_TEST(after, duplicates_see_the_same, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	struct peer *peer = silent_peer(0);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; %s; dup 1; %s %ld %s @up; dup 2; #1 recv recv 10 @recv1;"
			       "#1 send send 1000 @send1; #2 send write 1000 @send2; #2 recv read 10 @recv2; close;"
			       "#1 send send 1000 @alone; #1 wait poll in+out 3000 @poll",
			       peer_port(peer), caller->setup, caller->upload, BYTES, caller->options);

	expect_clean(run);
	expect_failed(run, "recv1", ETIMEDOUT);
	expect_failed(run, "send1", ETIMEDOUT);
	expect_failed(run, "send2", ETIMEDOUT);
	expect_failed(run, "recv2", ETIMEDOUT);
	expect_failed(run, "alone", ETIMEDOUT);
	expect(run, "poll.ret", 1);
	peer_finish(peer, 0);
}

/* ---- a new life -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *before, *after;    /* the connect */
} renewals[] = {
	/* The new socket gets the number that was freed. */
	{ "close; sock tcp4", "sleep 0" },
	/* So it does here, but nobody sees the old one go. */
	{ "#1 sock tcp4; #1", "#1 dup2 0; #1 close" },
	{ "connect unspec; nonblock 0", "sleep 0" },
	{ "getopt error; connect unspec; nonblock 0", "sleep 0" },
};

#define RENEWALS (ROWS_OF(renewals) * ROWS_OF(callers))

/* A verdict, a new connection to @p second at the same number, and an upload of so many bytes to that. */
static struct run *play_renewal(size_t number, size_t greeting, struct peer *second, long bytes)
{
	const struct caller *caller = &callers[number % ROWS_OF(callers)];
	const size_t n = number / ROWS_OF(callers);
	struct peer *first = silent_peer(greeting);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .connect_ms = 3000 },
			       "sock tcp4; connect %u; %s; %s %ld %s @up; %s%s connect %u; %s; %s; watch;"
			       "%s %ld %s @new;"
			       "shutdown wr; wait poll in 2000 @end; recv recv 10 @eof",
			       peer_port(first), caller->setup, caller->upload, BYTES, caller->options,
			       renewals[n].before, n == 1 ? "" : ";",
			       peer_port(second), renewals[n].after, caller->setup, caller->upload, bytes,
			       caller->options);

	expect_clean(run);
	expect(run, "connect.ret", 0);
	peer_resume(first);
	cr_assert_eq(peer_finish(first, 3000).end, PEER_SAW_RESET);
	return run;
}

ROW_TEST(after, new_connection_is_healthy, RENEWALS)
{
	struct peer *second = peer_start(&(struct peer_script){ 0 });
	struct run *run = play_renewal(*number, *number % 2 * 100, second, 3000000);
	struct peer_report report = peer_finish(second, 3000);

	expect(run, "new.ret", 3000000);
	expect(run, "eof.ret", 0);
	expect_peer_read(report, 3000000);
	/* Resetting was for the old one. */
	cr_assert(report.end == PEER_SAW_EOF, "it ended for the peer in way %d\n%s\n%s", report.end, run->script,
		  run->transcript);
}

ROW_TEST(after, new_connection_has_its_limit, RENEWALS)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	struct peer *second = silent_peer(0);
	struct run *run = play_renewal(*number, 0, second, BYTES);

	if (caller->writer)
		expect(run, "new.timed_out", 1);
	else
		expect(run, "new.errno", ETIMEDOUT);
	if (caller->in_epoll)
		expect_stalled_in_epoll_for(run, "new", SEND_MS);
	else
		expect_stalled_for(run, "new", SEND_MS);
	expect_failed(run, "eof", ETIMEDOUT);
	peer_resume(second);
	cr_assert_eq(peer_finish(second, 3000).end, PEER_SAW_RESET);
}
