/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 1 at random: long sequences of calls on descriptors of every kind, compared with a bare run.
 *
 * No call in them waits and none meets a full buffer, so that two bare runs say the same.
 */
#include "harness.h"

#include <criterion/parameterized.h>
#include <string.h>

#include "random.h"

#define GROUPS 8
#define RUNS 500
#define STEPS 40
#define SLOTS 8

static const struct setting settings[] = {
	{ 0 },
	{ .send_ms = 60000, .connect_ms = 60000 },
	{ .send_ms = 60000, .connect_ms = 60000, .policy = "cap" },
};

/* A new descriptor of any kind into a slot; pairs take the next one, too. */
static void add_descriptor(struct script *script, unsigned slot)
{
	static const char *const single[] = { "tcp4", "tcp6", "udp4", "file" };
	static const char *const pairs[] = { "unix", "unix", "seqpacket", "pipe" };

	switch (below(4)) {
	case 0:
		add(script, "sock #%u %s; ", slot, ONE_OF(single));
		break;
	case 1:
		add(script, "sock #%u %s; ", slot % (SLOTS - 1), ONE_OF(pairs));
		break;
	default:
		add(script, "sock #20 %s; listen #20; client #20; accept #20 %s %u; close #20; epadd #%u %s; ",
		    one_in(2) ? "tcp4" : "tcp6", one_in(2) ? "accept" : "accept4", slot, slot, one_in(2) ? "in+out" : "in");
	}
}

static void add_option(struct script *script, unsigned slot)
{
	static const char *const names[] = { "sndtimeo", "user_timeout", "nodelay" };

	if (one_in(2))
		add(script, "setopt #%u %s %u; ", slot, ONE_OF(names), one_in(3) ? 0 : 100 + below(9) * 100);
	else
		add(script, "getopt #%u %s; ", slot, one_in(3) ? "error" : ONE_OF(names));
}

static void add_wait(struct script *script, unsigned slot)
{
	static const char *const calls[] = { "poll", "ppoll", "select", "pselect", "poll_chk", "ppoll_chk" };
	static const char *const events[] = { "out", "in+out", "in", "none", "err+hup", "pri" };
	static const char *const with[] = { "", "", "with=pipe", "with=twice" };

	add(script, "wait #%u %s %s 0 %s; ", slot, ONE_OF(calls), ONE_OF(events), ONE_OF(with));
}

static void add_step(struct script *script, bool *forked)
{
	const unsigned slot = below(SLOTS);

	switch (below(16)) {
	case 0:
	case 1:
		add_descriptor(script, slot);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		add(script, "send #%u %s %u iov=%u %s; ", slot, random_send(), one_in(5) ? 0 : below(500), 1 + below(6),
		    one_in(4) ? "flags=dontwait" : "");
		break;
	case 6:
	case 7:
		add(script, "nonblock #%u 1 by=%s; recv #%u %s %u; ", slot, one_in(2) ? "fcntl" : "ioctl", slot,
		    random_receive(), below(500));
		break;
	case 8:
		add_wait(script, slot);
		break;
	case 9:
		add_option(script, slot);
		break;
	case 10:
		add(script, "dup #%u %u; ", slot, below(SLOTS));
		break;
	case 11:
		add(script, "dup2 #%u %u; ", slot, below(SLOTS));
		break;
	case 12:
		add(script, "close #%u; ", slot);
		break;
	case 13:
		add(script, "shutdown #%u %s; ", slot, one_in(2) ? "wr" : "rdwr");
		break;
	case 14:
		add(script, "epwait %s 0; ", one_in(2) ? "epoll_wait" : "epoll_pwait2");
		break;
	default:
		if (!*forked)
			add(script, "fork; ");
		else
			add(script, "nonblock #%u %u by=fcntl64; peername #%u; ", slot, below(2), slot);
		*forked = true;
	}
}

static char *said(const struct setting *setting, const char *script)
{
	struct run *run = play(setting, "%s", script);

	cr_assert(!run->hung, "%s\n%s%s", script, run->transcript, run->errors);
	cr_assert(run->status == 0, "%s\n%s%s", script, run->transcript, run->errors);
	return comparable(run);
}

static void play_one(uint64_t seed)
{
	static const struct setting bare = { .bare = true };
	struct script script = { .length = 0 };
	bool forked = false;

	random_start(seed);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		add(&script, "sock #%u file; ", slot);
	for (unsigned i = 0; i < STEPS; i++)
		add_step(&script, &forked);
	const struct setting *setting = &settings[below(sizeof settings / sizeof *settings)];
	char *ours = said(setting, script.text), *without = said(&bare, script.text);

	/* Should the kernel itself not do the same twice, there is nothing to compare. */
	if (strcmp(ours, without) != 0 && strcmp(said(&bare, script.text), without) == 0)
		cr_assert_fail("seed %llu, setting %ld: %s\n-- ours:\n%s-- bare:\n%s", (unsigned long long)seed,
			       (long)(setting - settings), script.text, ours, without);
}

ParameterizedTestParameters(differential, sequences_of_calls)
{
	static int groups[GROUPS];

	for (int i = 0; i < GROUPS; i++)
		groups[i] = i;
	return cr_make_param_array(int, groups, GROUPS);
}

ParameterizedTest(int *group, differential, sequences_of_calls, .timeout = 7200)
{
	random_play(*group, GROUPS, RUNS, play_one);
}
