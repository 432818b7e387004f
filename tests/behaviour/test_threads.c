/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 2 and 3: many threads, and descriptors that are closed or taken over while another thread waits.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Longer than it takes to fill a socket until it settles. */
#define SEND_MS 1300

#define THREADS 64

#define FILL "fill send flags=dontwait settle=1; "

static const struct setting limited = { .send_ms = SEND_MS };
static const struct peer_script never_reads = { .stop = PEER_STALLS };

/* Slots 1 to 64 are connections to one listener in slot 70; each thread has its own. */
Test(threads, many_with_a_socket_each, .timeout = 60)
{
	char script[16384] = "sock #70 tcp4; listen #70; ";
	size_t length = strlen(script);

	for (int i = 1; i <= THREADS; i++)
		length += (size_t)snprintf(script + length, sizeof script - length,
					   "client #70; accept #70 accept %d; &sendall @s%d #%d send 8000000; ", i, i, i);
	for (int i = 1; i <= THREADS; i++)
		length += (size_t)snprintf(script + length, sizeof script - length, "join s%d; ", i);
	struct run *run = play(&limited, "%s", script);

	expect_clean(run);
	for (int i = 1; i <= THREADS; i++) {
		char key[32];

		snprintf(key, sizeof key, "s%d.errno", i);
		expect(run, key, ETIMEDOUT);
		snprintf(key, sizeof key, "s%d.ms", i);
		expect_within(run, key, earliest_ms(SEND_MS), latest_ms(SEND_MS) + 2000);
	}
}

Test(threads, children_are_made_while_a_thread_sends, .timeout = 40)
{
	static const char *const ways[] = { "fork", "vfork", "spawn" };

	not_under("tsan", "the thread sanitizer misses the threads in the child");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct peer *stalls = peer_start(&never_reads);
		struct peer *slow = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
		struct run *run = play(&limited, "sock tcp4; setopt sndbuf 60000; connect %u; sock #1 tcp4; connect @c1 #1 %u; watch #1; "
						 "&sendall @slow write 2000000; &sendall @stalled #1 send 8000000; "
						 "storm %s 1800; join slow; join stalled; close",
				       peer_port(slow), peer_port(stalls), ways[i]);

		expect_clean(run);
		expect(run, "storm.failed", 0);
		expect_within(run, "storm.count", 2, 1000000);
		expect(run, "slow.ret", 2000000);
		expect(run, "stalled.errno", ETIMEDOUT);
		expect_stalled_for(run, "stalled", SEND_MS);
		expect_peer_read(peer_finish(slow, 3000), 2000000);
		peer_finish(stalls, 0);
	}
}

Test(threads, two_on_one_stalled_socket, .timeout = 60)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; watch; " FILL "&sendall @a send 200000; &sendall @b write 200000; "
					 "join a; join b",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "a.errno", ETIMEDOUT);
	expect(run, "b.errno", ETIMEDOUT);
	expect_within(run, "a.stall_least", 0, latest_ms(SEND_MS));
	expect_within(run, "b.stall_least", 0, latest_ms(SEND_MS));
	peer_finish(peer, 0);
}

/* One thread reads while another's send stalls: both end. */
Test(threads, a_reader_beside_a_stalled_sender, .timeout = 60)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; watch; &recv recv 10; sendall send 30000000; join recv",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "recv.ret", -1);
	expect(run, "recv.errno", ETIMEDOUT);
	expect(run, "sendall.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* The number goes to a healthy connection while a thread waits on the old one: no byte of the old send gets there, and
 * nothing is refused on it. */
Test(threads, a_number_taken_over_during_a_send, .timeout = 40)
{
	not_under("tsan", "the test races on purpose");
	static const char *const calls[] = { "send", "write", "writev", "sendfile", "splice" };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		struct peer *stalls = peer_start(&never_reads), *healthy = peer_start(&(struct peer_script){ 0 });
		struct run *run = play(&limited,
				       "sock tcp4; connect %u; " FILL "&send @old %s 200000; sleep 200; close; sock #1 tcp4; "
				       "connect @new #1 %u; send #1 send 1000; sleep 1500; send @late #1 send 1000; close #1; "
				       "exit 0",
				       peer_port(stalls), calls[i], peer_port(healthy));

		expect_clean(run);
		expect(run, "new.ret", 0);
		expect(run, "send.ret", 1000);
		expect(run, "late.ret", 1000);
		expect_peer_read(peer_finish(healthy, 2000), 2000);
		peer_finish(stalls, 0);
	}
}

/* The number of our duplicate is free before its close has returned: whoever gets it then has a file like any. The duplicate of a
 * connect that a unix socket refuses is let go without its cookie having been asked for. */
Test(threads, a_number_taken_over_while_we_close_it, .timeout = 40)
{
	char *name = text("late.%d", getpid()), *rule = text("SNDTIMEO_RULES=unix:@%s connect=9s", name);
	char *library = text("%s-gnu.so", needed("SNDTIMEO_TEST_BEHIND"));
	struct run *run = play(&(struct setting){ .preload = library, .environment = { rule, "BEHIND_CLOSE_MS=900" } },
			       "sock #5 file; send @first #5 write 10; &unix #1 %s; sleep 200; sock #2 file; send @a #2 write 10; "
			       "sock #3 file; send @b #3 write 10; join unix; exit 0",
			       name);

	expect_clean(run);
	expect(run, "a.ret", 10);
	expect(run, "b.ret", 10);
	expect(run, "unix.ret", -1);
	expect(run, "unix.errno", ECONNREFUSED);
}

Test(threads, a_number_taken_over_by_dup2_during_a_send, .timeout = 60)
{
	not_under("tsan", "the test races on purpose");
	struct peer *stalls = peer_start(&never_reads), *healthy = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&limited, "sock tcp4; connect %u; " FILL "sock #1 tcp4; connect @new #1 %u; &send @old send 200000; "
					 "sleep 200; dup2 #1 0; close #1; send send 1000; sleep 1500; send @late send 1000; exit 0",
			       peer_port(stalls), peer_port(healthy));

	expect_clean(run);
	expect(run, "send.ret", 1000);
	expect(run, "late.ret", 1000);
	expect_peer_read(peer_finish(healthy, 2000), 2000);
	peer_finish(stalls, 0);
}

/* After a verdict the number is anybody's. */
Test(threads, a_number_reused_after_a_verdict, .timeout = 60)
{
	struct peer *stalls = peer_start(&never_reads);
	struct peer *slow = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&limited, "sock tcp4; connect %u; sendall @first send 30000000; close; sock tcp4; connect @new %u; "
					 "send send 3000000; recv recv_dontwait 10; close",
			       peer_port(stalls), peer_port(slow));

	expect_clean(run);
	expect(run, "first.errno", ETIMEDOUT);
	expect(run, "new.ret", 0);
	expect(run, "send.ret", 3000000);
	expect(run, "recv.errno", EAGAIN);
	expect_peer_read(peer_finish(slow, 2000), 3000000);
	peer_finish(stalls, 0);
}
