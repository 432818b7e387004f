/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Rule 24: the line that is told of a timeout says why, and is right.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 1500
#define BYTES 60000000L

#define CLOSED "window_closed"
#define SILENT "no_acknowledgement"
#define HOLE "path_mtu"
#define SLOW "too_slow"
#define TOTAL "send_total"

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	EPOLL_LOOP("events=in+out"),
};

/* Told once, for this reason, as JSON. */
static void expect_reason(const struct run *run, const char *event, const char *reason)
{
	char wanted[100];

	snprintf(wanted, sizeof wanted, "\"reason\":\"%s\"", reason);
	cr_assert(count_of(run->errors, "\n") == 1 && strstr(run->errors, wanted) && strstr(run->errors, event),
		  "not, or not alone, %s of %s:\n%s%s", wanted, event, run->transcript, run->errors);
}

static const struct {
	const char *reason;
	const char *peer;
	int delay_ms;
	const char *before;   /* steps */
	const char *environment[3];
} far[] = {
	{ CLOSED, "stalls=1 stop_bytes=300000", 10, "sleep 0", { 0 } },
	{ CLOSED, "stalls=1 stop_bytes=300000 talk_ms=100", 30, "sleep 0", { 0 } },
	{ CLOSED, "stalls=1 rcvbuf_bytes=12000", 2, "sleep 0", { 0 } },
	{ SILENT, "", 2, "&link all after=400", { 0 } },
	{ SILENT, "", 40, "&link all after=400", { 0 } },
	{ SILENT, "talk_ms=50", 10, "&link all after=400", { 0 } },
	/* Its words come, and acknowledge nothing new. */
	{ HOLE, "talk_ms=100", 10, "&link big after=400", { 0 } },
	/* The request's head was acknowledged, none of the body ever is. */
	{ HOLE, "", 10, "link big; send send 200 @head; sleep 300", { 0 } },
	{ SLOW, "rcvbuf_bytes=12000 chunk_bytes=400 pause_ms=100", 2, "setopt sndbuf 10000",
	  { "SNDTIMEO_MIN_RATE=20K" } },
};

#define FAR (ROWS_OF(far) * ROWS_OF(callers))

ROW_TEST(reasons, of_a_send_over_a_link, FAR)
{
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const size_t n = *number / ROWS_OF(callers);
	struct setting setting = { .send_ms = SEND_MS, .watchdog_ms = 25000, .far_peer = far[n].peer,
				   .delay_ms = far[n].delay_ms, .environment = { "SNDTIMEO_LOG_FORMAT=json" } };

	need_link();
	for (size_t i = 0; far[n].environment[i]; i++)
		setting.environment[i + 1] = far[n].environment[i];
	struct run *run = play(&setting, "sock tcp4; connect %d at=%s; %s; %s; %s %ld %s @up", FAR_PORT, FAR_ADDRESS,
			       caller->setup, far[n].before, caller->upload, BYTES, caller->options);

	expect_clean(run);
	expect_reason(run, "send_timeout", far[n].reason);
}

/* The whole line, as people get it. */
Test(reasons, in_words)
{
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = 600 }, "sock tcp4; connect %u; sendall send 20000000",
			       peer_port(peer));
	unsigned port, seconds, tenths, pid;
	char mib[4][10], end[200];

	expect_clean(run);
	cr_assert(sscanf(run->errors,
			 "sndtimeo: tester[%u]: send to 127.0.0.1:%u timed out after %u.%u s: %9s MiB of %9s MiB accepted, "
			 "%9s MiB unacknowledged: %199[^\n]",
			 &pid, &port, &seconds, &tenths, mib[0], mib[1], mib[2], end) == 8,
		  "%s", run->errors);
	cr_assert_eq(port, peer_port(peer));
	cr_assert_eq(seconds, 0);
	cr_assert(tenths >= 6 && tenths <= 9);
	cr_assert_str_eq(mib[1], "19.0");
	cr_assert(strncmp(end, "the peer is connected but has not opened its window for 0.", 58) == 0, "%s", end);
	peer_finish(peer, 0);
}

