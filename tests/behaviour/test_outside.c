/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Limits from outside: the tester without the library, and a watcher beside it.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "callers.h"
#include "harness.h"
#include "rows.h"

#define SEND_MS 1500
#define BYTES 20000000L
/* What is sent before it stalls takes this long at most, where the stall alone is not told. */
#define BEFORE_MS 600

/* Found out by a look, and ended by the kernel's timer: 7.5 %, and 150 ms at least. */
static long latest_outside_ms(long limit_ms)
{
	const long part_ms = limit_ms * 75 / 1000;

	return limit_ms + (part_ms > 150 ? part_ms : 150) + GRACE_MS + (sanitized() ? 2000 : 0);
}

static const struct peer_script never_reads = { .stop = PEER_STALLS };
static const struct setting watched = { .send_ms = SEND_MS, .outside = true };

static const struct caller callers[] = {
	BLOCKING_CALLER,
	WRITER(30000),
	POLL_LOOP("events=in+out"),
	POLL_LOOP("tick=50 events=in+out"),
	EPOLL_LOOP("events=in+out"),
	EPOLL_LOOP("et=1 events=in+out"),
};

/* Sanitizers' runtimes look into processes in their own way, and are slow; a container may forbid to look at all. */
static void need_watcher(void)
{
	char *command = text("'%s' --outside --check -- true >/dev/null 2>&1", needed("SNDTIMEO_TEST_LAUNCHER"));

	not_under("san", "the watcher is tried without sanitizers");
	if (system(command) != 0)
		cr_skip_test("no process can be looked into here");
}

/* The kernel tells of the verdict itself: ETIMEDOUT, as a program expects it. */
static void expect_end(const struct run *run, const char *peer)
{
	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.stall_most", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS));
	cr_assert(strstr(run->errors, text("send to %s timed out after ", peer)), "%s", run->errors);
	cr_assert(strstr(run->errors, "sndtimeo: tester["), "%s", run->errors);
}

ROW_TEST(outside, a_peer_that_stops_reading, ROWS_OF(callers))
{
	need_watcher();
	const struct caller *caller = &callers[*number];
	/* A buffer of one size, and segments that are small to it: else a part of one is what the window has room for, a probe takes
	 * that there, and the window is shut more than once. */
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	struct run *run = play(&watched, "sock tcp4; setopt maxseg 1400; connect %u; %s; watch; %s %ld %s @up; close", peer_port(peer), caller->setup,
			       caller->upload, BYTES, caller->options);

	expect_end(run, text("127.0.0.1:%u", peer_port(peer)));
	peer_resume(peer);
	cr_assert(peer_finish(peer, 3000).end != PEER_SAW_EOF);
}

/* As programs are that nothing preloaded can reach. */
Test(outside, a_program_attached_to, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	const struct setting setting = { .send_ms = SEND_MS, .attached = true };
	struct run *run = play(&setting, "sock tcp4; connect %u; watch; sleep 300; sendall send %ld @up; close", peer_port(peer), BYTES);

	expect_end(run, text("127.0.0.1:%u", peer_port(peer)));
	/* Something timed out. */
	cr_assert(WIFEXITED(run->watcher_status) && WEXITSTATUS(run->watcher_status) == 1, "%#x", (unsigned)run->watcher_status);
	peer_finish(peer, 0);
}

Test(outside, nothing_timed_out, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ 0 });
	const struct setting setting = { .send_ms = SEND_MS, .attached = true };
	struct run *run = play(&setting, "sock tcp4; connect %u; sendall send 3000000 @up; close; sleep 300", peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 3000000);
	cr_assert(WIFEXITED(run->watcher_status) && WEXITSTATUS(run->watcher_status) == 0, "%#x", (unsigned)run->watcher_status);
	cr_assert(!strstr(run->errors, "timed out after"), "%s", run->errors);
	peer_finish(peer, 2000);
}

/* ---- wherever it is ------------------------------------------------------------------------------------------------ */

