/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The stall clock, without a kernel: looks and times made up.
 */
#include <criterion/criterion.h>

#include "src/base/clock.h"
#include "src/connection/stall.h"

#define KEY UINT64_C(4711)
#define S NS_PER_S

static const struct limits two_seconds = {.send_ms = 2000};
static struct stall_clock clock_;
static struct stall_news news;

/* Progress @p progress was made by @p now_ns, last heard @p ack_ns ago. */
static int64_t left(uint64_t progress, int64_t ack_ns, int64_t floor_ns, int64_t now_ns, bool waits)
{
	const struct look look = {.established = true, .outstanding = true, .progress = progress, .acked = progress,
	                          .last_ack_ns = ack_ns};

	return stall_left_ns(&clock_, &look, &two_seconds, KEY, floor_ns, now_ns, waits, &news);
}

/* A look each 50 ms until @p until_ns, with no progress. */
static int64_t wait_until(uint64_t progress, int64_t from_ns, int64_t until_ns)
{
	int64_t left_ns = 0;

	for (int64_t now_ns = from_ns; now_ns <= until_ns; now_ns += 50 * NS_PER_MS)
		left_ns = left(progress, now_ns - from_ns, now_ns - 50 * NS_PER_MS, now_ns, true);
	return left_ns;
}

Test(stall_clock, begins_with_the_refusal)
{
	/* The last acknowledgement was an hour ago, for there was nothing to acknowledge. */
	cr_expect_eq(left(1, 3600 * S, 10 * S, 10 * S, true), 2 * S);
	cr_expect(news.wait_began && news.moved);
	cr_expect_eq(wait_until(1, 10 * S, 11 * S), S);
	cr_expect_leq(wait_until(1, 11 * S + 50 * NS_PER_MS, 12 * S), 0);
	cr_expect_eq(news.cause, STALL_NO_PROGRESS);
}

Test(stall_clock, begins_again_with_each_progress)
{
	wait_until(1, 10 * S, 11 * S + 900 * NS_PER_MS);
	/* 20 ms ago, which is after the look before. */
	cr_expect_eq(left(2, 20 * NS_PER_MS, 11 * S + 900 * NS_PER_MS, 11 * S + 950 * NS_PER_MS, true), 2 * S - 20 * NS_PER_MS);
	cr_expect_eq(news.pause_ns, S + 930 * NS_PER_MS);
	/* Whatever the acknowledgements say, none was before the last look. */
	cr_expect_eq(left(3, 500 * NS_PER_MS, 11 * S + 950 * NS_PER_MS, 12 * S, true), 2 * S - 50 * NS_PER_MS);
}

Test(stall_clock, stands_still_with_nothing_outstanding)
{
	const struct look look = {.established = true, .progress = 1};

	left(1, 0, 10 * S, 10 * S, true);
	cr_expect_eq(stall_left_ns(&clock_, &look, &two_seconds, KEY, 10 * S, 20 * S, true, &news), 2 * S);
}

/* A process that was stopped, a machine that was suspended, a clock that jumped. */
Test(stall_clock, a_late_look_is_no_proof)
{
	left(1, 0, 10 * S, 10 * S, true);
	const int64_t slice_ns = stall_slice_ns(&two_seconds);

	cr_expect_eq(left(1, 3600 * S, 10 * S, 3610 * S, true), slice_ns);
	cr_expect_gt(left(1, 3600 * S, 3610 * S, 3610 * S + slice_ns / 2, true), 0);
	cr_expect_leq(left(1, 3600 * S, 3610 * S, 3610 * S + slice_ns, true), 0);
	/* Progress after it begins a stall of its own. */
	cr_expect_gt(left(2, 0, 3610 * S + slice_ns, 3611 * S, true), S);
}

/* Who does not wait comes as late as it likes. */
Test(stall_clock, who_comes_by_is_not_late)
{
	for (int64_t at = 0; at < 4; at++)
		left(1, at * S / 2, 10 * S, 10 * S + at * S / 2, false);
	cr_expect_leq(left(1, 2 * S, 10 * S, 12 * S, false), 0);
}

