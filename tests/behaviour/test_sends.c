/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 6, 11 and 12: what each call that sends returns on a blocking socket, moving and stalled.
 */
#include "harness.h"
#include "rows.h"

#include <criterion/parameterized.h>

#define SEND_MS 600
/* Longer than it takes to fill a socket until it settles. */
#define FULL_MS 1500

/* With pieces where the call has any: more than fit one resumption, empty ones among them. */
struct call {
	char name[24];
	char shape[16];
};

static struct call calls[] = {
	{ "send", "" },         { "sendto", "" },          { "sendmsg", "iov=1" },  { "sendmsg", "iov=1000" },
	{ "sendmmsg", "iov=1" }, { "sendmmsg", "iov=200" }, { "write", "" },        { "writev", "iov=1" },
	{ "writev", "iov=1000" }, { "sendfile", "" },       { "sendfile64", "" },    { "sendfile_seek", "" },
};

#define N_CALLS (sizeof calls / sizeof *calls)

#define FILL "fill send flags=dontwait settle=1; "

static const struct peer_script never_reads = { .stop = PEER_STALLS };
static const struct setting limited = { .send_ms = SEND_MS };

ParameterizedTestParameters(sends, one_call_takes_as_long_as_a_slow_peer_needs)
{
	return cr_make_param_array(struct call, calls, N_CALLS);
}

ParameterizedTest(struct call *call, sends, one_call_takes_as_long_as_a_slow_peer_needs, .timeout = 20)
{
	/* Some 2 s for what is not in buffers: several times the limit. */
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 30000, .pause_ms = 15 });
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 100000; connect %u; watch; send %s 4000000 %s; close",
			       peer_port(peer), call->name, call->shape);

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "send.ret", 4000000);
	expect_within(run, "send.ms", SEND_MS, WATCHDOG_MS);
	struct peer_report report = peer_finish(peer, 3000);

	expect_peer_read(report, 4000000);
	cr_expect_eq(report.end, PEER_SAW_EOF);
}

ParameterizedTestParameters(sends, a_stall_is_a_short_count_and_then_etimedout)
{
	return cr_make_param_array(struct call, calls, N_CALLS);
}

ParameterizedTest(struct call *call, sends, a_stall_is_a_short_count_and_then_etimedout, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited,
			       "sock tcp4; connect %u; watch; send @first %s 30000000 %s; send @next %s 1000 %s; rawopt nonblock",
			       peer_port(peer), call->name, call->shape, call->name, call->shape);

	expect_clean(run);
	expect_within(run, "first.ret", 1, 30000000 - 1);
	expect_stalled_for(run, "first", SEND_MS);
	expect(run, "next.ret", -1);
	expect(run, "next.errno", ETIMEDOUT);
	expect_within(run, "next.ms", 0, latest_ms(0));
	expect(run, "rawopt.value", 0);
	const long counted = value_of(run, "first.ret");

	peer_resume(peer);
	struct peer_report report = peer_finish(peer, 2000);

	cr_expect(report.in_pattern);
	cr_expect(report.bytes <= (uint64_t)counted);
	cr_expect_eq(report.end, PEER_SAW_RESET);
}

ParameterizedTestParameters(sends, a_stall_with_nothing_accepted_is_etimedout)
{
	return cr_make_param_array(struct call, calls, N_CALLS);
}

ParameterizedTest(struct call *call, sends, a_stall_with_nothing_accepted_is_etimedout, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = FULL_MS },
			       "sock tcp4; connect %u; watch; " FILL "send %s 200000 %s", peer_port(peer), call->name, call->shape);

	expect_clean(run);
	expect(run, "fill.errno", EAGAIN);
	expect_within(run, "fill.last_ms", 0, latest_ms(0));
	expect(run, "send.ret", -1);
	expect(run, "send.errno", ETIMEDOUT);
	expect_within(run, "send.stall_least", 0, latest_ms(FULL_MS));
	peer_finish(peer, 0);
}

/* It takes no more than a pipe holds. */
Test(sends, splice, .timeout = 20)
{
	struct peer *stalls = peer_start(&never_reads);
	struct peer *slow = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&limited, "sock tcp4; connect %u; watch; sendall splice 30000000 chunk=60000",
			       peer_port(stalls));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
	run = play(&limited, "sock tcp4; connect %u; sendall splice 3000000 chunk=60000; close", peer_port(slow));
	expect_clean(run);
	expect(run, "sendall.ret", 3000000);
	expect_peer_read(peer_finish(slow, 2000), 3000000);
	peer_finish(stalls, 0);
}

