/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 8 to 10: connects that are not answered, by every way of waiting, and those that are.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel alone ends a connect no earlier than its first SYN is sent again. */
#define KERNEL_LEAST_MS 1000

static const int families[] = { AF_INET, AF_INET6 };

static const char *kind_of(int family)
{
	return family == AF_INET6 ? "tcp6" : "tcp4";
}

#define for_each_family(family)                                                                                    \
	for (const int *f_ = families; f_ < families + 2; f_++)                                                    \
		for (int family = *f_, once_ = 1; once_; once_ = 0)

/* ---- blocking -------------------------------------------------------------------------------------------------- */

static void blocking(int deadline_ms)
{
	for_each_family(family) {
		struct blackhole *hole = blackhole_start(family);
		struct run *run = play(&(struct setting){ .connect_ms = deadline_ms },
				       "sock %s; connect %u; peername; getopt error; rawopt @left user_timeout; rawopt nonblock; close",
				       kind_of(family), blackhole_port(hole));

		expect_clean(run);
		expect(run, "connect.ret", -1);
		expect(run, "connect.errno", ETIMEDOUT);
		expect_took(run, "connect.ms", deadline_ms);
		expect(run, "peername.errno", ENOTCONN);
		expect(run, "getopt.value", 0);
		expect(run, "left.value", 0);
		expect(run, "rawopt.value", 0);
		cr_assert(strstr(run->errors, "connect to ") && strstr(run->errors, " timed out after "), "%s", run->errors);
		blackhole_finish(hole);
	}
}

Test(connects, blocking_50_ms, .timeout = 20)
{
	blocking(50);
}

Test(connects, blocking_500_ms, .timeout = 20)
{
	blocking(500);
}

Test(connects, blocking_1_s, .timeout = 20)
{
	blocking(1000);
}

Test(connects, blocking_1500_ms, .timeout = 20)
{
	blocking(1500);
}

Test(connects, blocking_5_s, .timeout = 30)
{
	blocking(5000);
}

Test(connects, a_blocking_socket_can_be_connected_again, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = 300, .send_ms = 600 },
			       "sock tcp4; connect @first %u; connect @again %u; connect @third %u; send send 100000; close",
			       blackhole_port(hole), blackhole_port(hole), peer_port(peer));

	expect_clean(run);
	expect(run, "first.errno", ETIMEDOUT);
	expect(run, "again.errno", ETIMEDOUT);
	expect_took(run, "again.ms", 300);
	expect(run, "third.ret", 0);
	expect(run, "send.ret", 100000);
	expect_peer_read(peer_finish(peer, 2000), 100000);
	blackhole_finish(hole);
}

/* Rule 5: for a connect the lower one counts, and the program's is put back. */
Test(connects, own_sndtimeo_counts_if_it_is_lower, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 1500 },
			       "sock tcp4; setopt sndtimeo 400; connect %u; getopt sndtimeo; rawopt sndtimeo",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.ret", -1);
	/* As without us. */
	expect(run, "connect.errno", EINPROGRESS);
	expect_took(run, "connect.ms", 400);
	expect_within(run, "getopt.value", 390, 410);
	expect_within(run, "rawopt.value", 390, 410);
	blackhole_finish(hole);
}

Test(connects, own_sndtimeo_is_put_back_if_it_is_higher, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 400 },
			       "sock tcp4; setopt sndtimeo 3000; connect %u; rawopt sndtimeo", blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_took(run, "connect.ms", 400);
	expect_within(run, "rawopt.value", 2990, 3010);
	blackhole_finish(hole);
}

Test(connects, without_a_deadline_nothing_ends, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .send_ms = 300, .watchdog_ms = 2500 }, "sock tcp4; connect %u",
			       blackhole_port(hole));

	cr_expect(run->hung, "%s%s", run->transcript, run->errors);
	blackhole_finish(hole);
}

/* ---- earlier results are unchanged ------------------------------------------------------------------------------ */

