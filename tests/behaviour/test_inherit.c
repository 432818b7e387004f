/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 5 and 23: sockets that came by accept, fork, exec, dup and over standard descriptors.
 */
#include <stdlib.h>

#include "harness.h"
#include "rows.h"

#define SEND_MS 600

static const struct setting limited = { .send_ms = SEND_MS };
static const struct peer_script never_reads = { .stop = PEER_STALLS };

Test(inherit, accepted_sockets_are_limited, .timeout = 60)
{
	static const char *const calls[] = { "accept", "accept4" };

	for (int i = 0; i < 4; i++) {
		/* An event loop's listener does not block, what it accepts does. */
		struct run *run = play(&limited, "sock %s; listen; nonblock %d; client; sleep 50; accept %s 1; watch #1; "
						 "sendall #1 send 30000000",
				       i < 2 ? "tcp4" : "tcp6", i % 2, calls[i % 2]);

		expect_clean(run);
		expect(run, "sendall.errno", ETIMEDOUT);
		expect_stalled_for(run, "sendall", SEND_MS);
	}
}

Test(inherit, a_listener_over_exec, .timeout = 60)
{
	struct run *run = play(&(struct setting){ 0 },
			       "sock tcp4; listen; exec 5 send=600ms; adopt 5 tcp4; client; accept accept 1; watch #1; "
			       "sendall #1 send 30000000");

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
}

Test(inherit, a_connection_over_exec, .timeout = 60)
{
	/* From no limit, and from others, to ours. */
	static const struct setting before[] = { { 0 }, { .send_ms = 60000 }, { .send_ms = 100 } };

	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&before[i], "sock tcp4; connect %u; exec 5 send=600ms; adopt 5 tcp4; watch; "
						   "sendall send 30000000",
				       peer_port(peer));

		expect_clean(run);
		expect(run, "sendall.errno", ETIMEDOUT);
		expect_stalled_for(run, "sendall", SEND_MS);
		peer_finish(peer, 0);
	}
}

/* The limit that the program before had is not kept: a slow peer is fine. */
Test(inherit, an_old_limit_does_not_outlive_exec, .timeout = 60)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 1200 });
	struct run *run = play(&(struct setting){ .send_ms = 200 }, "sock tcp4; connect %u; exec 5 send=off; adopt 5 tcp4; "
								   "sendall send 3000000; close",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.ret", 3000000);
	expect_peer_read(peer_finish(peer, 2000), 3000000);
}

/* Nobody before us can have learned that it is connected. */
Test(inherit, a_connect_deadline_does_not_outlive_exec, .timeout = 60)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 1500 });
	struct run *run = play(&(struct setting){ .connect_ms = 400, .send_ms = 10000 },
			       "sock tcp4; nonblock 1; connect %u; sleep 100; rawopt @before user_timeout; exec 5; adopt 5 tcp4; "
			       "rawopt user_timeout; upload poll send 3000000; close",
			       peer_port(peer));

	expect_clean(run);
	expect_within(run, "before.value", 1, 10000);
	expect(run, "rawopt.value", 0);
	expect(run, "upload.ret", 3000000);
	expect_peer_read(peer_finish(peer, 2000), 3000000);
}

/* inetd's way: the connection is standard input and output. */
Test(inherit, standard_output_over_exec, .timeout = 60)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ 0 },
			       "sock tcp4; connect %u; exec 1 send=600ms; adopt 1 tcp4; watch; sendall write 30000000",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
	peer_finish(peer, 0);
}

/* C stdio is bounded by SO_SNDTIMEO there, and what a program has put on is not the next one's, which has other rules. */
Test(inherit, what_standard_output_had_does_not_outlive_exec, .timeout = 60)
{
	static const struct {
		const char *rules;
		long send_ms;
	} cases[] = { { "program=exe off", 0 }, { "program=exe send=5s", 5000 }, { "program=exe off; program=tester send=1s", 0 } };

	if (getenv("TESTER_UNDER_VALGRIND"))
		cr_skip_test("/proc/self/exe is valgrind there");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct peer *peer = peer_start(&(struct peer_script){ 0 });
		const struct setting setting = { .send_ms = 2000, .environment = { text("SNDTIMEO_RULES=%s", cases[i].rules) } };
		struct run *run = play(&setting, "sock tcp4; connect %u; exec 0; adopt 0 tcp4; rawopt @before sndtimeo; "
						 "exec 0 as=/proc/self/exe; adopt 0 tcp4; rawopt @after sndtimeo", peer_port(peer));

		expect_clean(run);
		expect_within(run, "before.value", i == 2 ? 1000 : 2000, i == 2 ? 1001 : 2001);
		expect_within(run, "after.value", cases[i].send_ms, cases[i].send_ms);
		peer_finish(peer, 0);
	}
}

/* A child that has other rules shares it with its parent, who goes on printing. */
Test(inherit, what_standard_output_has_outlives_a_child, .timeout = 60)
{
	static const char *const rules[] = { "program=true off", "program=true send=500ms" };

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct peer *peer = peer_start(&(struct peer_script){ 0 });
		const struct setting setting = { .send_ms = 2000, .environment = { text("SNDTIMEO_RULES=%s", rules[i]) } };
		struct run *run = play(&setting, "sock tcp4; connect %u; exec 0; adopt 0 tcp4; rawopt @before sndtimeo; storm fork 100; storm spawn 100; "
						 "rawopt @after sndtimeo", peer_port(peer));

		expect_clean(run);
		expect_within(run, "before.value", 2000, 2001);
		expect_within(run, "after.value", 2000, 2001);
		peer_finish(peer, 0);
	}
}

