/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rules 1, 9, 13, 15, 19, 20 and 24: waits that look odd and that the kernel takes, whose thread is not the
 * sender's, or that are all that a program learns by.
 */
#include "callers.h"
#include "cases.h"
#include "rows.h"

#include <stdio.h>
#include <unistd.h>

#define SEND_MS 600
#define CONNECT_MS 1200

static const struct peer_script never_reads = { .stop = PEER_STALLS, .rcvbuf_bytes = 100000 };

/* ---- sets smaller than they are said to be ----------------------------------------------------------------------- */

static const char *const sets[] = { "store select", "store pselect", "guard select", "guard pselect" };
static const int most[] = { 1024, 65536 };

#define SETS (ROWS_OF(sets) * ROWS_OF(most))

/* Nothing is written behind the set, nothing read that is not there. */
ROW_TEST(waits_as_bare, sets_end_where_the_kernel_ends_them, SETS)
{
	not_under("san", "sanitizers look at memory before calls do");
	same_as_bare("sets", text("%s %d 500", sets[*number / ROWS_OF(most)], most[*number % ROWS_OF(most)]),
		     &(struct setting){ .send_ms = 4000 });
}

/* And a stall is told of as ever: a wait for writing alone is over, as by its own timeout, and one without end says
 * "writable". */
ROW_TEST(waits_as_bare, a_stall_in_such_a_set, SETS * 2)
{
	const size_t n = *number / 2;
	const bool finite = *number % 2;
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS, .program = "sets" }, "%s %d %d", sets[n / ROWS_OF(most)],
			       most[n % ROWS_OF(most)], finite ? 5000 : -1);

	expect_clean(run);
	expect(run, "refused", 1);
	expect(run, "wait.ret", !finite);
	expect(run, "in_set", !finite);
	expect_took(run, "wait.ms", SEND_MS);
	if (has_value(run, "stored"))
		expect(run, "stored", 1024);
}

/* ---- a program that must come to read ---------------------------------------------------------------------------- */

#define ECHOED 5000000

static const char *const echoes[] = { "poll send", "select send", "poll write", "select write" };

/* Rule 15: whoever is kept in a send cannot read, and an echoing peer then takes no more. */
ROW_TEST(waits_as_bare, an_echoing_peer, ROWS_OF(echoes))
{
	const struct setting nothing = { .bare = true, .program = "exchange" };
	const struct setting limited = { .send_ms = 3000, .program = "exchange" };
	struct run *bare = play(&nothing, "echo %s %d", echoes[*number], ECHOED);
	struct run *run = play(&limited, "echo %s %d", echoes[*number], ECHOED);

	expect_clean(bare);
	expect(bare, "echoed", ECHOED);
	expect_clean(run);
	expect(run, "echoed", ECHOED);
	expect(run, "error", 0);
	/* As fast, but for what the machine does meanwhile: not a second here and there in waits that are of no use. */
	expect_within(run, "ms", 0, 3 * value_of(bare, "ms") + 2500);
	cr_expect_str_empty(run->errors);
}

/* ---- loops in loops ---------------------------------------------------------------------------------------------- */

static const char *const outers[] = { "poll", "select", "epoll", "thread" };
static const char *const ticks[] = { "", "tick=50" };

#define NESTS (ROWS_OF(outers) * ROWS_OF(ticks))

/* Rule 19. The loop that is waited for is asked without a wait, or by another thread. */
ROW_TEST(waits_as_bare, nested_loops_learn_of_a_stall, NESTS)
{
	struct peer *peer = peer_start(&never_reads);
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; setopt sndbuf 100000; connect %u; nonblock 1; watch; nest @up %s send 30000000 %s", peer_port(peer),
			       outers[*number / ROWS_OF(ticks)], ticks[*number % ROWS_OF(ticks)]);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_stalled_in_epoll_for(run, "up", SEND_MS);
	peer_finish(peer, 0);
}

ROW_TEST(waits_as_bare, nested_loops_with_a_healthy_peer, NESTS)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .chunk_bytes = 60000, .pause_ms = 15 });
	struct run *run = play(&(struct setting){ .send_ms = SEND_MS },
			       "sock tcp4; setopt sndbuf 60000; connect %u; nonblock 1; watch; nest @up %s send 3000000 %s; close",
			       peer_port(peer), outers[*number / ROWS_OF(ticks)], ticks[*number % ROWS_OF(ticks)]);

	expect_clean(run);
	need_gaps_below(run, SEND_MS);
	expect(run, "up.ret", 3000000);
	expect_peer_read(peer_finish(peer, 3000), 3000000);
}

/* ---- a connect deadline that the program learns of in one way alone ------------------------------------------------ */

static const char *const learnings[] = {
	"wait poll in+out 5000",
	"wait poll out 5000",
	"wait poll none 5000",
	"wait ppoll in+out 5000",
	"wait select out 5000",
	"wait select in+out 5000",
	"wait epoll_wait in+out 5000",
	"wait epoll_wait none 5000",
	"wait epoll_wait out 5000 et=1",
	"wait epoll_pwait2 out 5000",
	"sleep 1500; wait poll out 0",
	"sleep 1500; wait select out 0",
	"sleep 1500; wait epoll_wait out 0",
	"sleep 1500; getopt error",
	"sleep 1500; connect @again PORT",
	"sleep 1500; send send 10",
	"sleep 1500; recv recv 10",
	"wait poll out 5000; wait @again poll out 0; wait @once_more poll out 0",
	"wait poll out 5000; getopt error",
	"wait poll out 5000; getopt error; getopt @again error",
	"wait poll out 5000; connect @again PORT",
	"wait select out 5000; getopt error; connect @again PORT; wait @again select out 0",
	"wait epoll_wait out 5000; getopt error; wait @again epoll_wait out 0",
};

