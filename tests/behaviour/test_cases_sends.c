/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 5 to 7, 10, 12, 15: sends that must not wait for more than there is, that nobody sees, that come after a
 * rest, and that are the first or the last of a connection.
 */
#include "callers.h"
#include "cases.h"
#include "rows.h"

#include <stdio.h>
#include <unistd.h>

#define SEND_MS 600
#define CONNECT_MS 1500
/* 1 MB a second, and slower than the limits below for most of it. */
static const struct peer_script slow = { .rcvbuf_bytes = 65536, .chunk_bytes = 50000, .pause_ms = 50 };
static const struct peer_script never_reads = { .stop = PEER_STALLS, .rcvbuf_bytes = 100000 };

/* ---- relays ------------------------------------------------------------------------------------------------------ */

static const char *const relays[] = {
	"relay blocking 0", "relay blocking 900", "relay writer 100", "relay writer 900",
	"tail blocking",    "tail writer",        "end blocking",     "end writer",
};

/* Rule 6: a pipe or a file that gives no more is not a peer that takes no more. Whoever waits for more waits for 8 s. */
ROW_TEST(sends_as_bare, what_there_is_is_all, ROWS_OF(relays))
{
	const struct setting setting = { .send_ms = SEND_MS, .program = "exchange" };
	struct run *run = play(&setting, "%s", relays[*number]);

	same_as_bare("exchange", relays[*number], &setting);
	expect_within(run, "ms", 0, 4000);
}

/* ---- unix sockets ------------------------------------------------------------------------------------------------ */

static const char *const bursts[] = {
	"sleep 0|sendall send|",        "sleep 0|sendall write|",          "sleep 0|sendall sendmsg|",
	"sleep 0|sendall writev|",      "sleep 0|sendall sendfile|",       "nonblock 1|sync send|30000",
	"nonblock 1|sync write|30000",  "nonblock 1|upload poll send|",    "nonblock 1|upload select send|",
	"nonblock 1|upload poll send|tick=50", "nonblock 1|upload epoll_wait send|",
};

/* Rule 7: over a unix socket a new wait is a new clock. The reader takes 200 KB every 100 ms, always. */
ROW_TEST(sends_as_bare, a_unix_socket_rests_and_bursts, ROWS_OF(bursts))
{
	char *words = strdup(bursts[*number]), *rest, *name = text("burst.%d", getpid());
	const char *setup = strtok_r(words, "|", &rest), *up = strtok_r(NULL, "|", &rest), *options = strtok_r(NULL, "|", &rest);

	options = options ? options : "";
	/* Longer than one look may be late, shorter than the rest. */
	char *rule = text("SNDTIMEO_RULES=unix:@%s send=700ms", name);
	struct run *run = play(&(struct setting){ .environment = { rule } },
			       "unixserve %s chunk=204800 pause=100; unix %s; %s; %s @a 1000000 %s; sleep 1300; "
			       "%s @b 1000000 %s; sleep 1300; %s @c 1000000 %s",
			       name, name, setup, up, options, up, options, up, options);

	expect_clean(run);
	expect(run, "a.ret", 1000000);
	expect(run, "b.ret", 1000000);
	expect(run, "c.ret", 1000000);
	cr_expect_str_empty(run->errors);
}

static const char *const whole_sends[] = { "send", "write", "sendmsg", "writev" };

/* Rules 1 and 12: the peer of a unix socket that closes with bytes unread resets it; that is no broken pipe, whose signal would
 * end the process. */
ROW_TEST(sends_as_bare, a_unix_peer_that_closes_unread, ROWS_OF(whole_sends))
{
	char *name = text("closes.%d", getpid()), *rule = text("SNDTIMEO_RULES=unix:@%s send=9s", name);
	const struct setting settings[] = { { .bare = true }, { .environment = { rule } } };

	for (size_t i = 0; i < ROWS_OF(settings); i++) {
		struct run *run = play(&settings[i],
				       "sigpipe; unixserve %s closes=300; unix %s; nonblock 1; send write 4000000; "
				       "nonblock 0; send %s @up 100000; sigpipe count", name, name, whole_sends[*number]);

		expect_clean(run);
		expect(run, "up.ret", -1);
		expect(run, "up.errno", ECONNRESET);
		expect(run, "sigpipe.count", 0);
		cr_expect_str_empty(run->errors);
	}
}

/* ---- writes that nobody sees ------------------------------------------------------------------------------------- */

static const char *const pasts[] = { "past write", "past sendto", "past aio", "past program" };
/* What was done with the socket before, through libc. */
static const char *const befores[] = { "sleep 0", "send send 10", "wait poll out 100", "fcntl" };

/* Rule 5: a healthy blocking socket is as the program left it, in whoever's hands. */
ROW_TEST(sends_as_bare, writes_past_the_library_are_whole, ROWS_OF(pasts) * ROWS_OF(befores))
{
	const char *before = befores[*number % ROWS_OF(befores)], *past = pasts[*number / ROWS_OF(befores)];
	const bool sends = strncmp(before, "send", 4) == 0;
	struct peer *peer = peer_start(&slow);
	struct run *run = play(&(struct setting){ .send_ms = 500, .connect_ms = CONNECT_MS },
			       "sock tcp4; setopt sndbuf 65536; connect %u; %s; rawopt @left sndtimeo; rawopt @user user_timeout; "
			       "%s @up 1500000; close",
			       peer_port(peer), strcmp(before, "fcntl") == 0 ? "nonblock 1; nonblock 0" : before, past);

	expect_clean(run);
	expect(run, "up.ret", 1500000);
	expect(run, "left.value", 0);
	expect(run, "user.value", 0);
	/* Else it was not slow enough to show anything. */
	expect_within(run, "up.ms", strcmp(past, "past program") == 0 ? 0 : 1000, WATCHDOG_MS);
	peer_resume(peer);
	cr_expect_eq(peer_finish(peer, 5000).bytes, 1500000u + 10 * sends);
}