/* The flag is about the pipe: for the socket it waits (splice(2)). */
Test(sends, splice_that_does_not_wait_for_its_pipe, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; watch; send @room splice_nothing 60000; fill send flags=dontwait; "
					 "send @full splice_nothing 60000; sendall splice_nonblock 30000000 chunk=60000", peer_port(peer));

	expect_clean(run);
	expect(run, "room.errno", EAGAIN);
	expect(run, "full.errno", EAGAIN);
	expect_within(run, "full.ms", 0, latest_ms(0));
	expect(run, "sendall.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* As programs send: what is left of a short count once more, until an error comes. */
Test(sends, sendall_ends_with_etimedout, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .stop_bytes = 1000000 });
	struct run *run = play(&limited, "sock tcp4; connect %u; watch; sendall write 30000000 chunk=65536",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
	peer_finish(peer, 0);
}

Test(sends, over_ipv6, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .family = AF_INET6, .stop = PEER_STALLS });
	struct run *run = play(&limited, "sock tcp6; connect %u; watch; sendall send 30000000", peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
	peer_finish(peer, 0);
}

/* Rule 12: what the kernel takes at once is counted even when the clock has run for long. */
Test(sends, room_after_a_pause_is_used, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .start_ms = 1500 });
	struct run *run = play(&limited,
			       "sock tcp4; connect %u; fill send flags=dontwait; sleep 2500; send @late send 1000; close",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "late.ret", 1000);
	struct peer_report report = peer_finish(peer, 2000);

	cr_expect(report.in_pattern);
	cr_expect_eq(report.bytes, (uint64_t)value_of(run, "fill.ret") + 1000);
}

/* Rule 6: no wait for what asked not to wait, nor for nothing. */
Test(sends, msg_dontwait_never_waits, .timeout = 60)
{
	static const char *const able[] = { "send", "sendto", "sendmsg", "sendmmsg" };
	struct peer *peer = peer_start(&never_reads);

	for (size_t i = 0; i < sizeof able / sizeof *able; i++) {
		struct run *run = play(&(struct setting){ .send_ms = 60000 },
				       "sock tcp4; connect %u; send @part %s 30000000 flags=dontwait; " FILL
				       "send @none %s 200000 flags=dontwait; send @empty send 0; send @empty2 write 0",
				       peer_port(peer), able[i], able[i]);

		expect_clean(run);
		expect_within(run, "part.ret", 1, 30000000 - 1);
		expect(run, "none.ret", -1);
		expect(run, "none.errno", EAGAIN);
		expect(run, "empty.ret", 0);
		expect(run, "empty2.ret", 0);
		expect_within(run, "none.ms", 0, latest_ms(0));
		peer_finish(peer, 0);
		peer = peer_start(&never_reads);
	}
	peer_finish(peer, 0);
}

/* Rule 6: what is urgent, and what reports its own completion, is bounded but not sent for the program. */
Test(sends, urgent_data_is_bounded, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = FULL_MS },
			       "sock tcp4; connect %u; " FILL "send send 100000 flags=oob", peer_port(peer));

	expect_clean(run);
	expect(run, "send.ret", -1);
	expect(run, "send.errno", ETIMEDOUT);
	expect_within(run, "send.ms", 0, latest_ms(FULL_MS));
	peer_finish(peer, 0);
}

Test(sends, zerocopy_is_counted_truthfully, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&limited,
			       "sock tcp4; setopt sndbuf 60000; setopt zerocopy 1; connect %u; "
			       "send @first send 1000000 flags=zerocopy; sendall send 500000 flags=zerocopy; close",
			       peer_port(peer));

	expect_clean(run);
	/* Each call has a completion of its own, which is to say what the call said. Little is sent, because what each call
	 * asks for counts against RLIMIT_MEMLOCK. */
	expect_within(run, "first.ret", 1, 1000000 - 1);
	expect(run, "sendall.ret", 500000);
	expect_peer_read(peer_finish(peer, 3000), value_of(run, "first.ret") + 500000);
}

/* Rule 6: control data belongs to the bytes it came with, so the rest is for the program to send. */
Test(sends, control_data_is_sent_once, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 60000; connect %u; send @first sendmsg 3000000 control=1; "
					 "sendall sendmsg 1000000 control=1; close",
			       peer_port(peer));

	expect_clean(run);
	expect_within(run, "first.ret", 1, 3000000 - 1);
	expect(run, "sendall.ret", 1000000);
	expect_peer_read(peer_finish(peer, 3000), value_of(run, "first.ret") + 1000000);
}