/* Who has it, by which number, and how its program waits for room. */
static const char *const places[] = {
	"sleep 200; hand 1 dup; sleep 600; sendall #1 send 20000000 @up",
	"dup 1; dup 2; dup 3; sendall #3 send 20000000 @up",
	"sleep 300; fork; sleep 300; sendall send 20000000 @up",
	"fork; fork; fork; sendall send 20000000 @up",
	"orphan; sleep 1100; sendall send 20000000 @up",
	"fork; name; sleep 100; sendall send 20000000 @up",
	"name; sleep 100; sendall send 20000000 @up",
	"&sendall send 20000000 @up; sleep 100; quit",
	"nonblock 1; nest @up poll send 20000000",
	"nonblock 1; nest @up select send 20000000",
	"nonblock 1; nest @up epoll send 20000000",
	"nonblock 1; crowd @up poll 20000000",
	"nonblock 1; crowd @up closed 20000000",
};

ROW_TEST(outside, wherever_it_is, ROWS_OF(places))
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	struct run *run = play(&watched, "sock tcp4; setopt maxseg 1400; connect %u; watch; %s", peer_port(peer), places[*number]);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	/* Some cannot be watched by the tester; they have sent at once. */
	expect_within(run, has_value(run, "up.stall_most") ? "up.stall_most" : "up.ms", earliest_ms(SEND_MS),
		      latest_outside_ms(SEND_MS) + BEFORE_MS);
	cr_assert_eq(count_of(run->errors, "\n"), 1, "%s", run->errors);
	peer_finish(peer, 0);
}

/* ---- healthy peers ------------------------------------------------------------------------------------------------- */

static const struct peer_script healthy[] = {
	{ .rcvbuf_bytes = 16384, .chunk_bytes = 8000, .pause_ms = 100 },
	/* Pauses that are more than half of the limit, in each of which the window is probed. */
	{ .rcvbuf_bytes = 16384, .chunk_bytes = 32000, .pause_ms = 900 },
};

ROW_TEST(outside, healthy_peer, ROWS_OF(healthy) * ROWS_OF(callers))
{
	need_watcher();
	const struct caller *caller = &callers[*number % ROWS_OF(callers)];
	const struct peer_script *script = &healthy[*number / ROWS_OF(callers)];
	const long bytes = script->pause_ms > 500 ? 260000 : 600000;
	struct peer *peer = peer_start(script);
	struct setting setting = watched;

	setting.watchdog_ms = 25000;
	struct run *run = play(&setting, "sock tcp4; setopt sndbuf 60000; connect %u; %s; %s %ld %s @up; sleep 100; rawopt user_timeout; close",
			       peer_port(peer), caller->setup, caller->upload, bytes, caller->options);

	expect_clean(run);
	expect(run, "up.ret", bytes);
	expect(run, "rawopt.value", 0);
	cr_assert(!strstr(run->errors, "timed out"), "%s", run->errors);
	peer_finish(peer, 8000);
}

/* It was handed over whole, and its program waits for the answer: nobody wants to send. */
static const char *const waits[] = { "wait poll in 3200", "wait select in 3200", "wait epoll_wait in 3200" };

ROW_TEST(outside, a_request_that_was_handed_over_whole, ROWS_OF(waits))
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 8192, .start_ms = 4000, .stop = PEER_READS_ON });
	struct run *run = play(&watched, "sock tcp4; setopt sndbuf 400000; connect %u; nonblock 1; send @up send 2000000; nonblock 0; "
					 "%s; sleep 500; getopt error", peer_port(peer), waits[*number]);

	expect_clean(run);
	cr_assert_geq(value_of(run, "up.ret"), 300000);
	expect(run, "getopt.value", 0);
	cr_assert(!strstr(run->errors, "timed out"), "%s", run->errors);
	peer_finish(peer, 4000);
}

Test(outside, a_process_that_was_frozen, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 65536, .chunk_bytes = 60000, .pause_ms = 50 });
	struct setting setting = watched;

	setting.watchdog_ms = 25000;
	struct run *run = play(&setting, "sock tcp4; connect %u; &freeze 2500 after=300; sendall send 9000000 @up; close", peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 9000000);
	peer_finish(peer, 5000);
}

/* What its program closes with SO_LINGER while the verdict is awaited keeps nobody waiting: not it, and not the others. */
Test(outside, a_close_that_lingers, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	struct peer *other = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	struct run *run = play(&watched, "sock tcp4; linger 1 8; setopt maxseg 1400; connect %u; nonblock 1; fill send; sleep 300; fill send; sleep 100; fill send; sock #1 tcp4; "
					 "setopt #1 maxseg 1400; setopt #1 user_timeout 60000; connect #1 %u @other; &sendall #1 send 20000000 @up; "
					 "wait poll out 1420; close; join up", peer_port(peer), peer_port(other));

	expect_clean(run);
	expect(run, "wait.ret", 0);
	/* It has an option of its own, so this is ours to end. */
	expect(run, "up.errno", ECONNRESET);
	expect_within(run, "up.ms", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS) + BEFORE_MS);
	peer_finish(peer, 0);
	peer_finish(other, 0);
}