Test(connects, refused_and_connected_as_without_us, .timeout = 20)
{
	static const char *const scripts[] = {
		"sock tcp4; connect; getopt error; connect @again; peername",
		"sock tcp4; nonblock 1; connect; wait poll out 2000; getopt error; connect @again; peername",
		"sock tcp4; nonblock 1; connect; wait poll out 2000; connect @again; peername",
		"sock tcp4; nonblock 1; connect; wait select out 2000; getopt error; peername",
		"sock tcp4; nonblock 1; connect; wait epoll_wait in+out 2000; getopt error; peername",
		"sock tcp4; nonblock 1; connect; sleep 100; connect @again; connect @third",
		"sock tcp4; nonblock 1; connect; sleep 100; send send 10; getopt error",
	};
	const unsigned refusing = refusing_port(AF_INET);

	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		char *said[2][2];

		for (int bare = 0; bare <= 1; bare++) {
			const struct setting setting = { .bare = bare, .connect_ms = 1500, .send_ms = 600 };
			struct peer *peer = peer_start(&(struct peer_script){ 0 });
			struct run *healthy = play(&setting, "port %u; %s", peer_port(peer), scripts[i]);
			struct run *refused = play(&setting, "port %u; %s", refusing, scripts[i]);

			expect_clean(healthy);
			expect_clean(refused);
			said[bare][0] = comparable(healthy);
			said[bare][1] = comparable(refused);
			peer_finish(peer, 0);
		}
		cr_expect_str_eq(said[0][0], said[1][0], "%s", scripts[i]);
		cr_expect_str_eq(said[0][1], said[1][1], "%s", scripts[i]);
	}
}

/* ---- not blocking: every way of waiting, and of asking, sees the deadline ---------------------------------------- */

static const char *const waits[] = {
	"poll out", "ppoll out", "poll in+out", "select out", "pselect out", "epoll_wait out", "epoll_wait in+out et=1",
	"epoll_pwait out", "epoll_pwait2 out",
};

/* The wait is for ever: only the library ends it. */
static void every_wait(const char *ask, const char *key)
{
	struct blackhole *hole = blackhole_start(AF_INET);

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		char call[16] = "", rest[16] = "";

		sscanf(waits[i], "%15s %15[^\n]", call, rest);
		const char *events = strtok(rest, " "), *options = strtok(NULL, " ");
		struct run *run = play(&(struct setting){ .connect_ms = 1200 },
				       "sock tcp4; nonblock 1; connect %u; wait %s %s 8000 %s; %s; rawopt user_timeout; close",
				       blackhole_port(hole), call, events, options ? options : "", ask);

		expect_clean(run);
		expect(run, "connect.errno", EINPROGRESS);
		expect_within(run, "wait.ms", earliest_ms(1200) * 98 / 100, latest_ms(1200));
		expect_within(run, "wait.revents", 1, 0x3f);
		expect(run, key, ETIMEDOUT);
	}
	blackhole_finish(hole);
}

Test(connects, every_wait_then_so_error, .timeout = 30)
{
	every_wait("getopt error", "getopt.value");
}

Test(connects, every_wait_then_a_second_connect, .timeout = 30)
{
	every_wait("connect @ask 9", "ask.errno");
}

/* Rule 9: below the second that the kernel takes at least, a finite wait on that one socket ends in time. */
Test(connects, below_a_second_a_finite_wait_ends_in_time, .timeout = 30)
{
	static const char *const finite[] = { "poll", "ppoll", "select", "pselect" };
	struct blackhole *hole = blackhole_start(AF_INET);

	for (size_t i = 0; i < sizeof finite / sizeof *finite; i++) {
		struct run *run = play(&(struct setting){ .connect_ms = 300 },
				       "sock tcp4; nonblock 1; connect %u; wait %s out 5000; wait @on %s in+out 5000; getopt error",
				       blackhole_port(hole), finite[i], finite[i]);

		expect_clean(run);
		expect(run, "wait.ret", 0);
		/* The deadline counts from the connect, and the wait begins when the machine lets it. */
		expect_within(run, "wait.ms", earliest_ms(300) - 100, latest_ms(300));
		expect_within(run, "on.ms", 0, KERNEL_LEAST_MS - 300 + 100 + latest_ms(0));
		expect(run, "getopt.value", ETIMEDOUT);
	}
	blackhole_finish(hole);
}

/* A wait that is shorter than the deadline is the program's. */
Test(connects, a_shorter_wait_is_not_prolonged, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 5000 },
			       "sock tcp4; nonblock 1; connect %u; wait poll out 300; wait @sec poll out 1100; getopt error",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "wait.ret", 0);
	expect_took(run, "wait.ms", 300);
	expect(run, "sec.ret", 0);
	expect_took(run, "sec.ms", 1100);
	expect(run, "getopt.value", 0);
	blackhole_finish(hole);
}

