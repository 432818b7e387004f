/* SPDX-License-Identifier: MIT */
/** @file
 * @brief summary_next() and its kin: that all is counted, where it belongs, and told by the right process.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/tell/summary.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define S (1000 * MS)
/* Destinations counted apart. */
#define ROOM 256
#define THREADS 8
/* ... by all threads: with theirs of their own they leave room for what each may have on loan, and little more. */
#define SHARED 240

static void begin(void)
{
	summary_on = true;
	summary_start();
}

TestSuite(summary, .init = begin);

static struct destination ipv4(uint32_t address, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};

	return destination_of((const struct sockaddr *)&in, sizeof in);
}

static struct destination unix_at(const char *path, bool abstract)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path + abstract, path, strlen(path));
	return destination_of((const struct sockaddr *)&un,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(path)));
}

/* All lines together: how many, and the sum of what they count. */
struct sums {
	size_t lines, others;
	uint64_t connections, waits, connect_timeouts, send_timeouts;
};

static struct sums sum(void)
{
	struct sums sums = {0};
	struct summary_line line;

	for (size_t position = 0; summary_next(&position, &line); sums.lines++) {
		cr_assert_not(sums.others, "the others are not last");
		sums.others += line.others;
		sums.connections += line.connections;
		sums.waits += line.waits;
		sums.connect_timeouts += line.connect_timeouts;
		sums.send_timeouts += line.send_timeouts;
	}
	return sums;
}

/* How many lines there are of a destination; the last of them is in *line. */
static size_t find(const struct destination *d, enum summary_side side, struct summary_line *line)
{
	struct summary_line each;
	size_t found = 0;

	for (size_t position = 0; summary_next(&position, &each);)
		if (!each.others && each.side == side && destination_same(&each.destination, d)) {
			*line = each;
			found++;
		}
	return found;
}

Test(summary, counts_each_thing_by_itself)
{
	const struct destination d = ipv4(0xc0000207, 443);
	struct summary_line line;
	size_t position = 0;

	cr_expect_not(summary_next(&position, &line));
	cr_expect_not(summary_any());
	for (int i = 0; i < 3; i++)
		summary_connected(&d, SUMMARY_TO, (i + 1) * 10 * MS);
	summary_connected(&d, SUMMARY_TO, -1);
	summary_waited(&d, SUMMARY_TO);
	summary_waited(&d, SUMMARY_TO);
	summary_recovered(&d, SUMMARY_TO, 5 * S);
	summary_recovered(&d, SUMMARY_TO, 2 * S);
	summary_timeout(&d, SUMMARY_TO, true);
	for (int i = 0; i < 5; i++)
		summary_timeout(&d, SUMMARY_TO, false);
	position = 0;
	cr_assert(summary_next(&position, &line));
	cr_expect(destination_same(&line.destination, &d));
	cr_expect_eq(line.side, SUMMARY_TO);
	cr_expect_not(line.others);
	cr_expect_eq(line.connections, 4);
	cr_expect_eq(line.connect_longest_ns, 30 * MS);
	cr_expect_eq(line.waits, 2);
	cr_expect_eq(line.longest_pause_ns, 5 * S);
	cr_expect_eq(line.connect_timeouts, 1);
	cr_expect_eq(line.send_timeouts, 5);
	cr_expect_not(summary_next(&position, &line));
	cr_expect_not(summary_next(&position, &line));
	cr_expect(summary_any());
}

Test(summary, tells_destinations_apart)
{
	const struct destination all[] = {
		ipv4(0x7f000001, 80),         ipv4(0x7f000001, 81),       ipv4(0x7f000002, 80), unix_at("/run/a", false),
		unix_at("/run/a", true),      unix_at("/run/b", false),   unix_at("", false),   {.kind = DESTINATION_UNKNOWN},
		{.kind = DESTINATION_IPV6, .port = 80},
	};
	const size_t count = sizeof all / sizeof *all;
	struct summary_line line;
	size_t position = 0;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < count; i++) {
			summary_waited(&all[i], SUMMARY_TO);
			summary_connected(&all[i], SUMMARY_AT, -1);
		}
	for (size_t i = 0; i < count; i++) {
		/* In the order first seen. */
		cr_assert(summary_next(&position, &line));
		cr_expect(destination_same(&line.destination, &all[i]) && line.side == SUMMARY_TO);
		cr_expect(line.waits == 2 && line.connections == 0 && !line.others);
		cr_assert(summary_next(&position, &line));
		cr_expect(destination_same(&line.destination, &all[i]) && line.side == SUMMARY_AT);
		cr_expect(line.waits == 0 && line.connections == 2 && !line.others);
		cr_expect(line.connect_median_ns == -1 && line.connect_longest_ns == -1);
	}
	cr_expect_not(summary_next(&position, &line));
}