/* ---- connects ------------------------------------------------------------------------------------------------------ */

Test(outside, connects, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);
	const unsigned port = blackhole_port(hole);
	struct run *run = play(&(struct setting){ .connect_ms = 1500, .outside = true }, "sock tcp4; connect %u", port);

	expect_clean(run);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_within(run, "connect.ms", earliest_ms(1500), latest_outside_ms(1500));
	cr_assert(strstr(run->errors, text("connect to 127.0.0.1:%u timed out after ", port)), "%s", run->errors);
	run = play(&(struct setting){ .connect_ms = 1500, .outside = true },
		   "sock tcp4; nonblock 1; connect %u; wait poll out 4000; getopt error", port);
	expect_clean(run);
	expect(run, "getopt.value", ETIMEDOUT);
	expect_within(run, "wait.ms", earliest_ms(1500) - 20, latest_outside_ms(1500));
	blackhole_finish(hole);
}

/* Each of them takes the whole limit, and is told of. */
Test(outside, attempts_by_one_descriptor, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);
	const unsigned port = blackhole_port(hole);
	struct run *run = play(&(struct setting){ .connect_ms = 1500, .outside = true },
			       "sock tcp4; connect @one %u; connect @two %u; connect @three %u; sleep 300; rawopt user_timeout", port, port, port);
	static const char *const attempts[] = { "one", "two", "three" };

	expect_clean(run);
	for (size_t i = 0; i < ROWS_OF(attempts); i++) {
		expect(run, text("%s.errno", attempts[i]), ETIMEDOUT);
		expect_within(run, text("%s.ms", attempts[i]), earliest_ms(1500), latest_outside_ms(1500));
	}
	expect(run, "rawopt.value", 0);
	cr_assert_eq(count_of(run->errors, "timed out after 1.5 s"), 3, "%s", run->errors);
	blackhole_finish(hole);
}

/* A rule may be shorter than what counts for all others, and the socket older than its connect. */
Test(outside, a_rule_that_is_shorter, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	const struct setting setting = { .outside = true, .environment = { "SNDTIMEO_RULES=127.0.0.0/8 connect=1s send=1500ms",
									   "SNDTIMEO_SEND=60" } };
	struct run *run = play(&setting, "sock tcp4; sleep 2500; connect %u; sock #1 tcp4; setopt #1 maxseg 1400; connect #1 %u @c; "
					 "sendall #1 send 20000000 @up", blackhole_port(hole), peer_port(peer));

	expect_clean(run);
	expect(run, "connect.errno", ETIMEDOUT);
	expect_within(run, "connect.ms", earliest_ms(1000), latest_outside_ms(1000));
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.ms", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS) + BEFORE_MS);
	blackhole_finish(hole);
	peer_finish(peer, 0);
}

/* What was connected has nothing of ours left. */
/* Each process has the rules of its program: the tester's is not the one it was before its name was known. */
Test(outside, a_rule_of_a_program, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	const struct setting setting = { .send_ms = 9000, .outside = true,
					 .environment = { "SNDTIMEO_RULES=program=sndtimeo send=300ms; program=tester send=1500ms; * send=200ms" } };
	struct run *run = play(&setting, "sock tcp4; setopt maxseg 1400; connect %u; watch; sendall send %ld @up; close", peer_port(peer), BYTES);

	expect_end(run, text("127.0.0.1:%u", peer_port(peer)));
	peer_finish(peer, 0);
}

Test(outside, a_rule_that_spares_a_program, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 2500 });
	const struct setting setting = { .send_ms = 500, .outside = true, .environment = { "SNDTIMEO_RULES=program=tester off; * send=500ms" } };
	struct run *run = play(&setting, "sock tcp4; connect %u; sendall send 9000000 @up; close", peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 9000000);
	expect_peer_read(peer_finish(peer, 3000), 9000000);
	/* The command says so, and nobody says anything else. */
	cr_assert(strstr(run->errors, "has no limits: rule 1 switches them off") && count_of(run->errors, "\n") == 1, "%s", run->errors);
}

