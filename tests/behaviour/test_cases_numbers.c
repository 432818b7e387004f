/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 3: a call goes on with the file it began with, although its number is ended by another thread and given to
 * another socket. Nothing of it falls on the other: no byte, no verdict, no reset.
 */
#include "harness.h"
#include "rows.h"

#include <stdio.h>

/* No verdict is due: what is looked at is where the bytes go. Looks and slices are a part of the limit, and some of them
 * come after the number is another socket's. */
#define SEND_MS 6000
/* More than fits into all buffers on the way, which are made small. */
#define BYTES 2000000
#define SMALL 100000
/* What is there when the number is used again, so that the call waits for its first byte. */
#define FILL "fill send flags=dontwait"
/* Makes the bytes that are sent later, so that the call itself begins at once. */
#define WARM "sock #9 unix; send @warm #9 send 2000000 flags=dontwait; "
/* Reads after the number has been used again. */
#define START_MS 600

static const char *const ways[] = { "close", "dup2", "dup3", "close_range", "syscall", "fclose" };
static const char *const calls[] = {
	"write", "send", "sendto", "sendmsg", "writev", "sendmmsg", "sendfile", "sendfile_seek", "splice",
};

static const char *kind_of(int family)
{
	return family == AF_INET6 ? "tcp6" : "tcp4";
}

/* All of the first upload arrives at the first peer, and the second one gets its own 5 bytes. */
static void expect_apart(struct run *run, struct peer *first, long wanted, struct peer *second)
{
	expect_clean(run);
	expect(run, "reuse.same", 1);
	expect(run, "reuse.connected", 0);
	expect(run, "own.ret", 5);
	struct peer_report report = peer_finish(second, 3000);

	cr_expect(report.in_pattern && report.bytes == 5 && report.end == PEER_SAW_EOF,
		  "the second peer got %llu bytes, end %d\n%s", (unsigned long long)report.bytes, (int)report.end,
		  run->transcript);
	report = peer_finish(first, 3000);
	cr_assert(report.in_pattern && report.bytes == (uint64_t)wanted && report.end == PEER_SAW_EOF,
		  "the first peer got %llu bytes and not %ld, end %d\n%s", (unsigned long long)report.bytes, wanted,
		  (int)report.end, run->transcript);
}

/* ---- a blocking send --------------------------------------------------------------------------------------------- */

/* As bare: the kernel holds the file until the call returns. */
static void blocking(const struct setting *setting, const char *call, const char *way, int family, int filled)
{
	struct peer *first = peer_start(&(struct peer_script){ .family = family, .start_ms = START_MS, .rcvbuf_bytes = SMALL });
	struct peer *second = peer_start(&(struct peer_script){ .family = family });
	/* A splice moves no more than is in a pipe. */
	const long bytes = strcmp(call, "splice") == 0 ? 65536 : filled ? BYTES / 2 : BYTES;
	const char *kind = kind_of(family);
	struct run *run = play(setting,
			       WARM "sock %s; setopt sndbuf 100000; connect %u; %s; &send @first %s %ld; sleep 150; reuse %s 1 %s %u; "
			       "send @own #1 send 5; join first; close #1",
			       kind, peer_port(first), filled ? FILL : "sleep 0", call, bytes, way, kind, peer_port(second));

	expect_clean(run);
	expect(run, "first.ret", bytes);
	expect_apart(run, first, bytes + (filled ? value_of(run, "fill.ret") : 0), second);
}

#define BLOCKING (ROWS_OF(calls) * ROWS_OF(ways))

ROW_TEST(numbers, a_blocking_send_keeps_its_file, BLOCKING)
{
	const char *call = calls[*number / ROWS_OF(ways)], *way = ways[*number % ROWS_OF(ways)];

	blocking(&(struct setting){ .send_ms = SEND_MS }, call, way, *number % 2 ? AF_INET6 : AF_INET, 1);
}

/* What has gone on already, in the first slices or pieces, goes on. */
ROW_TEST(numbers, a_long_send_keeps_its_file, ROWS_OF(calls))
{
	if (strcmp(calls[*number], "splice") != 0)
		blocking(&(struct setting){ .send_ms = SEND_MS }, calls[*number], ways[*number % ROWS_OF(ways)], AF_INET, 0);
}

/* That this is what bare does. */
ROW_TEST(numbers, bare_sends_keep_their_file, ROWS_OF(calls))
{
	blocking(&(struct setting){ .bare = true }, calls[*number], ways[*number % ROWS_OF(ways)], AF_INET, 1);
}

/* ---- a synchronous writer's carried send ------------------------------------------------------------------------- */

