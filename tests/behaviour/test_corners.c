/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What programs do once in a blue moon: the paths that no other test comes by.
 */
#include "harness.h"
#include "rows.h"

#include <stdio.h>
#include <string.h>

#define SEND_MS 500
#define CONNECT_MS 1200

static const struct setting limited = { .send_ms = SEND_MS };
static const struct peer_script never_reads = { .stop = PEER_STALLS };
/* Slow, and gone before it has all. */
static const struct peer_script resets = {
	.rcvbuf_bytes = 65536, .chunk_bytes = 20000, .pause_ms = 20, .stop = PEER_RESETS, .stop_bytes = 700000
};

/* ---- errors in the middle of a send ------------------------------------------------------------------------------ */

/* The kernel tells an error once: a send that has bytes to count leaves it for the next one. */
ROW_TEST(corners, a_reset_is_told_by_the_next_send, 3)
{
	static const char *const befores[] = { "sleep 0", "seccomp eperm", "stdio 0" };
	struct peer *peer = peer_start(&resets);
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 100000; connect %u; %s; sendall send 5000000 @up",
			       peer_port(peer), befores[*number]);

	expect_clean(run);
	if (*number == 1 && value_of(run, "seccomp.ret"))
		cr_skip_test("no seccomp filter is to be had here");
	expect_within(run, "up.ret", 700000, 5000000 - 1);
	expect(run, "up.errno", ECONNRESET);
	expect(run, "up.calls", 2);
	cr_expect_str_empty(run->errors);
	peer_finish(peer, 0);
}

/* ---- sockets that need care -------------------------------------------------------------------------------------- */

/* A socket that stdio writes to, made non-blocking: every call as the program made it. */
Test(corners, every_call_on_a_nonblocking_socket_of_stdios, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&limited, "sock tcp4; connect %u; stdio 0; nonblock 1; send @1 send 100; send @2 sendto 100; "
					 "send @3 sendmsg 100 iov=5; send @4 sendmmsg 100 iov=5; send @5 write 100; "
					 "send @6 writev 100 iov=5; send @7 sendfile 100; send @8 sendfile64 100; "
					 "send @9 splice 100; close",
			       peer_port(peer));
	char key[] = "1.ret";

	expect_clean(run);
	for (; key[0] <= '9'; key[0]++)
		expect(run, key, 100);
	expect_peer_read(peer_finish(peer, 3000), 900);
}

/* Nothing was accepted of the first message when the kernel gave the call back. */
Test(corners, sendmmsg_with_a_full_buffer, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 65536, .start_ms = 400, .chunk_bytes = 20000,
							       .pause_ms = 20 });
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 100000; connect %u; fill send flags=dontwait; "
					 "sendall sendmmsg 500000 iov=3 @up; close",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 500000);
	expect(run, "up.calls", 1);
	peer_resume(peer);
	expect_peer_read(peer_finish(peer, 5000), value_of(run, "fill.ret") + 500000);
}

/* A stall that was over its limit before anybody waited. */
Test(corners, a_send_long_after_the_refusal, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; fill send flags=dontwait settle=1; sleep 700; send send 1000000",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "send.errno", ETIMEDOUT);
	expect_within(run, "send.ms", 0, latest_ms(200));
	peer_finish(peer, 0);
}

/* Signals that come faster than our slice is long put no verdict off. */
Test(corners, a_storm_of_signals, .timeout = 30)
{
	char script[2048] = "sock tcp4; connect %u; fill send flags=dontwait settle=1; timer 5 5 interrupt";
	struct peer *peer = peer_start(&never_reads);

	for (int i = 0; i < 40; i++)
		strcat(script, i ? "; send send 1000" : "; send @first send 1000");
	strcat(script, "; timer 0 0 off; send @last send 1000");
	char *number = strstr(script, "%u");
	struct run *run = play(&(struct setting){ .send_ms = 1000 }, "%.*s%u%s", (int)(number - script), script,
			       peer_port(peer), number + 2);

	expect_clean(run);
	/* It settles for a third of a second at least, and that counts. */
	expect(run, "last.errno", ETIMEDOUT);
	expect_within(run, "last.ms", 0, latest_ms(700));
	peer_finish(peer, 0);
}