/* Rule 24: one line, whichever it is, and no second one by what follows. */
ROW_TEST(waits_as_bare, a_connect_deadline_is_told_of_once, ROWS_OF(learnings))
{
	struct blackhole *hole = blackhole_start(AF_INET);
	char *learning = with_port(learnings[*number], blackhole_port(hole));
	struct run *run = play(&(struct setting){ .connect_ms = CONNECT_MS }, "sock tcp4; nonblock 1; connect %u; %s; close",
			       blackhole_port(hole), learning);

	expect_clean(run);
	expect(run, "connect.errno", EINPROGRESS);
	if (strncmp(learning, "wait", 4) == 0) {
		expect_within(run, "wait.ret", 1, 2);
		expect_within(run, "wait.ms", earliest_ms(CONNECT_MS), latest_in_epoll_ms(CONNECT_MS));
	}
	cr_expect_eq(count_of(run->errors, "connect to"), 1, "%s: %s", learning, run->errors);
	cr_expect_eq(count_of(run->errors, "\n"), 1, "%s: %s", learning, run->errors);
	cr_expect(strstr(run->errors, "timed out after 1."), "%s: %s", learning, run->errors);
	blackhole_finish(hole);
}

/* ---- ^Z and fg --------------------------------------------------------------------------------------------------- */

/* Stopped after 150 ms, for 300; what is waited for comes later. The handler is for a signal that never comes. */
#define STOPPED "timer 60000 0 interrupt; &freeze 300 after=150; "
#define FULL "fill send flags=dontwait; "

static const struct stopped {
	const char *step;
	long whole;    /* what a send has to return; bare it may be short. 0: as bare */
} stopped[] = {
	{ FULL STOPPED "send @up send 100000", 100000 },
	{ FULL STOPPED "send @up write 100000", 100000 },
	{ FULL STOPPED "send @up sendmsg 100000", 100000 },
	{ FULL STOPPED "send @up writev 100000", 100000 },
	{ FULL STOPPED "send @up sendmmsg 100000", 100000 },
	{ FULL STOPPED "send @up sendfile 100000", 100000 },
	{ FULL STOPPED "send @up splice 60000", 60000 },
	{ STOPPED "send @up send 2000000", 2000000 },
	{ STOPPED "send @up sendfile 2000000", 2000000 },
	{ "nonblock 1; " FULL STOPPED "wait @up poll out 4000", 0 },
	{ "nonblock 1; " FULL STOPPED "wait @up poll out -1", 0 },
	{ "nonblock 1; " FULL STOPPED "wait @up ppoll out 4000", 0 },
	{ "nonblock 1; " FULL STOPPED "wait @up select out 4000", 0 },
	{ "nonblock 1; " FULL STOPPED "wait @up pselect out 4000", 0 },
	{ "nonblock 1; " FULL STOPPED "wait @up epoll_wait out 4000", 0 },
	{ "nonblock 1; " FULL STOPPED "wait @up epoll_pwait2 out 4000", 0 },
	{ STOPPED "recv @up recv 10", 0 },
	{ STOPPED "recv @up read 10", 0 },
	{ "nonblock 1; " STOPPED "carry @up send 2000000", 2000000 },
};

static struct run *stop(const struct setting *setting, const char *step)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 100000, .start_ms = 900, .talk_ms = 900 });
	struct run *run = play(setting, "sock tcp4; setopt sndbuf 100000; connect %u; %s", peer_port(peer), step);

	/* What the peer says is not in the pattern. */
	cr_assert(!run->hung && run->status == 0 && !has_value(run, "errno_touched"), "%s\n%s", step, run->transcript);
	peer_finish(peer, 0);
	return run;
}

/* Rule 13: neither EINTR nor a short count. (epoll_wait says EINTR bare: signal(7).) */
ROW_TEST(waits_as_bare, stopped_and_continued, ROWS_OF(stopped))
{
	const struct stopped *row = &stopped[*number];
	struct run *run = stop(&(struct setting){ .send_ms = 30000, .connect_ms = 30000 }, row->step);
	struct run *bare = row->whole ? NULL : stop(&(struct setting){ .bare = true }, row->step);

	expect(run, "up.ret", bare ? value_of(bare, "up.ret") : row->whole);
	expect(run, "up.errno", bare ? value_of(bare, "up.errno") : ERRNO_UNTOUCHED);
}

/* The same for a connect whose peer answers when it is asked again: bare, without a deadline, and with two. */
ROW_TEST(waits_as_bare, stopped_and_continued_in_a_connect, 4)
{
	static const int deadlines[] = { 0, 0, 5000, 30000 };
	struct blackhole *hole = blackhole_start(AF_INET);

	blackhole_open_after(hole, 700);
	struct run *run = play(&(struct setting){ .bare = *number == 0, .connect_ms = deadlines[*number], .send_ms = 30000 },
			       "sock tcp4; " STOPPED "connect @up %u", blackhole_port(hole));

	expect_clean(run);
	expect(run, "up.ret", 0);
	blackhole_finish(hole);
}
