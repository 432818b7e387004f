/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Runs the tester program under the library and asserts on what it says.
 *
 * The tester takes a script, steps separated by `;`, and prints `key=value` lines (tester.h says which). A test starts
 * its peers, runs a script and compares values:
 *
 *     struct peer *peer = peer_start(&never_reads);
 *     struct run *run = play(&(struct setting){ .send_ms = 600 }, "sock tcp4; connect %u; send send 20000000",
 *                            peer_port(peer));
 *     expect(run, "send.ret", ...);
 *
 * From the environment: SNDTIMEO_TEST_LIBRARY and SNDTIMEO_TEST_TESTER (absolute paths), and, optional,
 * SNDTIMEO_TEST_LAUNCHER (the command), SNDTIMEO_TEST_PROGRAMS (the folder of those built from programs/), SNDTIMEO_TEST_CLOCK (a library built from clock.c),
 * SNDTIMEO_TEST_PRELOAD_FIRST (goes in front in LD_PRELOAD: a sanitizer's runtime), SNDTIMEO_TEST_SYMBOLS (a file, one
 * exported symbol a line), SNDTIMEO_TEST_EARLY (a library built from early.c), SNDTIMEO_TEST_BEHIND (what the names of those
 * built from behind.c begin with), SNDTIMEO_TEST_SEED,
 * TESTER_UNDER_VALGRIND (the tester, if what is called so runs it under valgrind); for links PYTHON,
 * SNDTIMEO_TEST_SRCDIR and SNDTIMEO_TEST_SERVE (the program built from serve.c).
 */
#ifndef SNDTIMEO_TESTS_HARNESS_H
#define SNDTIMEO_TESTS_HARNESS_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../peers/peer.h"
#include "protocol.h"

/** The tests' own allowance for a loaded machine, on top of the contract's tolerance, in this one place. */
#define GRACE_MS 250

/** Variables that a run can be given as they are. */
#define MOST_VARIABLES 7

/** What a run of the tester is given. All zero: the library with no limit set. */
struct setting {
	bool bare;              /**< without the library */
	int send_ms;            /**< SNDTIMEO_SEND; 0: unset */
	int connect_ms;         /**< SNDTIMEO_CONNECT; 0: unset */
	const char *policy;     /**< SNDTIMEO_POLICY; NULL: unset */
	const char *preload;    /**< one more library, behind ours; NULL: none */
	const char *environment[MOST_VARIABLES + 1];   /**< NAME=VALUE, as it is; ends with NULL */
	bool socket_errors;     /**< its standard error is a unix socket, as under a journal, and not a pipe */
	unsigned closed;        /**< standard descriptors that the run is begun without: bit 0, 1 and 2 */
	int watchdog_ms;        /**< the run is killed after so long; 0: WATCHDOG_MS */
	const char *program;    /**< of programs/, instead of the tester: it gets the script as its one argument; NULL: the tester */
	const char *far_peer;   /**< words for serve.c: a peer at FAR_ADDRESS and FAR_PORT, a delayed link away; NULL: none */
	int delay_ms;           /**< of that link, each way */
	bool outside;           /**< without the library, under `sndtimeo --outside` */
	bool attached;          /**< without the library; `sndtimeo --attach` watches it from the beginning */
	int killed;             /**< of a setting that is attached: so many of who watches are killed first, one after the other */
};

#define FAR_ADDRESS "10.9.0.2"
#define FAR_PORT 8080

/** Longer than any run should take, shorter than anybody wants to wait. */
#define WATCHDOG_MS 10000

/** What came of a run. Never freed: each test is a process of its own. */
struct run {
	bool hung;          /**< the watchdog killed it */
	int status;         /**< as wait(2) has it */
	char *script;       /**< for the messages: one test may play many */
	char *transcript;   /**< the key=value lines, in order */
	char *errors;       /**< what it wrote to its standard error, and what who watches it wrote */
	int watcher_status; /**< of a setting that is attached: as wait(2) has it */
};

