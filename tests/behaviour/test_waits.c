/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Every wrapped way of waiting ends with the verdict, and otherwise when and how it would without us (rules 16,
 * 17, 19, 20).
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rows.h"

#define SEND_MS 600
#define WRITABLE (POLLOUT | POLLERR | POLLHUP)

static const char *const poll_calls[] = { "poll", "ppoll", "poll_chk", "ppoll_chk", "select", "pselect" };
static const char *const epoll_calls[] = { "epoll_wait", "epoll_pwait", "epoll_pwait2" };
static const char *const all_calls[] = {
	"poll", "ppoll", "poll_chk", "ppoll_chk", "select", "pselect", "epoll_wait", "epoll_pwait", "epoll_pwait2",
};

static struct peer *silent_peer(void)
{
	return peer_start(&(struct peer_script){ .stop = PEER_STALLS });
}

/* ---- a stalled connection ---------------------------------------------------------------------------------------- */

static const struct {
	const char *events, *with;
	bool alone;     /* for one descriptor, for writing alone: who waits so has a timeout of its own */
} polls[] = {
	{ "out", "", true },
	{ "out+err+hup", "", true },
	{ "in+out", "", false },
	{ "out", "with=pipe", false },
};

static const int timeouts_ms[] = { -1, 5000 };

#define POLLS (ROWS_OF(poll_calls) * ROWS_OF(polls) * ROWS_OF(timeouts_ms))

ROW_TEST(waits, poll_ends_with_the_verdict, POLLS)
{
	const char *call = poll_calls[*number % ROWS_OF(poll_calls)];
	const size_t rest = *number / ROWS_OF(poll_calls), n = rest % ROWS_OF(polls);
	const int timeout_ms = timeouts_ms[rest / ROWS_OF(polls)];
	struct peer *peer = silent_peer();
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nonblock 1; watch; fill send; wait %s %s %d %s @first;"
			       "wait %s %s %d %s @second; send send 1000 @late",
			       peer_port(peer), call, polls[n].events, timeout_ms, polls[n].with, call, polls[n].events,
			       timeout_ms, polls[n].with);

	expect_clean(run);
	expect_stalled_for(run, "first", SEND_MS);
	if (polls[n].alone && timeout_ms > 0) {
		expect(run, "first.ret", 0);
		expect(run, "first.revents", 0);
	} else {
		/* select counts the bits, and the end of a connection is readable, too. */
		expect_within(run, "first.ret", 1, 2);
		cr_assert(value_of(run, "first.revents") & WRITABLE, "%s", run->transcript);
	}
	expect_within(run, "second.ret", 1, 2);
	expect_within(run, "second.ms", 0, latest_ms(0));
	cr_assert(value_of(run, "second.revents") & WRITABLE, "%s", run->transcript);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* All entries of a poll that name the socket say so, as the kernel's own do. */
ROW_TEST(waits, duplicate_entries, 2 * 4)
{
	const char *call = poll_calls[*number % 4];
	/* With input unread the kernel has nothing to say, and it is for us to say it. */
	const size_t greeting = *number / 4 * 100;
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .greeting_bytes = greeting });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nonblock 1; watch; fill send;"
			       "wait %s out 5000 with=twice @first;"
			       "wait %s out 0 with=twice @recheck",
			       peer_port(peer), call, call);
	static const char *const labels[] = { "first", "recheck" };

	expect_clean(run);
	expect_stalled_for(run, "first", SEND_MS);
	for (size_t i = 0; i < ROWS_OF(labels); i++) {
		char key[32];

		snprintf(key, sizeof key, "%s.ret", labels[i]);
		expect(run, key, 2);
		snprintf(key, sizeof key, "%s.revents", labels[i]);
		cr_assert(value_of(run, key) & WRITABLE, "%s", run->transcript);
		snprintf(key, sizeof key, "%s.second_revents", labels[i]);
		cr_assert(value_of(run, key) & WRITABLE, "%s", run->transcript);
	}
	peer_finish(peer, 0);
}

static const char *const interests[] = { "out", "in+out", "out et=1", "in+out et=1" };

#define EPOLLS (ROWS_OF(epoll_calls) * ROWS_OF(interests) * ROWS_OF(timeouts_ms) * 2)