Test(connects, an_nb_socket_can_be_connected_again, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = 1100 },
			       "sock tcp4; nonblock 1; connect %u; wait poll out 5000; getopt error; port %u; connect @aborted; "
			       "connect @again; wait @through poll out 5000; getopt @fine error; rawopt user_timeout; "
			       "send send 1000; close",
			       blackhole_port(hole), peer_port(peer));

	expect_clean(run);
	expect(run, "getopt.value", ETIMEDOUT);
	/* So Linux has it for every connect that failed and was asked about. */
	expect(run, "aborted.errno", ECONNABORTED);
	expect(run, "again.errno", EINPROGRESS);
	expect(run, "fine.value", 0);
	expect(run, "rawopt.value", 0);
	expect_peer_read(peer_finish(peer, 2000), 1000);
	blackhole_finish(hole);
}

/* Rule 5, for TCP_USER_TIMEOUT. */
Test(connects, own_user_timeout_is_respected_and_put_back, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *lower = play(&(struct setting){ .connect_ms = 4000 },
				 "sock tcp4; setopt user_timeout 1200; nonblock 1; connect %u; rawopt user_timeout; "
				 "wait poll out 8000; getopt error",
				 blackhole_port(hole));

	expect_clean(lower);
	expect(lower, "rawopt.value", 1200);
	expect_took(lower, "wait.ms", 1200);
	expect(lower, "getopt.value", ETIMEDOUT);

	struct run *higher = play(&(struct setting){ .connect_ms = 1500 },
				  "sock tcp4; setopt user_timeout 7000; nonblock 1; connect %u; getopt @shown user_timeout; "
				  "wait poll out 8000; getopt error; rawopt user_timeout",
				  peer_port(peer));

	expect_clean(higher);
	expect(higher, "shown.value", 7000);
	expect(higher, "getopt.value", 0);
	expect(higher, "rawopt.value", 7000);
	peer_finish(peer, 0);
	blackhole_finish(hole);
}

/* ---- rule 10: nothing of the deadline is left ------------------------------------------------------------------- */

/* However the program learns that it is connected, and if it does not ask at all; then its first bytes meet a peer that
 * takes none of them for longer than the deadline. */
Test(connects, nothing_is_left_however_the_program_learns, .timeout = 60)
{
	static const char *const ways[] = {
		"wait poll out 2000; getopt error",
		"sleep 50; connect @second 9",
		"sleep 50; peername",
		"wait poll out 2000",
		"wait poll in+out 2000",
		"wait select out 2000",
		"wait epoll_wait out 2000",
		"wait epoll_wait out 2000 et=1",
		"sleep 50",
	};

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 1800 });
		struct run *run = play(&(struct setting){ .connect_ms = 600 },
				       "sock tcp4; nonblock 1; connect %u; %s; send @first send 1000; rawopt user_timeout; "
				       "upload poll send 3000000; close",
				       peer_port(peer), ways[i]);

		expect_clean(run);
		expect(run, "first.ret", 1000);
		expect(run, "rawopt.value", 0);
		expect(run, "upload.ret", 3000000);
		expect_peer_read(peer_finish(peer, 2000), 3001000);
	}
}

/* ---- connects that are no connect() ------------------------------------------------------------------------------ */

Test(connects, fastopen_counts_as_connect, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 700 },
			       "sock tcp4; send sendto 1000 flags=fastopen to=%u; close", blackhole_port(hole));

	expect_clean(run);
	expect(run, "send.ret", -1);
	expect(run, "send.errno", ETIMEDOUT);
	expect_took(run, "send.ms", 700);
	blackhole_finish(hole);
}

Test(connects, fastopen_of_a_message_counts_as_connect, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 700 },
			       "sock tcp4; send sendmsg 1000 flags=fastopen to=%u; close", blackhole_port(hole));

	expect_clean(run);
	expect(run, "send.ret", -1);
	expect(run, "send.errno", ETIMEDOUT);
	expect_took(run, "send.ms", 700);
	blackhole_finish(hole);
}

Test(connects, fastopen_connect_counts_as_connect, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 700 },
			       "sock tcp4; setopt fastopen_connect 1; connect %u; send send 1000; close",
			       blackhole_port(hole));

	expect_clean(run);
	/* Without a cookie for that peer the kernel connects at once, with one it waits for the first byte. */
	const char *late = value_of(run, "connect.ret") == 0 ? "send" : "connect";

	expect(run, late[0] == 's' ? "send.errno" : "connect.errno", ETIMEDOUT);
	expect_took(run, late[0] == 's' ? "send.ms" : "connect.ms", 700);
	blackhole_finish(hole);
}