/* ---- the first bytes after a connect ------------------------------------------------------------------------------- */

static const char *const calls[] = {
	"write", "send", "sendto", "sendmsg", "writev", "sendmmsg", "sendfile", "sendfile64", "sendfile_seek", "splice",
};
/* How the program learns that it is connected. */
static const char *const learnings[] = {
	"sleep 50", "wait poll out 1000", "wait epoll_wait out 1000", "wait select out 1000", "wait poll out 1000; getopt error",
	"sleep 50; connect @again", "sleep 50; peername", "sleep 50; nonblock 0",
};

/* Rule 10: the deadline is off when the first byte is on its way. */
ROW_TEST(sends_as_bare, first_bytes_find_no_deadline, ROWS_OF(calls) * ROWS_OF(learnings))
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = CONNECT_MS, .send_ms = *number % 2 ? 5000 : 0 },
			       "port %u; sock tcp4; nonblock 1; connect; %s; send %s 1000; rawopt user_timeout; "
			       "rawopt @left sndtimeo; close",
			       peer_port(peer), learnings[*number / ROWS_OF(calls)], calls[*number % ROWS_OF(calls)]);

	expect_clean(run);
	expect(run, "send.ret", 1000);
	expect(run, "rawopt.value", 0);
	expect(run, "left.value", 0);
	expect_peer_read(peer_finish(peer, 2000), 1000);
}

/* ---- sends after a verdict ---------------------------------------------------------------------------------------- */

/* How the verdict came about, and the sends after it. */
static const char *const verdicts[] = {
	"sleep 0; sendall send",
	"sleep 0; sendall sendmmsg",
	"nonblock 1; upload poll send",
	"nonblock 1; upload epoll_wait sendmmsg",
};

/* Rule 12: no SIGPIPE because of it, and ETIMEDOUT, whatever sends. */
ROW_TEST(sends_as_bare, after_a_verdict_nothing_kills, ROWS_OF(calls) * ROWS_OF(verdicts))
{
	const char *call = calls[*number % ROWS_OF(calls)];
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sigpipe; sock tcp4; setopt sndbuf 100000; connect %u; %s @up 3000000; "
			       "send @a %s 1000; send @b %s 1000; sigpipe count",
			       peer_port(peer), verdicts[*number / ROWS_OF(calls)], call, call);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect(run, "a.ret", -1);
	expect(run, "a.errno", ETIMEDOUT);
	expect(run, "b.errno", ETIMEDOUT);
	expect(run, "sigpipe.count", 0);
	peer_finish(peer, 0);
}

/* Rule 12 as well: SIGPIPE as ever where the peer closed. */
ROW_TEST(sends_as_bare, after_a_peers_close_it_kills, ROWS_OF(calls) * 2)
{
	const char *call = calls[*number / 2];
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_RESETS, .stop_bytes = 10000 });
	struct run *run = play(&(struct setting){ .bare = *number % 2, .send_ms = *number % 2 ? 0 : 5000 },
			       "sigpipe; sock tcp4; connect %u; sendall send 8000000; send @a %s 1000; send @b %s 1000; sigpipe count",
			       peer_port(peer), call, call);

	expect_clean(run);
	expect(run, "sendall.errno", ECONNRESET);
	expect(run, "a.errno", EPIPE);
	expect(run, "b.errno", EPIPE);
	expect(run, "sigpipe.count", 2);
	peer_finish(peer, 0);
}

/* ---- a peer that says something in mid-upload ---------------------------------------------------------------------- */

static const struct talk {
	int talk_ms;
	size_t greeting_bytes;
	const char *options;
} talks[] = {
	{ 700, 0, "" }, { 0, 500, "" }, { 700, 500, "" }, { 700, 0, "wait=select" }, { 700, 500, "wait=ppoll" }, { 40, 0, "" },
};

/* Rule 15: that ends no upload that goes on, although the program's own deadline for all of it is long over. */
ROW_TEST(sends_as_bare, a_word_in_mid_upload_ends_nothing, ROWS_OF(talks))
{
	const struct talk *row = &talks[*number];
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 65536, .chunk_bytes = 50000, .pause_ms = 50,
							       .talk_ms = row->talk_ms, .greeting_bytes = row->greeting_bytes });
	struct run *run = play(&(struct setting){ .send_ms = 5000 },
			       "sock tcp4; setopt sndbuf 65536; connect %u; sleep 50; nonblock 1; sync send @up 3000000 1000 %s; "
			       "shutdown wr; sleep 700",
			       peer_port(peer), row->options);

	expect_clean(run);
	expect(run, "up.timed_out", 0);
	expect(run, "up.ret", 3000000);
	/* Else it was not slow enough to show anything. */
	expect_within(run, "up.total_ms", 1500, WATCHDOG_MS);
	/* Closed only now: what nobody has read of the peer's words makes that a reset. */
	expect_peer_read(peer_finish(peer, 3000), 3000000);
}