ROW_TEST(waits, epoll_ends_with_the_verdict, EPOLLS)
{
	const char *call = epoll_calls[*number % ROWS_OF(epoll_calls)];
	size_t rest = *number / ROWS_OF(epoll_calls);
	const char *interest = interests[rest % ROWS_OF(interests)];
	const bool early = (rest /= ROWS_OF(interests)) % 2;
	const int timeout_ms = timeouts_ms[rest / 2];
	struct peer *peer = silent_peer();
	char add[32];

	snprintf(add, sizeof add, "epadd %s", interest);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; nonblock 1; %s; connect %u; wait poll out 1000; %s; epwait %s 0; watch;"
			       "fill send;"
			       "epwait %s %d @first; send send 1000 @late",
			       early ? add : "sleep 0", peer_port(peer), early ? "sleep 0" : add, call, call,
			       timeout_ms);

	expect_clean(run);
	expect_stalled_in_epoll_for(run, "first", SEND_MS);
	expect(run, "first.ret", 1);
	cr_assert(value_of(run, "first.ev0") & WRITABLE, "%s", run->transcript);
	expect(run, "late.errno", ETIMEDOUT);
	peer_finish(peer, 0);
}

/* A loop that waits for room before each send is never refused: its sends are complete until there is no room. */
ROW_TEST(waits, a_loop_that_is_never_refused, 2 * ROWS_OF(epoll_calls))
{
	const char *call = epoll_calls[*number % ROWS_OF(epoll_calls)];
	const bool oneshot = *number / ROWS_OF(epoll_calls);
	struct peer *peer = silent_peer();
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; connect %u; nonblock 1; watch; upload %s send 30000000 chunk=4000 each=1 oneshot=%d",
			       peer_port(peer), call, oneshot);

	expect_clean(run);
	expect(run, "upload.errno", ETIMEDOUT);
	expect_within(run, "upload.total_ms", SEND_MS * 98 / 100, latest_ms(SEND_MS) + 1000);
	peer_finish(peer, 0);
}

/* A loop that has no more to send, whether it was refused any or not: what waits in the socket is under no limit. */
ROW_TEST(waits, a_loop_that_has_no_more_to_send, 2 * 3)
{
	static const char *const then[] = { "epmod in", "epmod nothing", "sleep 0" };
	const size_t n = *number % 3;
	const bool refused = *number / 3;
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 4096 });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; setopt sndbuf 50000; connect %u; nonblock 1; epadd out; epwait epoll_wait 0; watch; "
			       "%s @all; epwait epoll_wait 0 @full; %s; epwait epoll_wait 2500 @quiet; getopt error",
			       peer_port(peer), refused ? "fill send" : "send send 70000", then[n]);

	expect_clean(run);
	if (!refused)
		expect(run, "all.ret", 70000);
	expect(run, "full.ret", 0);
	if (n == 2) {
		expect(run, "quiet.ret", 1);
		expect_stalled_in_epoll_for(run, "quiet", SEND_MS);
	} else {
		expect(run, "quiet.ret", 0);
		expect(run, "getopt.value", 0);
	}
	peer_finish(peer, n == 2 ? 0 : 5000);
}

/* A tick is a tick, also while the connection stalls, and then the verdict is told in a tick. */
#define TICKERS (2 * ROWS_OF(all_calls))

ROW_TEST(waits, ticks_go_on, TICKERS)
{
	const char *call = all_calls[*number / 2];
	const bool in_epoll = strncmp(call, "epoll", 5) == 0;
	struct peer *peer = silent_peer();
	struct run *run = play(&(struct setting){ .send_ms = 1000 },
			       "sock tcp4; connect %u; nonblock 1; watch;"
			       "upload %s send 8000000 tick=100 events=%s @up",
			       peer_port(peer), call, *number % 2 ? "out" : "in+out");

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	if (in_epoll)
		expect_stalled_in_epoll_for(run, "up", 1000);
	else
		expect_stalled_for(run, "up", 1000);
	/* A tick that lasted for the stall, or none at all, would be one or thousands. */
	expect_within(run, "up.empty_waits", 4, in_epoll ? 22 : 14);
	peer_finish(peer, 0);
}