/* They begin at all moments between two scans, and each is told of. */
Test(outside, connects_begun_at_any_time, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);
	const unsigned port = blackhole_port(hole);
	char script[1200] = "";

	for (int i = 1; i <= 10; i++)
		strcat(script, text("sock #%d tcp4; nonblock #%d 1; connect #%d %u; sleep 20; ", i, i, i, port));
	struct run *run = play(&(struct setting){ .connect_ms = 1500, .outside = true }, "%s sleep 2000", script);

	expect_clean(run);
	cr_assert_eq(count_of(run->errors, "timed out after 1."), 10, "%s", run->errors);
	blackhole_finish(hole);
}

/* A connect that one program began is the next one's, and that has no deadline. */
Test(outside, a_rule_of_the_next_program, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);
	const struct setting setting = { .connect_ms = 1500, .outside = true, .environment = { "SNDTIMEO_RULES=program=exe off" } };
	struct run *run = play(&setting, "sock tcp4; nonblock 1; connect %u; sleep 700; rawopt @before user_timeout; exec 3 as=/proc/self/exe; "
			       "adopt 3 tcp4; sleep 1800; rawopt @after user_timeout; getopt error", blackhole_port(hole));

	expect_clean(run);
	expect(run, "before.value", 1500);
	expect(run, "after.value", 0);
	expect(run, "getopt.value", 0);
	cr_assert_str_empty(run->errors);
	blackhole_finish(hole);
}

/* ---- whose rules ------------------------------------------------------------------------------------------------------ */

#define TO_ANOTHER_PROGRAM "sock tcp4; setopt maxseg 1400; connect %u; sleep 600; fork close=1; exec 3 as=/proc/self/exe; adopt 3 tcp4; "

/* It was seen in the hands of a program that has no limits, and of one whose limit is short. */
Test(outside, a_socket_that_another_program_gets, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	const struct setting setting = { .send_ms = 9000, .outside = true,
					 .environment = { "SNDTIMEO_RULES=program=exe send=1500ms; program=tester off" } };
	struct run *run = play(&setting, TO_ANOTHER_PROGRAM "watch; sendall send %ld @up; close", peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.stall_most", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS));
	peer_finish(peer, 0);
}

Test(outside, a_socket_that_a_spared_program_gets, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 3000 });
	const struct setting setting = { .send_ms = 9000, .outside = true,
					 .environment = { "SNDTIMEO_RULES=program=exe off; program=tester send=500ms" } };
	struct run *run = play(&setting, TO_ANOTHER_PROGRAM "sendall send 9000000 @up; close", peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 9000000);
	expect_peer_read(peer_finish(peer, 5000), 9000000);
}

/* It is the first process' that has it, wherever its child has put it. */
Test(outside, a_socket_that_a_child_has_too, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	const struct setting setting = { .send_ms = 9000, .outside = true,
					 .environment = { "SNDTIMEO_RULES=program=exe off; program=tester send=1500ms" } };
	struct run *run = play(&setting, "sock tcp4; setopt maxseg 1400; connect %u; sleep 300; fork; exec 0 as=/proc/self/exe; adopt 0 tcp4; watch; "
					 "sendall send %ld @up; close", peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.stall_most", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS));
	peer_finish(peer, 0);
}

/* What happens to a file while a program runs. */
struct change {
	char folder[300];
	const char *name;      /* in the folder */
	const char *text;      /* what it has from then on; NULL: it is gone */
	long after_ms;
};

static void *make_change(void *context)
{
	const struct change *change = context;
	char path[400];

	snprintf(path, sizeof path, "%s/%s", change->folder, change->name);
	usleep((useconds_t)change->after_ms * 1000);
	FILE *file = change->text ? fopen(path, "w") : NULL;

	if (file) {
		fputs(change->text, file);
		fclose(file);
	} else
		unlink(path);
	return NULL;
}

static void begin_change(struct change *change)
{
	snprintf(change->folder, sizeof change->folder, "%s-change-XXXXXX", needed("SNDTIMEO_TEST_TESTER"));
	cr_assert(mkdtemp(change->folder));
}

static struct run *play_changing(struct change *change, const struct setting *setting, const char *script)
{
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, make_change, change) == 0);
	struct run *run = play(setting, "%s", script);

	pthread_join(thread, NULL);
	unlink(text("%s/%s", change->folder, change->name));
	return run;
}