Test(reasons, of_one_send_that_takes_too_long)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 60000, .chunk_bytes = 20000, .pause_ms = 20 });
	struct run *run = play(&(struct setting){ .environment = { "SNDTIMEO_SEND_TOTAL=800ms", "SNDTIMEO_LOG_FORMAT=json" } },
			       "sock tcp4; setopt sndbuf 60000; connect %u; send send 20000000; send @later send 100", peer_port(peer));

	expect_clean(run);
	expect_within(run, "send.ret", 1, 20000000 - 1);
	expect_took(run, "send.ms", 800);
	expect(run, "later.errno", ETIMEDOUT);
	expect_reason(run, "send_timeout", TOTAL);
	cr_assert(peer_finish(peer, 3000).end == PEER_SAW_RESET);
}

/* ---- connects ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *kind, *host;
	int family;
	const char *steps;
} connects[] = {
	{ "tcp4", "127.0.0.1", AF_INET, "connect PORT" },
	{ "tcp6", "[::1]", AF_INET6, "connect PORT" },
	{ "tcp4", "127.0.0.1", AF_INET, "nonblock 1; connect PORT; wait poll out 9000; getopt error" },
	{ "tcp6", "[::1]", AF_INET6, "nonblock 1; connect PORT; wait epoll_wait out 9000; getopt error" },
	{ "tcp4", "127.0.0.1", AF_INET, "nonblock 1; connect PORT; wait select out 9000; connect @second 9" },
};

ROW_TEST(reasons, of_a_connect_that_is_not_answered, ROWS_OF(connects))
{
	struct blackhole *hole = blackhole_start(connects[*number].family);
	char wanted[200];

	snprintf(wanted, sizeof wanted, "]: connect to %s:%u timed out after 1.", connects[*number].host, blackhole_port(hole));
	struct run *run = play(&(struct setting){ .connect_ms = 1100 }, "sock %s; %s", connects[*number].kind,
			       with_port(connects[*number].steps, blackhole_port(hole)));

	expect_clean(run);
	cr_assert(count_of(run->errors, "\n") == 1 && strstr(run->errors, wanted) &&
			  strstr(run->errors, ": no answer to SYN\n"), "not %s...:\n%s", wanted, run->errors);
	blackhole_finish(hole);
}

/* The kernel sends the SYN again after 1 and 3 s. */
#define ANSWERED_AFTER_MS 1500

static void *refuse_later(void *hole)
{
	usleep(ANSWERED_AFTER_MS * 1000);
	blackhole_finish(hole);
	return NULL;
}

/* A connect that a dry run lets go on, until it succeeds or is refused after all. */
static void late(const char *steps, bool refused, const char *reason)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct setting setting = { .connect_ms = 700, .watchdog_ms = 15000,
				   .environment = { "SNDTIMEO_DRY_RUN=1", "SNDTIMEO_LOG_FORMAT=json" } };
	const unsigned port = blackhole_port(hole);
	pthread_t thread;

	if (refused)
		cr_assert(pthread_create(&thread, NULL, refuse_later, hole) == 0);
	else
		blackhole_open_after(hole, ANSWERED_AFTER_MS);
	struct run *run = play(&setting, "sock tcp4; %s", with_port(steps, port));

	if (refused)
		pthread_join(thread, NULL);
	else
		blackhole_finish(hole);
	expect_clean(run);
	expect_reason(run, "connect_timeout", reason);
	cr_assert(strstr(run->errors, "\"dry_run\":true") && strstr(run->errors, "\"after_ms\":7"), "%s", run->errors);
}

Test(reasons, connected_late, .timeout = 40)
{
	late("connect PORT", false, "connected_late");
}

Test(reasons, refused_late, .timeout = 40)
{
	late("connect PORT", true, "refused_late");
}

/* Whoever waits is told while it lasts, when nobody knows the end yet. */
Test(reasons, told_while_it_lasts, .timeout = 40)
{
	late("nonblock 1; connect PORT; wait poll out 9000; getopt error", true, "syn_unanswered");
	late("nonblock 1; connect PORT; wait epoll_wait out 9000; getopt error", false, "syn_unanswered");
}