/* Bare it would be short at once. What it says was accepted is what the first peer gets, and no more. */
ROW_TEST(numbers, a_carried_send_keeps_its_file, ROWS_OF(calls) * 2)
{
	const char *call = calls[*number / 2], *way = ways[*number % ROWS_OF(ways)];
	const int family = *number % 2 ? AF_INET6 : AF_INET;
	struct peer *first = peer_start(&(struct peer_script){ .family = family, .start_ms = START_MS, .rcvbuf_bytes = SMALL });
	struct peer *second = peer_start(&(struct peer_script){ .family = family });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       WARM "sock %s; setopt sndbuf 100000; connect %u; nonblock 1; &carry @first %s %d; sleep 150; reuse %s 1 %s %u; "
			       "send @own #1 send 5; join first; close #1",
			       kind_of(family), peer_port(first), call, BYTES, way, kind_of(family), peer_port(second));

	expect_clean(run);
	expect_apart(run, first, value_of(run, "first.ret"), second);
}

/* ---- a connect --------------------------------------------------------------------------------------------------- */

/* The other socket: connected already and with room, connected and full, or connected after the deadline. */
enum { READY, BUSY, FRESH, STATES };

static const char *const connect_ways[] = { "close", "dup2", "dup3", "close_range", "syscall" };

/* A deadline of the library's alone, and one that the kernel holds. */
static const int deadlines[] = { 700, 1200 };

ROW_TEST(numbers, a_connect_keeps_its_file, ROWS_OF(connect_ways) * STATES)
{
	const size_t state = *number % STATES;
	const int deadline_ms = deadlines[*number % ROWS_OF(deadlines)];
	const char *way = connect_ways[*number / STATES];
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ .start_ms = state == BUSY ? deadline_ms + 500 : 0,
							       .rcvbuf_bytes = SMALL });
	struct run *run = play(&(struct setting){ .connect_ms = deadline_ms, .send_ms = SEND_MS },
			       "port %u; sock tcp4; &connect @first %u; sleep 200; reuse %s 1 tcp4 %u; %s #1; join first; "
			       "%s @late #1; peername #1; rawopt @left #1 user_timeout; send @own #1 send 5; close #1",
			       peer_port(peer), blackhole_port(hole), way, state == FRESH ? 0 : peer_port(peer),
			       state == BUSY ? FILL : "sleep 0 ", state == FRESH ? "connect" : "sleep 50");

	expect_clean(run);
	expect(run, "reuse.same", 1);
	expect(run, "first.ret", -1);
	expect(run, "first.errno", ETIMEDOUT);
	expect_took(run, "first.ms", deadline_ms);
	if (state == FRESH)
		expect(run, "late.ret", 0);
	expect(run, "peername.ret", 0);
	expect(run, "left.value", 0);
	expect(run, "own.ret", 5);
	expect_peer_read(peer_finish(peer, 4000), 5 + (state == BUSY ? value_of(run, "fill.ret") : 0));
	blackhole_finish(hole);
}

/* ---- a verdict --------------------------------------------------------------------------------------------------- */

#define VERDICT_MS 700

static const struct peer_script never_reads = { .stop = PEER_STALLS, .rcvbuf_bytes = SMALL };

/* The first peer does not read. Whoever waits for it is told, its connection is reset, and the other is as it was. */
ROW_TEST(numbers, a_verdict_falls_on_its_own_file, ROWS_OF(calls) * 2)
{
	const bool carried = *number % 2;
	const char *call = calls[*number / 2], *way = ways[(*number + *number / 2) % ROWS_OF(ways)];
	struct peer *first = peer_start(&never_reads), *second = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .send_ms = VERDICT_MS },
			       WARM "sock tcp4; setopt sndbuf 100000; connect %u; %s @first %s %d; sleep 150; "
				    "reuse %s 1 tcp4 %u; join first; sleep 100; getopt error #1; peername #1; "
				    "rawopt @left #1 sndtimeo; send @own #1 send 5; close #1",
			       peer_port(first),
			       carried ? "nonblock 1; &carry" : FILL "; sleep 250; fill @rest send flags=dontwait; &send", call,
			       BYTES / 2, way, peer_port(second));

	expect_clean(run);
	expect(run, "reuse.same", 1);
	/* A carried splice has moved all that was in its pipe. */
	if (!carried) {
		expect(run, "first.ret", -1);
		expect(run, "first.errno", ETIMEDOUT);
	} else {
		expect_within(run, "first.ret", 1, BYTES / 2 - 1);
	}
	expect_within(run, "first.ms", 0, latest_ms(VERDICT_MS));
	expect(run, "getopt.value", 0);
	expect(run, "peername.ret", 0);
	expect(run, "left.value", 0);
	expect(run, "own.ret", 5);
	expect_peer_read(peer_finish(second, 3000), 5);
	peer_resume(first);
	struct peer_report report = peer_finish(first, 3000);

	cr_expect(report.in_pattern);
	/* A carried send may have ended with its number, short and with no verdict. */
	if (!carried || strstr(run->errors, "timed out"))
		cr_expect_eq(report.end, PEER_SAW_RESET, "end %d", (int)report.end);
}