/* A package that is upgraded takes the file away under a program that runs. It was known by it when it began. */
Test(outside, a_program_whose_file_is_gone, .timeout = 30)
{
	need_watcher();
	struct change change = { .name = "spared", .after_ms = 500 };
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 7000 });
	const struct setting setting = { .send_ms = 500, .outside = true, .watchdog_ms = 15000, .environment = { "SNDTIMEO_RULES=program=spared off" } };

	begin_change(&change);
	if (link(needed("SNDTIMEO_TEST_TESTER"), text("%s/spared", change.folder)) != 0)
		cr_skip_test("no second name for a file can be made here");
	cr_assert(symlink("spared", text("%s/other", change.folder)) == 0);
	struct run *run = play_changing(&change, &setting, text("sock tcp4; exec 3 as=%s/other; adopt 3 tcp4; connect %u; sleep 900; "
								"sendall send 9000000 @up; close", change.folder, peer_port(peer)));

	unlink(text("%s/other", change.folder));
	rmdir(change.folder);
	expect_clean(run);
	expect(run, "up.ret", 9000000);
	expect_peer_read(peer_finish(peer, 5000), 9000000);
}

/* A program that begins then has no more than what is left of its rules, and that is told of. What runs keeps what it has. */
Test(outside, a_file_of_rules_that_is_gone, .timeout = 30)
{
	need_watcher();
	struct change change = { .name = "rules", .after_ms = 900 }, before = change;
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 20000, .start_ms = 3500 });

	begin_change(&change);
	memcpy(before.folder, change.folder, sizeof before.folder);
	before.after_ms = 0;
	before.text = "send=500ms\nprogram=exe send=300ms\nprogram=tester off\n";
	make_change(&before);
	const struct setting setting = { .outside = true, .environment = { text("SNDTIMEO_CONFIG=%s/rules", change.folder) } };
	struct run *run = play_changing(&change, &setting, text("sock tcp4; connect %u; sleep 1300; &sleep 1; fork; exec 3 as=/proc/self/exe; "
								"adopt 3 tcp4; sleep 600; sendall send 9000000 @up; close", peer_port(peer)));

	rmdir(change.folder);
	expect_clean(run);
	expect(run, "up.ret", 9000000);
	cr_assert(strstr(run->errors, "/rules: No such file or directory") && !strstr(run->errors, "timed out"), "%s", run->errors);
	expect_peer_read(peer_finish(peer, 5000), 9000000);
}

/* A program that begins then has what is in it then. */
Test(outside, a_file_of_rules_that_changes, .timeout = 30)
{
	need_watcher();
	struct change change = { .name = "rules", .after_ms = 900, .text = "send=1500ms\nprogram=nobody off\n" }, before = change;
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });

	begin_change(&change);
	memcpy(before.folder, change.folder, sizeof before.folder);
	before.after_ms = 0;
	before.text = "send=9s\nprogram=nobody off\n";
	make_change(&before);
	const struct setting setting = { .outside = true, .environment = { text("SNDTIMEO_CONFIG=%s/rules", change.folder) } };
	struct run *run = play_changing(&change, &setting, text("sock tcp4; setopt maxseg 1400; connect %u; sleep 1300; fork close=1; exec 3 as=/proc/self/exe; "
								"adopt 3 tcp4; watch; sendall send %ld @up; close", peer_port(peer), BYTES));

	rmdir(change.folder);
	expect_clean(run);
	cr_assert(strstr(run->errors, "timed out after "), "%s", run->errors);
	peer_finish(peer, 0);
}

/* ---- what goes on after a stop ---------------------------------------------------------------------------------------- */

/* poll(2) goes on as another call then (restart_syscall(2)). */
Test(outside, a_writer_that_was_stopped, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS, .rcvbuf_bytes = 65536 });
	struct run *run = play(&watched, "sock tcp4; setopt maxseg 1400; connect %u; nonblock 1; &freeze 300 after=600; sync send %ld 30000 @up; close",
			       peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	cr_assert(strstr(run->errors, "timed out after "), "%s", run->errors);
	peer_finish(peer, 0);
}

/* ---- beside the program ------------------------------------------------------------------------------------------------ */

