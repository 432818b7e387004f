/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 2 and 13: signals, jumps out of handlers and cancellation while a call waits.
 */
#include "harness.h"
#include "rows.h"

/* Longer than it takes to fill a socket until it settles. */
#define SEND_MS 1500
#define CONNECT_MS 700

#define FILL "fill send flags=dontwait settle=1; "

static const struct peer_script never_reads = { .stop = PEER_STALLS };
static const struct setting limited = { .send_ms = SEND_MS, .connect_ms = CONNECT_MS };

static const char *const calls[] = { "send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "sendfile", "sendfile64",
				     "splice" };

/* It hands signals on when it pleases. */
#define ON_TIME_SIGNALS not_under("tsan", "the thread sanitizer delays signals")

#define for_each_call(call) for (const char *const *call = calls; call < calls + sizeof calls / sizeof *calls; call++)

/* ---- SA_RESTART -------------------------------------------------------------------------------------------------- */

Test(signals, restarting_handlers_do_not_interrupt_a_send_nor_delay_its_end, .timeout = 60)
{
	ON_TIME_SIGNALS;
	for_each_call(call) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&limited, "sock tcp4; connect %u; watch; " FILL "timer 10 10 restart; send %s 60000; "
						 "timer @ticks 0 0 off",
				       peer_port(peer), *call);

		expect_clean(run);
		expect(run, "send.ret", -1);
		expect(run, "send.errno", ETIMEDOUT);
		expect_within(run, "send.stall_least", 0, latest_ms(SEND_MS));
		expect_within(run, "ticks.count", 10, 100000);
		peer_finish(peer, 0);
	}
}

Test(signals, restarting_handlers_do_not_interrupt_a_connect_nor_delay_its_end, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&limited, "sock tcp4; timer 10 10 restart; connect %u; timer @ticks 0 0 off",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_took(run, "connect.ms", CONNECT_MS);
	expect_within(run, "ticks.count", 10, 100000);
	blackhole_finish(hole);
}

/* Rule 2: the handler's own write meets a wrapper in the middle of a wrapper. */
Test(signals, a_handler_may_write_while_its_thread_sends, .timeout = 40)
{
	ON_TIME_SIGNALS;
	for_each_call(call) {
		struct peer *stalls = peer_start(&never_reads), *healthy = peer_start(&(struct peer_script){ 0 });
		struct run *run = play(&limited, "sock #1 tcp4; connect @other #1 %u; sock tcp4; connect %u; watch; " FILL
						 "timerwrite #1 5; sendall %s 200000; timerwrite @told #1 0; close #1",
				       peer_port(healthy), peer_port(stalls), *call);

		expect_clean(run);
		expect(run, "sendall.errno", ETIMEDOUT);
		expect_within(run, "sendall.stall_least", 0, latest_ms(SEND_MS));
		expect_within(run, "told.count", 5, 100000);
		cr_assert_eq(peer_finish(healthy, 2000).bytes, (uint64_t)value_of(run, "told.count"));
		peer_finish(stalls, 0);
	}
}

/* The same on the socket that the send waits for: there is no room for either. */
Test(signals, a_handler_may_write_to_the_same_socket, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 60000; connect %u; timerwrite 20; sendall send 2000000; "
					 "timerwrite @told 0; close",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.ret", 2000000);
	cr_assert_eq(peer_finish(peer, 2000).bytes, 2000000 + (uint64_t)value_of(run, "told.count"));
}

/* A crash handler (Python's faulthandler) does not restart, but it interrupts no call either. */
Test(signals, crash_handlers_do_not_count, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&limited, "crashhandler; sock tcp4; connect %u; " FILL "timer 10 10 restart; send send 60000",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "send.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* After some bytes a signal gives a short count, with us or without; the stall ends on time all the same. */
Test(signals, an_upload_under_signals_arrives, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 40000, .pause_ms = 20 });
	struct run *run = play(&limited, "sock tcp4; setopt sndbuf 100000; connect %u; watch; timer 10 10 restart; "
					 "sendall send 3000000; timer 0 0 off; close",
			       peer_port(peer));

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "sendall.ret", 3000000);
	expect_peer_read(peer_finish(peer, 2000), 3000000);
}

Test(signals, a_stall_under_signals_ends_on_time, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .stop_bytes = 500000 });
	struct run *run = play(&limited, "sock tcp4; connect %u; watch; timer 5 5 restart; sendall send 30000000", peer_port(peer));

	expect_clean(run);
	expect(run, "sendall.errno", ETIMEDOUT);
	expect_stalled_for(run, "sendall", SEND_MS);
	peer_finish(peer, 0);
}