Test(connects, fastopen_to_a_healthy_peer, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&(struct setting){ .connect_ms = 700, .send_ms = 600 },
			       "sock tcp4; send sendto 2000000 flags=fastopen to=%u; close", peer_port(peer));

	expect_clean(run);
	expect(run, "send.ret", 2000000);
	expect_peer_read(peer_finish(peer, 2000), 2000000);
}

/* An answer that comes late, but in time, is an answer: to the SYN that is sent again after 1 s. */
Test(connects, answered_late, .timeout = 30)
{
	for (size_t i = 0; i < 2; i++) {
		struct blackhole *hole = blackhole_start(AF_INET);
		char script[128];

		snprintf(script, sizeof script, i ? "nonblock 1; connect %u; wait poll out 2500; nonblock 0" : "connect %u",
			 blackhole_port(hole));
		blackhole_open_after(hole, 400);
		struct run *run = play(&(struct setting){ .connect_ms = 2600 },
				       "sock tcp4; %s; getopt error; peername; send send 1000; rawopt user_timeout", script);

		expect_clean(run);
		expect_within(run, i ? "wait.ms" : "connect.ms", 500, 2500);
		expect(run, "getopt.value", 0);
		expect(run, "peername.ret", 0);
		expect(run, "send.ret", 1000);
		expect(run, "rawopt.value", 0);
		blackhole_finish(hole);
	}
}

/* Nothing names that path: it waits for ever, as without us. */
Test(connects, a_unix_listener_with_a_full_backlog, .timeout = 20)
{
	struct run *run = play(&(struct setting){ .connect_ms = 200, .watchdog_ms = 1500 }, "unixfull");

	cr_assert(run->hung, "%s%s", run->transcript, run->errors);
	cr_assert(has_value(run, "unixfull.waits"));
}

/* Rule 1: keepalive is the program's. */
Test(connects, keepalive_is_untouched, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = 700, .send_ms = 600 },
			       "sock tcp4; setopt keepalive 1; setopt keepidle 7; setopt keepcnt 3; nonblock 1; connect %u; "
			       "wait poll out 1000; rawopt keepalive; rawopt @idle keepidle; rawopt @count keepcnt; "
			       "rawopt @user user_timeout",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "rawopt.value", 1);
	expect(run, "idle.value", 7);
	expect(run, "count.value", 3);
	/* It would take the place of the count (tcp(7)). */
	expect(run, "user.value", 0);
	peer_finish(peer, 0);
}

/* ---- MPTCP, where the kernel has it ------------------------------------------------------------------------------ */

Test(connects, mptcp, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct run *run = play(&(struct setting){ .connect_ms = 600 }, "sock mptcp4; connect %u", blackhole_port(hole));

	if (!has_value(run, "connect.ret"))
		cr_skip_test("no MPTCP here: %s", run->errors);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_took(run, "connect.ms", 600);
	/* It has no TCP_USER_TIMEOUT: the waits do it. */
	run = play(&(struct setting){ .connect_ms = 1100 },
		   "sock mptcp4; nonblock 1; connect %u; wait poll out 4000; getopt error", blackhole_port(hole));
	expect_clean(run);
	expect_took(run, "wait.ms", 1100);
	expect(run, "getopt.value", ETIMEDOUT);
	run = play(&(struct setting){ .connect_ms = 1100 },
		   "sock mptcp4; nonblock 1; connect %u; wait epoll_wait out 4000; getopt error", blackhole_port(hole));
	expect_clean(run);
	expect_within(run, "wait.ms", earliest_ms(1100), latest_in_epoll_ms(1100));
	expect(run, "getopt.value", ETIMEDOUT);
	/* Or whoever asks, if nobody waits. */
	run = play(&(struct setting){ .connect_ms = 1100 },
		   "sock mptcp4; nonblock 1; connect %u; sleep 1300; getopt error; connect @again %u",
		   blackhole_port(hole), blackhole_port(hole));
	expect_clean(run);
	expect(run, "getopt.value", ETIMEDOUT);
	blackhole_finish(hole);
}

/* What the kernel cannot read is its to refuse. */
Test(connects, an_address_that_is_nowhere, .timeout = 20)
{
	struct run *run = play(&(struct setting){ .connect_ms = 500, .send_ms = 500 },
			       "sock tcp4; connect 9 bad=1; nonblock 1; connect @nb 9 bad=1");

	expect_clean(run);
	expect(run, "connect.errno", EFAULT);
	expect(run, "nb.errno", EFAULT);
}