/* $(...) ends when nobody can print any more: a daemon that was left behind cannot, nor may its watcher. */
Test(outside, whoever_reads_what_is_printed_is_let_go, .timeout = 30)
{
	need_watcher();
	const time_t began = time(NULL);
	/* The command says what it thinks of settings that it does not know. */
	FILE *said = popen(text("for name in $(env | sed -n 's/^\\(SNDTIMEO_[A-Z_]*\\)=.*/\\1/p'); do unset $name; done; '%s' --outside -- sh -c 'setsid sleep 5 >/dev/null 2>&1 </dev/null & echo said' 2>&1",
				needed("SNDTIMEO_TEST_LAUNCHER")), "r");
	char line[20] = "";

	cr_assert(said && fgets(line, sizeof line, said) && !fgets(line, sizeof line, said));
	cr_expect_str_eq(line, "said\n");
	cr_expect(time(NULL) - began < 4, "%ld s", (long)(time(NULL) - began));
	pclose(said);
}

Test(outside, a_connect_that_was_late, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);

	blackhole_open_after(hole, 400);
	struct run *run = play(&(struct setting){ .connect_ms = 3000, .outside = true },
			       "sock tcp4; connect %u; sleep 400; rawopt user_timeout", blackhole_port(hole));

	expect_clean(run);
	expect(run, "connect.ret", 0);
	expect(run, "rawopt.value", 0);
	blackhole_finish(hole);
}

/* ---- what is closed --------------------------------------------------------------------------------------------------- */

/* It was handed over whole, and its program is gone: the peer may take all the time it wants. The option that would have ended
 * the stall before does not outlive it. */
Test(outside, a_close_after_a_long_pause, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 65536, .start_ms = 1200, .chunk_bytes = 140000,
							      .pause_ms = 2800 });
	struct run *run = play(&watched, "sock tcp4; setopt sndbuf 100000; setopt maxseg 1400; connect %u; sendall send 330000 @up; close",
			       peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 330000);
	const struct peer_report report = peer_finish(peer, 9000);

	expect_peer_read(report, 330000);
	cr_assert(report.end == PEER_SAW_EOF);
}

/* Nor does that of a connect. */
Test(outside, a_close_right_after_a_connect, .timeout = 30)
{
	need_watcher();
	struct blackhole *hole = blackhole_start(AF_INET);

	blackhole_open_after(hole, 400);
	struct run *run = play(&(struct setting){ .connect_ms = 2000, .outside = true },
			       "sock tcp4; setopt sndbuf 400000; setopt maxseg 1400; connect %u; sendall send 200000 @up; close",
			       blackhole_port(hole));

	expect_clean(run);
	expect(run, "up.ret", 200000);
	sleep(4);
	cr_assert_eq(blackhole_read(hole), 200000);
	blackhole_finish(hole);
}

/* ---- the rest of the contract -------------------------------------------------------------------------------------- */

Test(outside, own_user_timeout_stays, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&watched, "sock tcp4; setopt user_timeout 60000; connect %u; watch; &sendall send %ld @up; sleep 1200; "
					 "rawopt user_timeout; join up", peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "rawopt.value", 60000);
	/* By a reset of ours, which the kernel calls by its name. */
	cr_assert(value_of(run, "up.errno") == ECONNRESET || value_of(run, "up.errno") == EPIPE);
	expect_within(run, "up.stall_most", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS));
	peer_finish(peer, 0);
}

/* It is readable then, as where the kernel ends it: a program that waits for the answer alone, and that an error tells nothing, reads
 * of it. */
Test(outside, a_reset_wakes_who_waits_to_read, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&watched, "sock tcp4; setopt user_timeout 60000; connect %u; &wait @in poll in 8000; sendall send %ld @up; "
					 "join in; sleep 100; wait @again poll in 1000", peer_port(peer), BYTES);

	expect_clean(run);
	cr_assert(value_of(run, "in.revents") & POLLHUP, "%s", run->transcript);
	cr_assert(value_of(run, "again.revents") & POLLIN, "%s", run->transcript);
	peer_finish(peer, 0);
}

Test(outside, a_dry_run_ends_nothing, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 65536, .start_ms = 3500 });
	struct setting setting = watched;

	setting.environment[0] = "SNDTIMEO_DRY_RUN=1";
	struct run *run = play(&setting, "sock tcp4; connect %u; sendall send 9000000 @up; rawopt user_timeout; close", peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 9000000);
	expect(run, "rawopt.value", 0);
	cr_assert(count_of(run->errors, "would have timed out after 1.5 s") == 1, "%s", run->errors);
	peer_finish(peer, 5000);
}