/* ---- handlers that interrupt ------------------------------------------------------------------------------------- */

Test(signals, an_interrupting_handler_ends_a_send_at_once, .timeout = 60)
{
	ON_TIME_SIGNALS;
	for_each_call(call) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&(struct setting){ .send_ms = 5000 },
				       "sock tcp4; connect %u; " FILL "timer 300 0 interrupt; send %s 60000; rawopt nonblock",
				       peer_port(peer), *call);

		expect_clean(run);
		expect(run, "send.ret", -1);
		expect(run, "send.errno", EINTR);
		expect_took(run, "send.ms", 300);
		peer_finish(peer, 0);
	}
}

Test(signals, an_interrupting_handler_gives_a_short_count_at_once, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = 5000 },
			       "sock tcp4; connect %u; timer 600 0 interrupt; send send 30000000; timer @ticks 0 0 off", peer_port(peer));

	expect_clean(run);
	expect_within(run, "send.ret", 1, 30000000 - 1);
	expect(run, "ticks.count", 1);
	expect_within(run, "send.ms", 0, latest_ms(600));
	peer_finish(peer, 0);
}

Test(signals, an_interrupting_handler_ends_a_connect_at_once, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 1500 },
			       "sock tcp4; timer 300 0 interrupt; connect %u; connect @again %u; close", blackhole_port(hole),
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", EINTR);
	expect_took(run, "connect.ms", 300);
	/* It goes on in the kernel; a second call waits for it. */
	expect(run, "again.errno", ETIMEDOUT);
	expect_within(run, "again.ms", 0, latest_ms(1500));
	blackhole_finish(hole);
}

/* The JDK closes a socket from another thread so: a signal to each thread that is in a call on it. */
Test(signals, a_thread_can_be_called_back, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = 5000 },
			       "sock tcp4; connect %u; " FILL "&send @call send 60000; sleep 300; interrupt call interrupt; join call",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "call.errno", EINTR);
	expect_took(run, "call.ms", 300);
	peer_finish(peer, 0);
}

Test(signals, waits_are_interrupted_as_ever, .timeout = 40)
{
	ON_TIME_SIGNALS;
	static const char *const waits[] = { "poll out", "ppoll out", "poll in+out", "select out", "pselect out",
					     "epoll_wait out", "epoll_pwait out", "epoll_pwait2 out" };

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		for (int restart = 0; restart <= 1; restart++) {
			struct peer *peer = peer_start(&never_reads);
			/* Waits are never restarted (signal(7)). */
			struct run *run = play(&(struct setting){ .send_ms = 5000 },
					       "sock tcp4; nonblock 1; connect %u; sleep 50; " FILL "timer 250 0 %s; wait %s 3000",
					       peer_port(peer), restart ? "restart" : "interrupt", waits[i]);

			expect_clean(run);
			expect(run, "wait.ret", -1);
			expect(run, "wait.errno", EINTR);
			expect_took(run, "wait.ms", 250);
			peer_finish(peer, 0);
		}
}

/* ---- left by siglongjmp() (wget's connect) and by cancellation ----------------------------------------------------- */

Test(signals, a_connect_can_be_jumped_out_of, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = 3000, .send_ms = SEND_MS },
			       "sock tcp4; jump 200 connect %u; close; sock tcp4; connect @next %u; send send 100000; close",
			       blackhole_port(hole), peer_port(peer));

	expect_clean(run);
	expect(run, "jump.jumped", 1);
	expect(run, "next.ret", 0);
	expect(run, "send.ret", 100000);
	expect_peer_read(peer_finish(peer, 2000), 100000);
	blackhole_finish(hole);
}

/* The deadline that the first was left with is not the program's own, and goes with the next. A thread that is cancelled takes
 * it along. */
Test(signals, what_a_connect_that_was_left_leaves, .timeout = 20)
{
	ON_TIME_SIGNALS;
	not_under("asan", "the address sanitizer does not survive pthread_cancel()");
	for (int cancelled = 0; cancelled < 2; cancelled++) {
		struct blackhole *hole = blackhole_start(AF_INET);
		char *way = cancelled ? text("&connect %u @call; sleep 150; cancel call", blackhole_port(hole))
				      : text("jump 200 connect %u", blackhole_port(hole));

		blackhole_open_after(hole, 500);
		struct run *run = play(&(struct setting){ .connect_ms = 5000, .send_ms = SEND_MS },
				       "sock tcp4; setopt user_timeout 9000; %s; connect @next %u; rawopt user_timeout; close",
				       way, blackhole_port(hole));

		expect_clean(run);
		expect(run, "next.ret", 0);
		expect(run, "rawopt.value", 9000);
		blackhole_finish(hole);
	}
}