/** Run the tester with the script that @p format makes. Fails the test if it cannot be run at all. */
struct run *play(const struct setting *setting, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Skips the test, by name, if no delayed link can be made here (delayline.py says why). */
void need_link(void);

/** @return whether the run printed @p key. */
bool has_value(const struct run *run, const char *key);
/** @return the value of the last line with this key; fails the test if there is none. */
long value_of(const struct run *run, const char *key);
/** @return the transcript without the keys that differ from run to run (times, process ids): for comparing runs. */
char *comparable(const struct run *run);

/** @return whether a sanitizer, or valgrind, watches, which is no time to look at times. */
bool sanitized(void);
/** @return whether lines are counted, into files, at the end of each process. */
bool coverage_counted(void);
/** Skips the test, by name, under the sanitizer whose runtime has @p runtime in its name. */
#define not_under(runtime, why)                                                                                    \
	do {                                                                                                       \
		if (sanitized() && strstr(getenv("SNDTIMEO_TEST_PRELOAD_FIRST"), runtime))                         \
			cr_skip_test(why);                                                                         \
	} while (0)

/** The contract's tolerance for a limit of @p limit_ms (waits in epoll have a wider one) and our grace. */
long latest_ms(long limit_ms);
long latest_in_epoll_ms(long limit_ms);
/** Nothing may happen before this: the limit less 2 %, because clocks are read at different places. */
long earliest_ms(long limit_ms);

/** @return what printf(3) makes of it, allocated; never freed. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** @return how often @p sought is in @p text. */
int count_of(const char *text, const char *sought);
/** @return @p text with each word PORT in it replaced by @p port; never freed. */
char *with_port(const char *text, unsigned port);

/** @return an environment variable of the tests; fails the test if it is not set. */
const char *needed(const char *name);

/** Fails unless the run ended by itself, with exit status 0, and no successful call touched errno, moved a file
 * offset by other than it sent, or received bytes that nobody had sent. */
#define expect_clean(played)                                                                                          \
	do {                                                                                                       \
		const struct run *run_ = (played);                                                                 \
		cr_assert(!run_->hung, "the tester hung\n%s\n%s%s", run_->script, run_->transcript, run_->errors); \
		cr_assert(run_->status == 0, "the tester ended with status 0x%x\n%s\n%s%s",                       \
			  (unsigned)run_->status, run_->script, run_->transcript, run_->errors);                   \
		cr_assert(!has_value(run_, "errno_touched"), "errno was touched on success\n%s",                   \
			  run_->transcript);                                                                       \
		cr_assert(!has_value(run_, "sendfile.offset_wrong"), "wrong file offset\n%s", run_->transcript);  \
		cr_assert(!has_value(run_, "recv.not_in_pattern"), "strange bytes\n%s", run_->transcript);       \
	} while (0)

/** Fails unless the last value of @p key is @p wanted. */
#define expect(played, key, wanted) expect_within(played, key, wanted, wanted)

/** Fails unless the last value of @p key lies in [@p least, @p most]. */
#define expect_within(played, key, least, most)                                                                    \
	do {                                                                                                       \
		const struct run *run_ = (played);                                                                 \
		const long value_ = value_of(run_, key), least_ = (least), most_ = (most);                         \
		cr_assert(value_ >= least_ && value_ <= most_, "%s is %ld, not in [%ld, %ld]\n%s\n%s%s", key,     \
			  value_, least_, most_, run_->script, run_->transcript, run_->errors);                    \
	} while (0)

/** Fails unless the time under @p key is the limit, within the tolerance. */
#define expect_took(played, key, limit_ms) expect_within(played, key, earliest_ms(limit_ms), latest_ms(limit_ms))

/**
 * Fails unless step @p label ended when the connection had been without progress for the limit: the tester's watcher
 * gives the shortest and the longest time that can be (it samples), so each bound is checked against the fair one.
 */
#define expect_stalled_for(played, label, limit_ms)                                                                \
	do {                                                                                                       \
		expect_within(played, label ".stall_most", earliest_ms(limit_ms), 3600000);                           \
		expect_within(played, label ".stall_least", 0, latest_ms(limit_ms));                                  \
	} while (0)

/** The same for a wait in epoll. */
#define expect_stalled_in_epoll_for(played, label, limit_ms)                                                       \
	do {                                                                                                       \
		expect_within(played, label ".stall_most", earliest_ms(limit_ms), 3600000);                           \
		expect_within(played, label ".stall_least", 0, latest_in_epoll_ms(limit_ms));                         \
	} while (0)

/** Fails unless the peer read exactly @p wanted bytes, all in their place. */
#define expect_peer_read(report, wanted)                                                                           \
	do {                                                                                                       \
		const struct peer_report report_ = (report);                                                       \
		cr_assert(report_.in_pattern, "the peer read other bytes than were sent");                         \
		cr_assert(report_.bytes == (uint64_t)(wanted), "the peer read %llu bytes, not %llu",               \
			  (unsigned long long)report_.bytes, (unsigned long long)(wanted));                        \
	} while (0)

/**
 * For tests of rule 7: skips, by name, if the peer itself was held up so long by the machine that it made no progress
 * for the send timeout, because then the library was right to cut it.
 */
#define need_gaps_below(run, limit_ms)                                                                             \
	do {                                                                                                       \
		if (value_of(run, "watch.gap") >= earliest_ms(limit_ms))                                           \
			cr_skip_test("inconclusive: this machine held the peer up for %ld ms",                     \
				     value_of(run, "watch.gap"));                                                  \
	} while (0)

#endif