Test(stall_clock, a_clock_that_went_back_begins_again)
{
	left(1, 0, 100 * S, 100 * S, true);
	cr_expect_eq(left(1, 0, 10 * S, 10 * S, true), 2 * S);
}

/* The clock of another socket, which had the slot before, tells nothing. */
Test(stall_clock, is_of_its_key)
{
	const struct look look = {.established = true, .outstanding = true, .progress = 1};

	left(1, 0, 10 * S, 10 * S, true);
	cr_expect_eq(stall_left_ns(&clock_, &look, &two_seconds, KEY + 1, 11 * S, 11 * S, true, &news), 2 * S);
}

/* Bytes in a unix socket's queue are the same number again in the next burst. */
Test(stall_clock, a_queue_begins_with_each_wait)
{
	const struct look look = {.established = true, .is_unix = true, .outstanding = true, .progress = 1};

	stall_left_ns(&clock_, &look, &two_seconds, KEY, 10 * S, 10 * S, true, &news);
	cr_expect_eq(stall_left_ns(&clock_, &look, &two_seconds, KEY, 20 * S, 20 * S, true, &news), 2 * S);
}

Test(stall_clock, a_rate_counts_from_the_waits_begin)
{
	const struct limits limits = {.send_ms = 2000, .min_rate = 1000};
	struct look look = {.established = true, .outstanding = true};
	int64_t left_ns = 0;

	/* 500 bytes a second where 1000 are asked for: 2 s, and one for each thousand. */
	for (int64_t now_ns = 10 * S; now_ns <= 14 * S; now_ns += 50 * NS_PER_MS) {
		look.acked = look.progress = (uint64_t)((now_ns - 10 * S) / NS_PER_MS / 2);
		left_ns = stall_left_ns(&clock_, &look, &limits, KEY, now_ns, now_ns, true, &news);
		if (now_ns < 13 * S)
			cr_assert_gt(left_ns, 0);
	}
	cr_expect_leq(left_ns, 0);
	cr_expect_eq(news.cause, STALL_TOO_SLOW);
	cr_expect_eq(stall_waited_ns(&clock_, STALL_TOO_SLOW, 14 * S), 4 * S);
}

/* ---- answers to window probes ------------------------------------------------------------------------------------ */

Test(stall_clock, answers_to_window_probes_are_no_progress)
{
	const int64_t rto_ns = 208 * NS_PER_MS;
	/* Three were sent, after 208, 624 and 1456 ms, and the last of them was not answered yet. */
	const struct look probed = { .established = true, .outstanding = true, .has_timestamps = true, .rto_ns = rto_ns,
				     .retransmits = 3, .probes = 1, .last_ack_ns = NS_PER_S, .last_sent_ns = 60 * NS_PER_S };
	struct look look = probed;

	cr_expect_eq(stall_answers_ns(&look), 3 * rto_ns);
	look.probes = 0;
	cr_expect_eq(stall_answers_ns(&look), 7 * rto_ns);
	look.retransmits = 100;
	cr_expect(stall_answers_ns(&look) > 0);
	/* A probe took what the window had room for. */
	look = probed;
	look.last_sent_ns = look.last_ack_ns + 5 * NS_PER_MS;
	cr_expect_eq(stall_answers_ns(&look), 5 * NS_PER_MS);
	look.last_sent_ns = 0;
	cr_expect_eq(stall_answers_ns(&look), 0);
	/* None was answered, or it cannot be told. */
	look = probed;
	look.probes = 3;
	cr_expect_eq(stall_answers_ns(&look), 0);
	look = probed;
	look.window = 1;
	cr_expect_eq(stall_answers_ns(&look), 0);
	look = probed;
	look.in_flight = 1;
	cr_expect_eq(stall_answers_ns(&look), 0);
	look = probed;
	look.has_timestamps = false;
	cr_expect_eq(stall_answers_ns(&look), 0);
	look = probed;
	look.partial = true;
	cr_expect_eq(stall_answers_ns(&look), 0);
}