static const char *const looks[] = {
	"wait poll in 900", "wait poll in 0 #1; sleep 900; wait poll in 0", "wait select in 900",
	"wait epoll_wait in 900", "sleep 900",
};

/* Nor does what was refused by the first connection count against the second: full as well, but for less long. */
ROW_TEST(numbers, a_refusal_is_its_own_files, ROWS_OF(looks) * ROWS_OF(ways))
{
	const char *look = looks[*number / ROWS_OF(ways)], *way = ways[*number % ROWS_OF(ways)];
	struct peer *first = peer_start(&never_reads);
	struct peer *second = peer_start(&(struct peer_script){ .rcvbuf_bytes = SMALL, .start_ms = VERDICT_MS - 150 });
	/* Looked at once as well before: that is how the library knows it. */
	struct run *run = play(&(struct setting){ .send_ms = VERDICT_MS },
			       "sock tcp4; setopt sndbuf 100000; connect %u; nonblock 1; " FILL "; wait @seen poll in 0; sleep 300; "
			       "reuse %s 1 tcp4 %u; nonblock 1 #1; fill @full #1 send; %s #1; getopt error #1; "
			       "send @own #1 send 5; nonblock 0 #1; close #1",
			       peer_port(first), way, peer_port(second), look);

	expect_clean(run);
	expect(run, "reuse.same", 1);
	expect(run, "full.errno", EAGAIN);
	expect(run, "getopt.value", 0);
	expect(run, "own.ret", 5);
	expect_peer_read(peer_finish(second, 3000), value_of(run, "full.ret") + 5);
	cr_expect_str_empty(run->errors);
	peer_finish(first, 0);
}

/* ---- closed, and not used again ---------------------------------------------------------------------------------- */

static const struct closing {
	const char *call;
	const char *way;
} closings[] = {
	{ "write", "close" },      { "send", "close" },        { "sendmsg", "close" },    { "writev", "close" },
	{ "sendfile", "close" },   { "sendmmsg", "close" },    { "write", "close_range" }, { "write", "syscall" },
	{ "write", "fclose" },
};

/* The peer gets everything, and then a clean end. */
ROW_TEST(numbers, a_send_outlives_its_number, ROWS_OF(closings) * 2)
{
	const struct closing *row = &closings[*number / 2];
	struct peer *peer = peer_start(&(struct peer_script){ .start_ms = START_MS, .rcvbuf_bytes = SMALL });
	const struct setting setting = { .bare = *number % 2, .send_ms = *number % 2 ? 0 : SEND_MS };
	/* What stands in its place for a moment is closed at once. */
	struct run *run = play(&setting,
			       WARM "sock tcp4; setopt sndbuf 100000; connect %u; &send @first %s %d; sleep 150; "
				    "reuse %s 1 tcp4 0; close #1; join first",
			       peer_port(peer), row->call, BYTES, row->way);

	expect_clean(run);
	expect(run, "first.ret", BYTES);
	struct peer_report report = peer_finish(peer, 3000);

	cr_assert(report.in_pattern && report.bytes == BYTES && report.end == PEER_SAW_EOF, "%llu bytes, end %d",
		  (unsigned long long)report.bytes, (int)report.end);
}

/* A number is the process': what a vfork child ends is its own, although our memory is its memory. */
static const struct child {
	const char *way;
	const char *options;
} children[] = {
	{ "close", "" }, { "close", "exec=1" }, { "close_range", "exec=1" }, { "dup2", "exec=1" },
	{ "dup3", "" },  { "syscall", "" },
};

ROW_TEST(numbers, a_vfork_childs_close_ends_nothing, ROWS_OF(children) * 3)
{
	const struct child *row = &children[*number / 3];
	const char *const ups[] = { "sleep 0; &send", "nonblock 1; &carry", "sleep 0; &send" };
	const size_t up = *number % 3;
	struct peer *peer = peer_start(&(struct peer_script){ .start_ms = START_MS, .rcvbuf_bytes = SMALL });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       WARM "sock tcp4; setopt sndbuf 100000; connect %u; %s @up %s %d; sleep 150; shared %s %s; sleep 150; "
				    "shared @again %s %s; join up; close",
			       peer_port(peer), ups[up], up == 2 ? "sendfile" : "write", BYTES, row->way, row->options, row->way,
			       row->options);

	expect_clean(run);
	expect(run, "shared.status", 0);
	expect(run, "up.ret", BYTES);
	expect_peer_read(peer_finish(peer, 3000), BYTES);
}