static bool are_told_apart(uint32_t address)
{
	struct summary_line line;
	size_t lines = 0;

	for (uint16_t port = 0; port < ROOM / 2; port++) {
		const struct destination d = ipv4(address, port);

		summary_waited(&d, SUMMARY_TO);
		summary_connected(&d, SUMMARY_AT, -1);
	}
	for (size_t position = 0; summary_next(&position, &line); lines++)
		if (line.others || line.waits != (line.side == SUMMARY_TO) || line.connections != (line.side == SUMMARY_AT))
			return false;
	return lines == ROOM;
}

static int result_of(pid_t child)
{
	int status = -1;

	cr_assert(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Full tables, so many that some search meets every kind of neighbour. Each in a child, which starts with none. */
Test(summary, tells_neighbours_apart)
{
	for (uint32_t address = 1; address <= 100; address++) {
		const pid_t child = fork();

		if (child == 0)
			_exit(are_told_apart(address) ? 0 : 1);
		cr_expect_eq(result_of(child), 0);
	}
}

Test(summary, knows_the_longest_pause_of_all)
{
	const struct destination one = ipv4(1, 1), other = ipv4(2, 2);

	cr_expect_eq(summary_longest_pause_ns(), 0);
	summary_recovered(&one, SUMMARY_TO, 3 * S);
	summary_recovered(&other, SUMMARY_AT, 4 * S);
	summary_recovered(&one, SUMMARY_TO, 1 * S);
	cr_expect_eq(summary_longest_pause_ns(), 4 * S);
}

static int ascending(const void *one, const void *other)
{
	const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return (a > b) - (a < b);
}

/* From 16 us, below which the unit is coarse, to 2^20 times that, or more evenly around some time. */
static int64_t some_time(bool even)
{
	return even ? 20 * MS + random() % (20 * MS) : (16 * US + random() % (16 * US)) << random() % 21;
}

Test(summary, medians_are_near_the_exact_ones)
{
	static int64_t took[1000];
	struct summary_line line;

	srandom(1);
	for (uint16_t set = 0; set < 200; set++) {
		const struct destination d = ipv4(7, set);
		const size_t count = 1 + (size_t)random() % (set % 2 ? 1000 : 10);

		for (size_t i = 0; i < count; i++) {
			took[i] = some_time(set % 3 == 0);
			summary_connected(&d, SUMMARY_TO, took[i]);
		}
		qsort(took, count, sizeof *took, ascending);
		cr_assert_eq(find(&d, SUMMARY_TO, &line), 1);
		const int64_t exact = took[(count - 1) / 2];

		cr_expect_lt(llabs(line.connect_median_ns - exact), exact / 25, "%zu times, median %lld, not %lld", count,
		             (long long)exact, (long long)line.connect_median_ns);
		cr_expect_leq(line.connect_median_ns, line.connect_longest_ns);
		cr_expect_eq(line.connect_longest_ns, took[count - 1]);
		cr_expect_eq(line.connections, count);
	}
}

/* A single time each, so the median is it: from nothing to more than there are buckets for. */
Test(summary, medians_of_any_time)
{
	static const int64_t times[] = {0, 1, 499, 999, 15 * US, 16 * US - 1, 16 * US, 24 * 86400 * S, INT64_MAX};
	struct summary_line line;

	for (uint16_t i = 0; i < sizeof times / sizeof *times; i++) {
		const struct destination d = ipv4(7, i);

		summary_connected(&d, SUMMARY_TO, times[i]);
		cr_assert_eq(find(&d, SUMMARY_TO, &line), 1);
		cr_expect_eq(line.connect_longest_ns, times[i]);
		cr_expect(line.connect_median_ns >= 0 && line.connect_median_ns <= times[i]);
		if (times[i] < 16 * US)
			cr_expect_leq(times[i] - line.connect_median_ns, US / 2);
		else if (times[i] < INT64_MAX)
			cr_expect_leq(times[i] - line.connect_median_ns, times[i] / 25);
	}
	cr_expect_gt(line.connect_median_ns, 24 * 86400 * S);
}

/* Some edges between buckets, of each power of two. */
Test(summary, medians_at_the_edges)
{
	struct summary_line line;
	unsigned counted = 0;

	for (int power = 4; power < 41; power++)
		for (int64_t part = 16; part < 32; part += 5) {
			const int64_t edge = (part << (power - 4)) * US;
			const struct destination below = ipv4(1, (uint16_t)++counted);

			/* The longest one must not hide an error. */
			summary_connected(&below, SUMMARY_TO, edge - 1);
			summary_connected(&below, SUMMARY_TO, 2 * edge);
			cr_assert_eq(find(&below, SUMMARY_TO, &line), 1);
			cr_expect_lt(llabs(line.connect_median_ns - edge), edge / 25);
		}
}

Test(summary, what_has_no_room_is_counted_together)
{
	const uint16_t many = 1000;
	struct summary_line line = {0};
	size_t position = 0;

	for (int round = 1; round <= 3; round++)
		for (uint16_t i = 0; i < many; i++) {
			const struct destination d = ipv4(0x0a000000 + i % 7, i);

			summary_connected(&d, SUMMARY_TO, round * MS);
			summary_waited(&d, SUMMARY_TO);
			summary_recovered(&d, SUMMARY_TO, i * MS);
			summary_timeout(&d, SUMMARY_TO, i % 2);
		}
	for (uint16_t i = 0; i < ROOM; i++) {
		cr_assert(summary_next(&position, &line));
		cr_expect(line.destination.port == i && line.connections == 3 && !line.others);
	}
	cr_assert(summary_next(&position, &line));
	cr_expect(line.others);
	cr_expect_eq(line.destination.kind, DESTINATION_UNKNOWN);
	cr_expect_eq(line.connections, 3 * (many - ROOM));
	cr_expect_eq(line.longest_pause_ns, (many - 1) * MS);
	cr_expect_eq(line.connect_longest_ns, 3 * MS);
	cr_expect_not(summary_next(&position, &line));
	const struct sums sums = sum();

	cr_expect_eq(sums.connections, 3 * many);
	cr_expect_eq(sums.waits, 3 * many);
	cr_expect_eq(sums.connect_timeouts, 3 * many / 2);
	cr_expect_eq(sums.send_timeouts, 3 * many / 2);
}

static pthread_barrier_t together;

/* All threads the same destinations in the same order, so that they add each at once; and one of their own. */
static void *count_much(void *number)
{
	const struct destination own = ipv4(9, (uint16_t)(uintptr_t)number);

	for (uint16_t port = 0; port < SHARED; port++) {
		const struct destination d = ipv4(8, port);

		pthread_barrier_wait(&together);
		for (int i = 0; i < 100; i++) {
			summary_connected(&d, SUMMARY_TO, i * MS);
			summary_waited(&own, SUMMARY_AT);
			summary_timeout(&d, SUMMARY_TO, i % 2);
		}
	}
	return NULL;
}

static void run_threads(void *(*what)(void *))
{
	pthread_t threads[THREADS];

	cr_assert_eq(pthread_barrier_init(&together, NULL, THREADS), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, what, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

Test(summary, threads_lose_nothing)
{
	struct summary_line line;

	run_threads(count_much);
	cr_expect_eq(sum().lines, SHARED + THREADS);
	cr_expect_eq(sum().others, 0);
	for (uint16_t port = 0; port < SHARED; port++) {
		const struct destination d = ipv4(8, port);

		cr_assert_eq(find(&d, SUMMARY_TO, &line), 1);
		cr_expect_eq(line.connections, THREADS * 100);
		cr_expect_eq(line.connect_timeouts, THREADS * 50);
		cr_expect_eq(line.send_timeouts, THREADS * 50);
		cr_expect_eq(line.connect_longest_ns, 99 * MS);
		cr_expect_lt(llabs(line.connect_median_ns - 49 * MS), 2 * MS);
	}
	for (uint16_t i = 0; i < THREADS; i++) {
		const struct destination d = ipv4(9, i);

		cr_assert_eq(find(&d, SUMMARY_AT, &line), 1);
		cr_expect_eq(line.waits, SHARED * 100);
	}
}

static void *count_many(void *number)
{
	pthread_barrier_wait(&together);
	for (unsigned i = 0; i < 20000; i++) {
		const struct destination d = ipv4(8, (uint16_t)((i + 37 * (unsigned)(uintptr_t)number) % 400));

		summary_waited(&d, SUMMARY_TO);
	}
	return NULL;
}

Test(summary, threads_lose_nothing_where_there_is_no_room)
{
	run_threads(count_many);
	const struct sums sums = sum();

	cr_expect_eq(sums.waits, THREADS * 20000);
	cr_expect_eq(sums.lines, ROOM + 1);
	cr_expect_eq(sums.others, 1);
}

/* What a child counts there must not be seen here, nor the other way round. */
static bool child_is_on_its_own(const struct destination *d)
{
	struct summary_line line;
	bool right = !summary_any() && !summary_claim() && sum().lines == 0 && summary_longest_pause_ns() == 0;

	summary_waited(d, SUMMARY_TO);
	right = right && summary_any() && sum().lines == 1 && find(d, SUMMARY_TO, &line) == 1 && line.waits == 1;
	return right && line.connections == 0 && summary_claim() && !summary_claim();
}

Test(summary, fork_child_starts_with_nothing)
{
	const struct destination d = ipv4(1, 1);
	struct summary_line line;

	summary_connected(&d, SUMMARY_TO, MS);
	summary_recovered(&d, SUMMARY_TO, S);
	const pid_t child = fork();

	if (child == 0)
		_exit(child_is_on_its_own(&d) ? 0 : 1);
	cr_expect_eq(result_of(child), 0);
	cr_assert_eq(find(&d, SUMMARY_TO, &line), 1);
	cr_expect(line.connections == 1 && line.waits == 0 && line.longest_pause_ns == S);
	cr_expect(summary_claim());
}

/* Nothing was counted before, or much: it is the parent that tells what its vfork child did. */
Test(summary, vfork_child_cannot_claim)
{
	const struct destination d = ipv4(1, 1);

	for (uint64_t round = 1; round <= 2; round++) {
		const pid_t child = vfork();

		if (child == 0) {
			summary_waited(&d, SUMMARY_TO);
			_exit(summary_claim() || summary_any() ? 1 : 0);
		}
		cr_expect_eq(result_of(child), 0);
		cr_expect(summary_any());
		cr_expect_eq(sum().waits, round);
		cr_expect(summary_claim());
	}
}

Test(summary, is_claimed_once_until_there_is_news)
{
	const struct destination d = ipv4(1, 1);

	cr_expect_not(summary_claim());
	for (int i = 0; i < 3; i++) {
		summary_recovered(&d, SUMMARY_TO, MS);
		cr_expect(summary_claim());
		cr_expect_not(summary_claim());
		cr_expect(summary_any());
	}
}

static _Atomic unsigned claims;

static void *claim(void *number)
{
	(void)number;
	pthread_barrier_wait(&together);
	claims += summary_claim();
	return NULL;
}

Test(summary, is_claimed_by_one_thread)
{
	const struct destination d = ipv4(1, 1);

	summary_waited(&d, SUMMARY_TO);
	run_threads(claim);
	cr_expect_eq(claims, 1);
}

Test(summary, suggestions_leave_room)
{
	static const struct {
		int64_t pause_ns;
		int32_t suggestion_s;
	} table[] = {
		{0, 1},          {-1, 1},           {500 * MS, 1},    {500 * MS + 1, 2},  {S, 2},
		{S + 1, 5},      {2500 * MS, 5},    {2501 * MS, 10},  {5 * S, 10},        {5 * S + 1, 15},
		{7500 * MS, 15}, {8 * S, 30},       {15 * S, 30},     {16 * S, 60},       {30 * S, 60},
		{31 * S, 120},   {61 * S, 300},     {150 * S, 300},   {151 * S, 600},     {300 * S, 600},
		{301 * S, 900},  {451 * S, 1800},   {901 * S, 3600},  {18001 * S, 86400}, {43201 * S, 172800},
		{12 * 86400 * S, 24 * 86400},       {INT64_MAX, 24 * 86400},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		cr_expect_eq(summary_suggestion_ms(table[i].pause_ns), table[i].suggestion_s * 1000, "%lld ns: %d ms",
		             (long long)table[i].pause_ns, summary_suggestion_ms(table[i].pause_ns));
}

Test(summary, is_off_unless_asked_for)
{
	const struct destination d = ipv4(1, 1);

	summary_on = false;
	summary_connected(&d, SUMMARY_TO, MS);
	summary_waited(&d, SUMMARY_TO);
	summary_recovered(&d, SUMMARY_TO, S);
	summary_timeout(&d, SUMMARY_TO, true);
	cr_expect_not(summary_any());
	cr_expect_eq(sum().lines, 0);
}

/* Without a table nothing is counted, and nothing breaks. */
Test(no_summary, counts_nothing)
{
	const struct destination d = ipv4(1, 1);

	summary_on = true;
	summary_connected(&d, SUMMARY_TO, MS);
	summary_recovered(&d, SUMMARY_TO, S);
	cr_expect_not(summary_any());
	cr_expect_not(summary_claim());
	cr_expect_eq(sum().lines, 0);
	cr_expect_eq(summary_longest_pause_ns(), 0);
}

/* A kernel before 4.14, as far as madvise() goes. */
static bool refuse_madvise(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_madvise, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

Test(no_wipe, children_count_nothing)
{
	const struct destination d = ipv4(1, 1);

	if (!refuse_madvise())
		cr_skip_test("no seccomp here");
	begin();
	summary_recovered(&d, SUMMARY_TO, S);
	const pid_t child = fork();

	if (child == 0) {
		summary_waited(&d, SUMMARY_TO);
		_exit(summary_any() || summary_claim() || sum().lines || summary_longest_pause_ns() ? 1 : 0);
	}
	cr_expect_eq(result_of(child), 0);
	cr_expect_eq(sum().waits, 0);
	cr_expect_eq(summary_longest_pause_ns(), S);
	cr_expect(summary_claim());
}