/* What the program sets after it has left is its own, whenever the next call comes to know that it has left. */
Test(signals, own_user_timeout_after_a_connect_that_was_left, .timeout = 20)
{
	ON_TIME_SIGNALS;
	struct blackhole *hole = blackhole_start(AF_INET);

	blackhole_open_after(hole, 500);
	struct run *run = play(&(struct setting){ .connect_ms = 5000, .send_ms = SEND_MS },
			       "sock tcp4; setopt user_timeout 9000; jump 200 connect %u; setopt user_timeout 7000; connect @next %u; "
			       "rawopt user_timeout; close",
			       blackhole_port(hole), blackhole_port(hole));

	expect_clean(run);
	expect(run, "next.ret", 0);
	expect(run, "rawopt.value", 7000);
	blackhole_finish(hole);
}

Test(signals, a_send_can_be_jumped_out_of, .timeout = 60)
{
	ON_TIME_SIGNALS;
	for_each_call(call) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&limited, "sock tcp4; connect %u; watch; " FILL "jump 200 send %s 60000; "
						 "sendall @next %s 8000000",
				       peer_port(peer), *call, *call);

		expect_clean(run);
		expect(run, "jump.jumped", 1);
		expect(run, "next.errno", ETIMEDOUT);
		expect_within(run, "next.stall_least", 0, latest_ms(SEND_MS));
		peer_finish(peer, 0);
	}
}

Test(signals, waits_can_be_jumped_out_of, .timeout = 20)
{
	ON_TIME_SIGNALS;
	static const char *const waits[] = { "poll out", "select in+out", "epoll_wait out" };

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		struct peer *peer = peer_start(&never_reads);
		struct run *run = play(&limited,
				       "sock tcp4; nonblock 1; connect %u; sleep 50; " FILL "jump 200 wait %s 3000; "
				       "timer 100 0 interrupt; wait @next poll in 3000",
				       peer_port(peer), waits[i]);

		expect_clean(run);
		expect(run, "jump.jumped", 1);
		/* No signal was left blocked. */
		expect(run, "next.errno", EINTR);
		expect_took(run, "next.ms", 100);
		peer_finish(peer, 0);
	}
}

static const char *const waiting[] = {
	"send send 60000",     "send sendto 60000",  "send sendmsg 60000",  "send sendmmsg 60000",
	"send write 60000",    "send writev 60000",  "send splice 60000",   "recv recv 10",
	"recv recvfrom 10",    "recv recvmsg 10",    "recv read 10",        "recv readv 10",
	"wait poll out 9000",  "wait ppoll out -1",  "wait select out 9000", "wait pselect out -1",
	"wait epoll_wait out -1",
};

/* A send waits in the kernel first, and after a slice of its limit in ours. */
static const int cancel_after_ms[] = { 150, 500 };

ROW_TEST(signals, every_call_can_be_cancelled, ROWS_OF(waiting) * ROWS_OF(cancel_after_ms))
{
	ON_TIME_SIGNALS;
	/* Nobody tells it that the cancelled thread's frames are gone. */
	not_under("asan", "the address sanitizer does not survive pthread_cancel()");
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = 5000 },
			       "sock tcp4; connect %u; " FILL "&%s @call; sleep %d; cancel call; "
			       "timer 100 0 interrupt; wait @next poll in 3000; fds",
			       peer_port(peer), waiting[*number % ROWS_OF(waiting)], cancel_after_ms[*number / ROWS_OF(waiting)]);

	expect_clean(run);
	expect(run, "call.cancelled", 1);
	expect(run, "call.unwound", 1);
	expect(run, "next.errno", EINTR);
	peer_finish(peer, 0);
}

Test(signals, a_connect_can_be_cancelled, .timeout = 20)
{
	ON_TIME_SIGNALS;
	/* Nobody tells it that the cancelled thread's frames are gone. */
	not_under("asan", "the address sanitizer does not survive pthread_cancel()");
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 5000 },
			       "sock tcp4; &connect %u @call; sleep 150; cancel call; close", blackhole_port(hole));

	expect_clean(run);
	expect(run, "call.cancelled", 1);
	expect(run, "call.unwound", 1);
	blackhole_finish(hole);
}