/* The verdict is the socket's: the next program in this process knows nothing of it but what the kernel says. */
Test(corners, a_verdict_outlives_an_exec, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .greeting_bytes = 1000, .stop = PEER_STALLS });
	struct run *run = play(&limited, "sock tcp4; connect %u; sleep 100; sendall send 30000000 @up; exec 7; adopt 7 tcp4; "
					 "send send 1000000; drain recv",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "send.errno", ETIMEDOUT);
	expect_within(run, "send.ms", 0, latest_ms(0));
	expect(run, "drain.total", 1000);
	expect(run, "drain.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* A socket that had its verdict can be connected anew, and its next peer gets everything. */
Test(corners, connected_again_after_a_verdict, .timeout = 20)
{
	struct peer *stalled = peer_start(&never_reads);
	struct peer *healthy = peer_start(&(struct peer_script){ .chunk_bytes = 100000, .pause_ms = 10 });
	struct run *run = play(&limited, "sock tcp4; connect %u; sendall send 30000000 @up; connect unspec; connect @next %u; "
					 "rawopt sndtimeo; sendall send 4000000 @again; close",
			       peer_port(stalled), peer_port(healthy));

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect(run, "next.ret", 0);
	expect(run, "rawopt.value", 0);
	expect(run, "again.ret", 4000000);
	struct peer_report report = peer_finish(healthy, 5000);

	expect_peer_read(report, 4000000);
	cr_assert_eq(report.end, PEER_SAW_EOF);
	peer_finish(stalled, 0);
}

/* A socket that came from elsewhere with no limit of its own is bounded from when the program has it. */
Test(corners, a_socket_received_in_a_message, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; pass 5; rawopt #5 sndtimeo; watch #5; sendall #5 send 30000000 @up",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "pass.ret", 1);
	expect(run, "rawopt.value", 0);
	expect(run, "up.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* A signal ends a send, and the limit is there for the next. */
Test(corners, a_send_after_an_interrupted_one, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; disarm; timer 300 300 interrupt; "
					 "send @first send 30000000; timer 0 0 off; rawopt sndtimeo; sendall send 30000000 @up",
			       peer_port(peer));

	expect_clean(run);
	expect_within(run, "first.ms", 0, latest_ms(300));
	expect(run, "rawopt.value", 0);
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.ms", 0, latest_ms(SEND_MS));
	peer_finish(peer, 0);
}

/* Closed while a loop waits: the loop's wait is as long as it asked for. */
Test(corners, closed_behind_a_loops_back, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; nonblock 1; fill send; close; sock #3 pipe; "
					 "wait #3 epoll_wait in 900",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "wait.ret", 0);
	expect_took(run, "wait.ms", 900);
	cr_expect_str_empty(run->errors);
	peer_finish(peer, 0);
}

/* ---- connects ---------------------------------------------------------------------------------------------------- */

/* A program that sets TCP_USER_TIMEOUT while its connect is under way finds what it set, and has our deadline. */
Test(corners, user_timeout_set_during_a_connect, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = CONNECT_MS },
			       "sock tcp4; nonblock 1; connect %u; setopt user_timeout 60000; getopt @own user_timeout; "
			       "wait poll out 5000; getopt @told error; getopt @after user_timeout",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", EINPROGRESS);
	expect(run, "own.value", 60000);
	expect(run, "told.value", ETIMEDOUT);
	expect_within(run, "wait.ms", earliest_ms(CONNECT_MS), latest_ms(CONNECT_MS) + 50);
	expect(run, "after.value", 60000);
	blackhole_finish(hole);
}

/* A connect under the program's own shorter SO_SNDTIMEO that a signal ends goes on under the deadline. */
Test(corners, own_send_timeout_and_a_signal_during_a_connect, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 2000 },
			       "sock tcp4; setopt sndtimeo 1500; timer 300 0 interrupt; connect %u; wait poll out 5000; "
			       "getopt error",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", EINTR);
	expect_within(run, "connect.ms", earliest_ms(250), latest_ms(300));
	expect(run, "getopt.value", ETIMEDOUT);
	expect_within(run, "wait.ms", earliest_ms(1600), latest_ms(1700) + 50);
	blackhole_finish(hole);
}

/* What begins with a send counts as well if nobody waits for it. */
Test(corners, nonblocking_fastopen, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = CONNECT_MS },
			       "sock tcp4; nonblock 1; send sendto 1000 flags=fastopen to=%u; wait poll out 5000; getopt error",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "send.errno", EINPROGRESS);
	expect(run, "getopt.value", ETIMEDOUT);
	expect_within(run, "wait.ms", earliest_ms(CONNECT_MS), latest_ms(CONNECT_MS) + 50);
	blackhole_finish(hole);
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

Test(corners, log_off, .timeout = 20)
{
	struct peer *peer = peer_start(&never_reads);
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .connect_ms = SEND_MS,
						  .environment = { "SNDTIMEO_LOG=off" } },
			       "sock tcp4; connect @never %u; sock #1 tcp4; connect #1 %u; sendall #1 send 30000000 @up",
			       blackhole_port(hole), peer_port(peer));

	expect_clean(run);
	expect(run, "never.errno", ETIMEDOUT);
	expect(run, "up.errno", ETIMEDOUT);
	cr_expect_str_empty(run->errors);
	peer_finish(peer, 0);
	blackhole_finish(hole);
}

/* An IPv4 peer is called so, also by a program that knows IPv6 alone. */
ROW_TEST(corners, mapped_address, 2)
{
	struct peer *peer = peer_start(&never_reads);
	struct blackhole *hole = blackhole_start(AF_INET);
	const unsigned port = *number ? blackhole_port(hole) : peer_port(peer);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .connect_ms = SEND_MS },
			       "sock tcp6; connect %u mapped=1; %s", port, *number ? "sleep 0" : "sendall send 30000000");
	char wanted[64];

	expect_clean(run);
	expect(run, *number ? "connect.errno" : "sendall.errno", ETIMEDOUT);
	snprintf(wanted, sizeof wanted, "%s to 127.0.0.1:%u timed out", *number ? "connect" : "send", port);
	cr_expect(strstr(run->errors, wanted), "%s", run->errors);
	peer_finish(peer, 0);
	blackhole_finish(hole);
}