/* As ever: one for each send that finds the connection broken, none for what a verdict ended. */
Test(sends, sigpipe, .timeout = 20)
{
	struct peer *resets = peer_start(&(struct peer_script){ .stop = PEER_RESETS, .stop_bytes = 10000 });
	struct run *run = play(&limited, "sigpipe; sock tcp4; connect %u; sendall send 8000000; send @a send 10; "
					 "send @b write 10; send @c send 10 flags=nosignal; sigpipe count",
			       peer_port(resets));

	expect_clean(run);
	expect(run, "c.errno", EPIPE);
	expect(run, "sigpipe.count", 2);
	peer_finish(resets, 0);

	struct peer *stalls = peer_start(&never_reads);

	run = play(&limited, "sigpipe; sock tcp4; connect %u; sendall send 8000000; send @a send 10; send @b write 10; "
			     "sigpipe count",
		   peer_port(stalls));
	expect_clean(run);
	expect(run, "b.errno", ETIMEDOUT);
	expect(run, "sigpipe.count", 0);
	peer_finish(stalls, 0);
}

Test(sends, more_is_kept, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&limited,
			       "sock tcp4; connect %u; send @a send 3000000 flags=more+nosignal; send @b send 10; close",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "a.ret", 3000000);
	expect_peer_read(peer_finish(peer, 3000), 3000010);
}

/* A reset is a reset: only a verdict of ours is called a timeout. */
Test(sends, a_reset_is_reported_as_without_us, .timeout = 20)
{
	for (int bare = 0; bare <= 1; bare++) {
		struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_RESETS, .stop_bytes = 100000 });
		struct run *run = play(&(struct setting){ .bare = bare, .send_ms = SEND_MS },
				       "sock tcp4; connect %u; sendall send 30000000; send @next send 10", peer_port(peer));

		expect_clean(run);
		expect(run, "sendall.errno", ECONNRESET);
		expect(run, "next.errno", EPIPE);
		peer_finish(peer, 0);
	}
}

/* Rule 5: a limit of the program's own stays, and it still ends a wait of ours. */
Test(sends, own_sndtimeo_is_respected, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = 5000 },
			       "sock tcp4; setopt sndtimeo 700; connect %u; rawopt sndtimeo; send @first send 30000000;"
			       FILL "send @next send 200000; getopt sndtimeo",
			       peer_port(peer));

	expect_clean(run);
	expect_within(run, "rawopt.value", 690, 710);
	expect_within(run, "first.ret", 1, 30000000 - 1);
	expect_within(run, "next.ms", earliest_ms(700), latest_ms(800));
	expect(run, "next.errno", EAGAIN);
	expect_within(run, "getopt.value", 690, 710);
	peer_finish(peer, 0);
}

Test(sends, own_longer_sndtimeo_does_not_hide_the_limit, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; setopt sndtimeo 8000; connect %u; watch; send send 30000000",
			       peer_port(peer));

	expect_clean(run);
	expect_stalled_for(run, "send", SEND_MS);
	peer_finish(peer, 0);
}

/* Rule 5: none is not a limit (MariaDB sets 0 after login); and what is ours is not shown. */
Test(sends, sndtimeo_of_zero_wins_nothing, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited,
			       "sock tcp4; connect %u; getopt @shown sndtimeo; setopt sndtimeo 0; watch; send send 30000000",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "shown.value", 0);
	expect_within(run, "send.ret", 1, 30000000 - 1);
	expect_stalled_for(run, "send", SEND_MS);
	peer_finish(peer, 0);
}

Test(sends, without_a_limit_nothing_ends, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .connect_ms = 500, .watchdog_ms = 2000 },
			       "sock tcp4; connect %u; send send 30000000", peer_port(peer));

	cr_expect(run->hung);
	peer_finish(peer, 0);
}

/* The kernel may have used SO_SNDTIMEO up a little early by the clock, if a call is woken up again and again: that is no
 * signal, and the call goes on. */
ROW_TEST(sends, many_short_waits_in_one_call, 8)
{
	(void)number;
	/* One in six was cut short by a clock that took no heed of it. */
	for (int i = 0; i < 8; i++) {
		struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .chunk_bytes = 20000, .pause_ms = 25 });
		struct run *run = play(&(struct setting){ .send_ms = 500 },
				       "sock tcp4; setopt sndbuf 60000; connect %u; watch; send writev 250000 iov=7; close",
				       peer_port(peer));

		expect_clean(run);
		need_gaps_below(run, 500);
		expect(run, "send.ret", 250000);
		expect_peer_read(peer_finish(peer, 3000), 250000);
	}
}