/* ---- what is not ours to prolong --------------------------------------------------------------------------------- */

ROW_TEST(waits, short_ones_keep_their_time, ROWS_OF(all_calls))
{
	const char *call = all_calls[*number];
	struct peer *peer = silent_peer();
	struct run *run = play(&(struct setting){ .send_ms = 4000 },
			       "sock tcp4; connect %u; nonblock 1; fill send; wait %s out 100 @tick;"
			       "wait %s out 900 @short;"
			       "wait %s in 300 @read",
			       peer_port(peer), call, call, call);

	expect_clean(run);
	expect(run, "tick.ret", 0);
	expect_took(run, "tick.ms", 100);
	expect(run, "short.ret", 0);
	expect_took(run, "short.ms", 900);
	expect(run, "read.ret", 0);
	expect_took(run, "read.ms", 300);
	peer_finish(peer, 0);
}

static const char *const duplex[] = { "in+out 1200", "out 1200 with=pipe", "in 1200" };

#define DUPLEX (ROWS_OF(all_calls) * ROWS_OF(duplex))

ROW_TEST(waits, those_for_reading_too_keep_their_time, DUPLEX)
{
	const char *call = all_calls[*number % ROWS_OF(all_calls)];
	struct peer *peer = silent_peer();
	struct run *run = play(&(struct setting){ .send_ms = 4000 },
			       "sock tcp4; connect %u; nonblock 1; fill send; wait %s %s @up", peer_port(peer), call,
			       duplex[*number / ROWS_OF(all_calls)]);

	expect_clean(run);
	expect(run, "up.ret", 0);
	expect_took(run, "up.ms", 1200);
	peer_finish(peer, 0);
}

/* ---- no stall ---------------------------------------------------------------------------------------------------- */

static char *without_fill(const struct run *run)
{
	char *copy = comparable(run), *kept = calloc(1, strlen(copy) + 1), *rest;

	cr_assert(kept);
	/* How much fits differs from run to run. */
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "fill.", 5) != 0)
			strcat(strcat(kept, line), "\n");
	return kept;
}

static char *healthy_waits(const struct setting *setting, const char *call)
{
	/* Reads after a while, so that a wait for ever ends. */
	struct peer *peer = peer_start(&(struct peer_script){ .greeting_bytes = 100, .start_ms = 900 });
	struct run *run = play(setting,
			       "sock tcp4; connect %1$u; nonblock 1; sleep 50;"
			       "wait %2$s out 0 @now; wait %2$s out 100 @tick; wait %2$s out 3000 @finite;"
			       "wait %2$s out -1 @ever;"
			       "wait %2$s in+out 100 @duplex; wait %2$s in 100 @read; wait %2$s out 100 with=pipe @two;"
			       "wait %2$s out 100 with=twice @twice; wait %2$s none 100 @none;"
			       "wait %2$s in+out 100 et=1 @edge;"
			       "fill send; wait %2$s out 0 @full_now; wait %2$s out 100 @full;"
			       "wait %2$s in+out 0 @full_duplex;"
			       "wait %2$s out 100 with=twice @full_twice; wait %2$s out -1 @room; recv recv 100; close;"
			       "#1 sock unix; #1 wait %2$s out 100 @unix; #3 sock pipe; #3 wait %2$s out 100 @pipe;"
			       "#4 wait %2$s in 100 @silent; #5 sock udp4; #5 wait %2$s in+out 100 @udp;"
			       "#6 sock tcp4; #6 wait %2$s out 100 @unconnected",
			       peer_port(peer), call);

	expect_clean(run);
	cr_assert_str_empty(run->errors);
	peer_finish(peer, 0);
	return without_fill(run);
}

ROW_TEST(waits, without_a_stall_as_without_us, ROWS_OF(all_calls))
{
	not_under("tsan", "the thread sanitizer is too slow for the pauses in it");
	const char *call = all_calls[*number];
	char *bare = healthy_waits(&(struct setting){ .bare = true }, call);
	char *limited = healthy_waits(&(struct setting){ .send_ms = 3000, .connect_ms = 3000 }, call);

	cr_assert_str_eq(limited, bare);
	cr_assert_str_eq(healthy_waits(&(struct setting){ .send_ms = 0 }, call), bare);
}
