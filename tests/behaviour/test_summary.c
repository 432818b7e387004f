/* SPDX-License-Identifier: MIT */
/** @file
 * @brief SNDTIMEO_SUMMARY: what is counted, and that it is told however the program ends.
 */
#include <stdio.h>
#include <string.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SUMMARY "SNDTIMEO_SUMMARY=1"
#define JSON "SNDTIMEO_LOG_FORMAT=json"

/* The number behind the key in the line of that destination, or event. */
static long number_of(const struct run *run, const char *of, const char *key)
{
	const char *line = strstr(run->errors, of);
	char sought[60];

	snprintf(sought, sizeof sought, "\"%s\":", key);
	const char *found = line ? strstr(line, sought) : NULL;

	cr_assert(found, "no %s of %s in\n%s", key, of, run->errors);
	return strtol(found + strlen(sought), NULL, 10);
}

/* ---- what is counted ----------------------------------------------------------------------------------------------------- */

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	EPOLL_LOOP("events=in+out"),
};

/* Pauses of 1.5 s and less, and a timeout on another connection. */
ROW_TEST(summary, counts, ROWS_OF(callers))
{
	const struct caller *caller = &callers[*number];
	struct peer *slow = peer_start(&(struct peer_script){ .rcvbuf_bytes = 200000, .start_ms = 1500 });
	struct peer *never = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&(struct setting){ .send_ms = 2000, .environment = { SUMMARY, JSON }, .watchdog_ms = 20000 },
			       "sock tcp4; setopt sndbuf 100000; connect %u; %s; %s 3000000 %s @up; close; "
			       "sock #1 tcp4; connect #1 %u @c; sendall #1 send 30000000 @late; sock #2 tcp4; connect #2 %u @c2",
			       peer_port(slow), caller->setup, caller->upload, caller->options, peer_port(never), peer_port(never));
	char first[60], second[60];

	expect_clean(run);
	expect(run, "up.ret", 3000000);
	expect(run, "late.errno", ETIMEDOUT);
	snprintf(first, sizeof first, "\"destination\":\"127.0.0.1:%u\",\"side\":\"to\"", peer_port(slow));
	snprintf(second, sizeof second, "\"destination\":\"127.0.0.1:%u\",\"side\":\"to\"", peer_port(never));
	cr_assert_eq(number_of(run, first, "connections"), 1);
	cr_assert(number_of(run, first, "waits") >= 1);
	cr_assert_eq(number_of(run, first, "send_timeouts"), 0);
	/* From the first refusal, which a busy machine comes to late, or from a probe of the window that was taken: probes go after 0.2,
	 * 0.6 and 1.4 s. */
	const long pause = number_of(run, first, "longest_pause_ms");

	cr_assert(pause >= 100 && pause <= 1900, "%ld ms\n%s", pause, run->errors);
	cr_assert_eq(number_of(run, second, "connections"), 2);
	cr_assert_eq(number_of(run, second, "send_timeouts"), 1);
	cr_assert_eq(number_of(run, "\"event\":\"advice\"", "longest_pause_ms"), pause);
	cr_assert(number_of(run, "\"event\":\"advice\"", "send_ms") >= 2 * pause);
	peer_finish(slow, 0);
	peer_finish(never, 0);
}

Test(summary, connects, .timeout = 20)
{
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .connect_ms = 300, .environment = { SUMMARY, JSON } },
			       "sock tcp4; connect %u; sock #1 tcp4; connect #1 %u @c1; sock #2 tcp4; nonblock #2 1; connect #2 %u @c2; "
			       "wait #2 poll out 1000; getopt #2 error; sock #3 tcp4; listen #3; client #3; accept #3 accept 4",
			       blackhole_port(hole), peer_port(peer), peer_port(peer));
	char to_hole[60], to_peer[60];

	expect_clean(run);
	snprintf(to_hole, sizeof to_hole, "\"destination\":\"127.0.0.1:%u\"", blackhole_port(hole));
	snprintf(to_peer, sizeof to_peer, "\"destination\":\"127.0.0.1:%u\"", peer_port(peer));
	cr_assert_eq(number_of(run, to_hole, "connect_timeouts"), 1);
	cr_assert_eq(number_of(run, to_hole, "connections"), 0);
	cr_assert_eq(number_of(run, to_peer, "connections"), 2);
	cr_assert(number_of(run, to_peer, "connect_longest_ms") <= 300);
	cr_assert_eq(number_of(run, "\"side\":\"at\"", "connections"), 1);
	blackhole_finish(hole);
	peer_finish(peer, 0);
}

