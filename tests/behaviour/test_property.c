/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Nothing lost, nothing invented: random programs against random peers, and only the count is checked.
 *
 * What the peer read is a prefix of what was counted as sent, and equal to it if the peer saw a clean end; and it sees
 * none after a timeout. SNDTIMEO_TEST_SEED plays one run again, SNDTIMEO_TEST_RUNS says how many there are (make soak).
 */
#include "harness.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "random.h"

/* Groups play their runs one after the other, and side by side. */
#define GROUPS 10
#define RUNS 100

static unsigned random_size(void)
{
	return one_in(3) ? below(5000) : one_in(2) ? below(100000) : below(1500000);
}

static void add_shape(struct script *script)
{
	static const char *const flags[] = { "", "", "", "flags=more", "flags=nosignal", "flags=dontwait" };

	add(script, " iov=%u %s; ", one_in(2) ? 1 + below(5) : 1 + below(1000), ONE_OF(flags));
}

static void add_step(struct script *script)
{
	static const char *const waits[] = { "poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait" };
	static const char *const alone[] = { "poll", "ppoll", "select", "pselect" };
	static const char *const events[] = { "out", "in+out" };

	switch (below(7)) {
	case 0:
		add(script, "send %s %u", random_send(), random_size());
		add_shape(script);
		break;
	case 1:
	case 2:
		add(script, "sendall %s %u chunk=%u", random_send(), random_size(), 1000 + below(300000));
		add_shape(script);
		break;
	case 3:
		add(script, "upload %s %s %u events=%s tick=%d chunk=%u max=4000", ONE_OF(waits), random_send(), random_size(),
		    ONE_OF(events), one_in(2) ? -1 : 1 + (int)below(300), 1000 + below(300000));
		add_shape(script);
		break;
	case 4:
		add(script, "sync %s %u %u wait=%s", random_send(), random_size(), 1000 + below(3000), ONE_OF(alone));
		add_shape(script);
		break;
	case 5:
		add(script, "nonblock %u; ", below(2));
		break;
	default:
		add(script, "timer %u %u %s; ", 1 + below(50), 2 + below(30), one_in(4) ? "interrupt" : "restart");
	}
}

static struct peer_script random_peer(void)
{
	static const int buffers[] = { 0, 20000, 100000 };
	static const enum peer_stop stops[] = { PEER_READS_ON, PEER_READS_ON, PEER_READS_ON, PEER_STALLS, PEER_STALLS,
						PEER_RESETS };
	struct peer_script script = {
		.family = one_in(2) ? AF_INET : AF_INET6,
		.rcvbuf_bytes = ONE_OF(buffers),
		.start_ms = one_in(4) ? (int)below(150) : 0,
		.stop = ONE_OF(stops),
		.stop_bytes = below(1500000),
		.talk_ms = one_in(4) ? 20 + (int)below(100) : 0,
	};

	if (one_in(2)) {
		script.chunk_bytes = 10000 + below(50000);
		script.pause_ms = 1 + (int)below(10);
	}
	return script;
}

/* Whether the connection timed out: after some bytes only the log says so. */
static bool timed_out(const struct run *run)
{
	return strstr(run->errors, "timed out after") || strstr(run->transcript, ".timed_out=1\n");
}

static void play_one(uint64_t seed)
{
	struct script script = { .length = 0 };

	random_start(seed);
	const struct peer_script peer_script = random_peer();
	struct peer *peer = peer_start(&peer_script);

	add(&script, "sock %s; ", peer_script.family == AF_INET6 ? "tcp6" : "tcp4");
	if (one_in(2))
		add(&script, "setopt sndbuf %u; ", 5000 + below(200000));
	add(&script, "connect %u; watch; ", peer_port(peer));
	for (unsigned steps = 1 + below(5); steps; steps--)
		add_step(&script);
	add(&script, "timer 0 0 off; accepted; close");

	struct run *run = play(&(struct setting){ .send_ms = 300 + (int)below(300), .policy = one_in(4) ? "cap" : NULL,
						  .watchdog_ms = 30000 },
			       "%s", script.text);

	peer_resume(peer);
	struct peer_report report = peer_finish(peer, 5000);
	const char *errors = run->errors;

	char *said;

	cr_assert(asprintf(&said, "seed %llu: %s\nthe peer (stop %d at %zu) read %llu bytes, its end was %d\n%s%s",
			   (unsigned long long)seed, script.text, peer_script.stop, peer_script.stop_bytes,
			   (unsigned long long)report.bytes, report.end, run->transcript, errors) > 0);
#define context "%s", said
	cr_assert(!run->hung, context);
	cr_assert(run->status == 0, context);
	cr_assert(!has_value(run, "errno_touched"), context);
	cr_assert(!has_value(run, "sendfile.offset_wrong"), context);
	const uint64_t counted = (uint64_t)value_of(run, "accepted.counted");

	cr_assert(report.in_pattern, context);
	cr_assert(report.bytes <= counted, context);
	if (report.end == PEER_SAW_EOF)
		cr_assert(report.bytes == counted, context);
	if (strstr(errors, "timed out after"))
		cr_assert(report.end != PEER_SAW_EOF, context);
	/* A peer that reads is not cut, unless this machine held it up. */
	if (peer_script.stop == PEER_READS_ON && value_of(run, "watch.gap") < 280)
		cr_assert(!strstr(errors, "timed out after"), context);
	/* Input that nobody read makes a close a reset, with us or without. */
	if (peer_script.stop != PEER_RESETS && !timed_out(run) && !peer_script.talk_ms)
		cr_assert(report.end == PEER_SAW_EOF && report.bytes == counted, context);
#undef context
}

ParameterizedTestParameters(property, what_is_counted_is_what_arrives)
{
	static int groups[GROUPS];

	for (int i = 0; i < GROUPS; i++)
		groups[i] = i;
	return cr_make_param_array(int, groups, GROUPS);
}

ParameterizedTest(int *group, property, what_is_counted_is_what_arrives, .timeout = 7200)
{
	random_play(*group, GROUPS, RUNS, play_one);
}