/* The kernel itself hands over what stdio has, which nothing preloaded can reach. */
Test(outside, stdio, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .stop = PEER_STALLS });
	struct run *run = play(&watched, "sock tcp4; connect %u; watch; stdio %ld @up", peer_port(peer), BYTES);

	expect_clean(run);
	expect_within(run, "up.ms", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS) + 1000);
	cr_assert(strstr(run->errors, "timed out after 1."), "%s", run->errors);
	peer_finish(peer, 0);
}

/* A link that is away for less than the limit, for every kind of caller. */
ROW_TEST(outside, outage_shorter_than_the_limit, ROWS_OF(callers))
{
	need_watcher();
	need_link();
	const struct caller *caller = &callers[*number];
	const struct setting setting = { .send_ms = 4000, .watchdog_ms = 28000, .outside = true, .far_peer = "rcvbuf_bytes=200000 "
					 "chunk_bytes=100000 pause_ms=40", .delay_ms = 10 };
	struct run *run = play(&setting, "sock tcp4; connect %d at=%s; %s; &link all after=1200; &link none after=3600; %s 6000000 %s @up; "
					 "rawopt @after user_timeout; close; sleep 700", FAR_PORT, FAR_ADDRESS,
			       caller->setup, caller->upload, caller->options);

	expect_clean(run);
	expect(run, "up.ret", 6000000);
	expect(run, "after.value", 0);
}

/* SNDTIMEO_UNACKED: nobody wants to send any more, and nothing is acknowledged. */
Test(outside, a_small_request_that_is_never_acknowledged, .timeout = 40)
{
	need_watcher();
	need_link();
	const struct setting setting = { .watchdog_ms = 20000, .outside = true, .far_peer = "", .delay_ms = 5,
					 .environment = { "SNDTIMEO_UNACKED=1500ms", "SNDTIMEO_SEND=30" } };
	struct run *run = play(&setting, "sock tcp4; connect %d at=%s; sleep 300; link all; sleep 100; send send 1000; shutdown wr; recv @up recv 10; "
					 "sleep 100", FAR_PORT, FAR_ADDRESS);

	expect_clean(run);
	expect(run, "up.ret", -1);
	expect_within(run, "up.ms", earliest_ms(1500), latest_outside_ms(1500) + 100);
	cr_assert(strstr(run->errors, "TCP_USER_TIMEOUT"), "%s", run->errors);
}

/* A hundred of them: what was not stalled for long has nothing left, and the upload arrives. */
Test(outside, watchers_that_are_killed, .timeout = 60)
{
	need_watcher();
	struct peer *peer = peer_start(&(struct peer_script){ .rcvbuf_bytes = 16384, .chunk_bytes = 16000, .pause_ms = 250 });
	const struct setting setting = { .send_ms = SEND_MS, .connect_ms = 3000, .attached = true, .killed = 100, .watchdog_ms = 40000 };
	struct run *run = play(&setting, "sock tcp4; setopt sndbuf 60000; connect %u; sendall send 700000 @up; rawopt user_timeout; close; "
					 "sleep 300", peer_port(peer));

	expect_clean(run);
	expect(run, "up.ret", 700000);
	expect(run, "rawopt.value", 0);
	cr_assert(!strstr(run->errors, "timed out after"), "%s", run->errors);
	peer_finish(peer, 8000);
}

/* With the library inside as well: whoever is first ends it, and neither does harm to the other. */
Test(outside, both_at_once, .timeout = 30)
{
	need_watcher();
	struct peer *peer = peer_start(&never_reads);
	struct setting setting = watched;

	setting.environment[0] = text("LD_PRELOAD=%s", needed("SNDTIMEO_TEST_LIBRARY"));
	struct run *run = play(&setting, "sock tcp4; connect %u; watch; sendall send %ld @up; sleep 300; close", peer_port(peer), BYTES);

	expect_clean(run);
	expect(run, "up.errno", ETIMEDOUT);
	expect_within(run, "up.stall_most", earliest_ms(SEND_MS), latest_outside_ms(SEND_MS));
	cr_assert(strstr(run->errors, "timed out after 1.5 s"), "%s", run->errors);
	peer_finish(peer, 0);
}

/* Its own exit status, and nobody left behind it. */
Test(outside, the_programs_own_status, .timeout = 30)
{
	need_watcher();
	struct run *run = play(&watched, "exit 7");

	cr_assert(WIFEXITED(run->status) && WEXITSTATUS(run->status) == 7, "%#x", (unsigned)run->status);
}