Test(inherit, a_slow_peer_of_standard_output, .timeout = 60)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .chunk_bytes = 20000, .pause_ms = 20 });
	struct run *run = play(&(struct setting){ 0 },
			       "sock tcp4; setopt sndbuf 60000; connect %u; exec 1 send=600ms; adopt 1 tcp4; watch; "
			       "send write 2000000; close",
			       peer_port(peer));

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "send.ret", 2000000);
	expect_peer_read(peer_finish(peer, 2000), 2000000);
}

Test(inherit, a_childs_sends, .timeout = 60)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; fork; watch; sendall send 30000000", peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
	peer_finish(peer, 0);
}

/* Whether a socket waits is remembered for sendfile(); others may change it. */
Test(inherit, who_else_makes_it_wait, .timeout = 60)
{
	static const char *const ways[] = { "child", "fcntl", "ioctl" };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&limited, "sock tcp4; nonblock 1; connect %u; wait poll out 1000; send @first sendfile 1000; waits %s; "
						 "sendall sendfile 30000000", peer_port(peer), ways[i]);

		expect_clean(run);
		expect(run, "first.ret", 1000);
		expect(run, "waits.ret", 0);
		expect(run, "sendall.errno", ETIMEDOUT);
		peer_finish(peer, 0);
	}
}

/* What its parent was told is not the child's to hear by SIGPIPE. */
Test(inherit, a_childs_sendfile_after_its_parents_verdict, .timeout = 60)
{
	not_under("tsan", "the thread sanitizer misses the thread that nobody waits for");
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "sock tcp4; connect %u; &sendall @parent send 8000000; sleep 400; fork; sleep 900; send @child sendfile 1000",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "child.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* It is said, once, that a program which is started is not reached; not if it is to have no limits, or a watcher has it. */
Test(inherit, a_program_that_is_not_reached, .timeout = 60)
{
	static const struct {
		const char *options, *variable;
		int lines;
	} rows[] = { { "own=1", NULL, 1 }, { "own=0", NULL, 0 }, { "own=1", "_SNDTIMEO_WATCHER=1", 0 } };

	if (getenv("TESTER_UNDER_VALGRIND"))
		cr_skip_test("valgrind reaches static programs, too, and does not like what they do");
	if (system(text("readelf -lW '%s' | grep -q INTERP", needed("SNDTIMEO_TEST_STATIC"))) == 0)
		cr_skip_test("no static program can be linked here");
	for (size_t i = 0; i < ROWS_OF(rows); i++) {
		struct peer *peer = peer_start(&(struct peer_script){ 0 });
		struct setting setting = limited;

		setting.environment[0] = text("TESTER_STATIC=%s", needed("SNDTIMEO_TEST_STATIC"));
		setting.environment[1] = rows[i].variable;
		struct run *run = play(&setting, "sock tcp4; connect %u; stranger @one 1000 %s; stranger @two 1000 %s; close",
				       peer_port(peer), rows[i].options, rows[i].options);

		expect_clean(run);
		expect(run, "two.ret", 1000);
		cr_assert_eq(count_of(run->errors, "static_writer cannot be limited from inside, for it is statically linked: use "
						   "--outside\n"), rows[i].lines, "%s", run->errors);
		peer_finish(peer, 2000);
	}
}

/* The program that accepts may have set a limit for all connections on its listener: it is the program's. */
Test(inherit, own_sndtimeo_of_a_listener, .timeout = 60)
{
	struct run *run = play(&limited, "sock tcp4; setopt sndtimeo 3000; listen; rawopt sndtimeo; client; accept accept 1; "
					 "rawopt @accepted #1 sndtimeo");

	expect_clean(run);
	expect_within(run, "rawopt.value", 2990, 3010);
	expect_within(run, "accepted.value", 2990, 3010);
}

/* By every way to a second number; the verdict is the socket's, so the other one sees it, too. */
Test(inherit, duplicates, .timeout = 30)
{
	static const char *const ways[] = { "dup", "dup3", "fcntl", "fcntl64" };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&limited,
				       "sigpipe; sock tcp4; connect %u; watch; dup 5 by=%s; sendall send 30000000; send @first send 10; "
				       "close; send #5 send 10; recv #5 recv 10; close #5; sigpipe count",
				       peer_port(peer), ways[i]);

		expect_clean(run);
		expect(run, "sendall.errno", ETIMEDOUT);
		/* Probes of the window may be taken for a second. */
		expect_within(run, "sendall.ms", 0, latest_ms(SEND_MS) + 1500);
		expect(run, "first.errno", ETIMEDOUT);
		expect(run, "send.errno", ETIMEDOUT);
		expect(run, "recv.errno", ETIMEDOUT);
		expect(run, "sigpipe.count", 0);
		peer_finish(peer, 0);
	}
}