/* In words, with a sentence that helps to choose. */
Test(summary, in_words, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 200000, .start_ms = 1200 });
	struct run *run = play(&(struct setting){ .send_ms = 5000, .environment = { SUMMARY } },
			       "sock tcp4; setopt sndbuf 100000; connect %u; send send 3000000", peer_port(peer));
	unsigned pid, port, whole, tenths, seconds;
	char first[300], second[300];

	expect_clean(run);
	cr_assert(sscanf(run->errors, "sndtimeo: tester[%u]: summary: 127.0.0.1:%u: %299[^\n]\nsndtimeo: tester[%u]: summary: %299[^\n]",
			 &pid, &port, first, &pid, second) == 5, "%s", run->errors);
	cr_assert_eq(port, peer_port(peer));
	cr_assert(strncmp(first, "1 connection (connect time: median ", 35) == 0, "%s", first);
	cr_assert(strstr(first, "1 send had to wait (longest time without progress that recovered: ") &&
			  strstr(first, "timeouts: 0 connects, 0 sends"), "%s", first);
	cr_assert(sscanf(second, "the longest pause that recovered was %u.%u s; a send timeout of %u s would have cut nothing (sends "
				 "that were complete at once are not seen)", &whole, &tenths, &seconds) == 3, "%s", second);
	cr_assert(10 * whole + tenths >= 3 && 10 * whole + tenths <= 19 && seconds * 10 >= 2 * (10 * whole + tenths), "%s", second);
	peer_finish(peer, 0);
}

/* ---- ways to end --------------------------------------------------------------------------------------------------------- */

static const char *const ends[] = {
	"sleep 0", "exit 0", "leave _exit", "leave _Exit", "leave quick_exit", "leave signal", "leave execl", "leave execlp",
	"leave execle", "leave execv", "leave execvp", "leave execvpe", "leave execve", "leave vfork", "&sleep 5000; exit 0",
};

ROW_TEST(summary, is_told_once_at_every_end, ROWS_OF(ends))
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .send_ms = 5000, .environment = { SUMMARY, JSON } },
			       "sock tcp4; connect %u; send send 1000; %s", peer_port(peer), ends[*number]);

	expect_clean(run);
	cr_assert_eq(count_of(run->errors, "\"event\":\"summary\""), 1, "%s", run->errors);
	cr_assert_eq(count_of(run->errors, "\"event\":\"advice\""), 1, "%s", run->errors);
	peer_finish(peer, 0);
}

/* A child tells its own, and not its parent's once more. */
Test(summary, of_a_child, .timeout = 20)
{
	struct peer *peer = peer_start(&(struct peer_script){ 0 }), *other = peer_start(&(struct peer_script){ 0 });
	struct run *run = play(&(struct setting){ .send_ms = 5000, .environment = { SUMMARY, JSON } },
			       "sock tcp4; connect %u; close; sock tcp4; child connect %u; reap; child sleep 0; reap",
			       peer_port(peer), peer_port(other));
	char first[60], second[60];

	expect_clean(run);
	snprintf(first, sizeof first, "\"destination\":\"127.0.0.1:%u\"", peer_port(peer));
	snprintf(second, sizeof second, "\"destination\":\"127.0.0.1:%u\"", peer_port(other));
	cr_assert_eq(count_of(run->errors, first), 1, "%s", run->errors);
	cr_assert_eq(count_of(run->errors, second), 1, "%s", run->errors);
	cr_assert_eq(count_of(run->errors, "\"event\":\"summary\""), 2, "%s", run->errors);
	peer_finish(peer, 0);
	peer_finish(other, 0);
}

/* Without connections, or limits, there is nothing to tell. */
Test(summary, of_nothing)
{
	struct run *run = play(&(struct setting){ .send_ms = 5000, .environment = { SUMMARY } }, "sock file; send write 10");

	expect_clean(run);
	cr_assert_str_empty(run->errors);
	run = play(&(struct setting){ .environment = { SUMMARY } }, "sock tcp4; connect 9");
	cr_assert_str_empty(run->errors);
}
