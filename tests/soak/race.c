/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The main program of race.h: starts everybody, judges each connection when both sides are through with it, and ends
 * with the first harm.
 *
 *     race [--seconds=N] [--seed=N] [--no-children] [--no-victims]
 *
 * Bare, or with the library preloaded and SNDTIMEO_SEND and SNDTIMEO_CONNECT set to some hundred milliseconds. Exit status
 * 0: no harm. 1: harm, in one line. 2: the test itself could not be done.
 */
#include "race.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A quarter of the send timeout that the script sets. */
#define HELD_UP_US 100000
/* After both sides should be through with a connection, or the run with everything. */
#define PATIENCE_US 15000000

struct shared *shared;
struct counts counts;
int64_t began_us;
static pid_t peers;

static const struct role {
	const char *name;
	void (*turn)(struct worker *worker);
	int count;
	enum { ALWAYS, VICTIMS, CLOSERS, CHILDREN } with;
} roles[] = {
	{ "owner", own, 4, ALWAYS },
	{ "told of verdicts", meet_the_stopped, 2, ALWAYS },
	{ "victim in a send", lose_a_send, 2, VICTIMS },
	{ "victim in a short send", lose_a_short_send, 3, VICTIMS },
	{ "victim in a connect", lose_a_connect, 1, VICTIMS },
	{ "victim in waits", lose_waits, 3, VICTIMS },
	{ "closer", take_numbers, 3, CLOSERS },
	{ "closer in haste", take_numbers_in_haste, 3, CLOSERS },
	{ "maker of children", make_children, 2, CHILDREN },
};

#define MOST_WORKERS 24
static struct worker workers[MOST_WORKERS];
static pthread_t threads[MOST_WORKERS];
static int n_workers;
/* Who are still at it. */
static atomic_int victims;

int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void nap_us(long us)
{
	const struct timespec nap = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&nap, NULL);
}

void harm(const char *format, ...)
{
	int nobody = 0;
	va_list arguments;

	if (!atomic_compare_exchange_strong(&shared->harmed, &nobody, 1))
		return;
	va_start(arguments, format);
	vsnprintf(shared->harm, sizeof shared->harm, format, arguments);
	va_end(arguments);
	atomic_store(&shared->harmed, 2);
}

_Noreturn void broken(const char *what)
{
	fprintf(stderr, "race: %s: %s\n", what, strerror(errno));
	if (peers > 0)
		kill(peers, SIGKILL);
	_exit(2);
}

bool is_over(void)
{
	return atomic_load(&shared->over) || atomic_load(&shared->harmed);
}

bool held_up_since(int64_t since_us)
{
	return atomic_load(&shared->held_up_us) >= since_us;
}

uint64_t random_of(struct worker *worker)
{
	worker->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(worker->random);
}

uint64_t below(struct worker *worker, uint64_t limit)
{
	return random_of(worker) % limit;
}

static void *work(void *context)
{
	struct worker *worker = context;

	while (!is_over())
		worker->turn(worker);
	/* The victims' last numbers are still to be taken. */
	while (worker->closes && atomic_load(&victims) && !atomic_load(&shared->harmed))
		worker->turn(worker);
	if (worker->is_victim)
		atomic_fetch_sub(&victims, 1);
	worker->doing = "nothing any more";
	return NULL;
}

static void start_workers(uint64_t seed, bool with_victims, bool with_children)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
		const bool races = roles[i].with == VICTIMS || roles[i].with == CLOSERS;

		if ((races && !with_victims) || (roles[i].with == CHILDREN && !with_children))
			continue;
		for (int k = 0; k < roles[i].count; k++) {
			struct worker *worker = &workers[n_workers];

			*worker = (struct worker){ .role = roles[i].name, .turn = roles[i].turn,
						   .is_victim = roles[i].with == VICTIMS,
						   .closes = roles[i].with == CLOSERS,
						   .random = mix(seed + (uint64_t)n_workers * 7919),
						   .bytes = malloc(MOST_BYTES), .epoll = epoll_create1(EPOLL_CLOEXEC) };
			atomic_fetch_add(&victims, worker->is_victim);
			if (!worker->bytes || worker->epoll < 0 || pthread_create(&threads[n_workers], NULL, work, worker))
				broken("thread");
			n_workers++;
		}
	}
}

/* ---- judging ----------------------------------------------------------------------------------------------------- */

/* Both sides are through with it. */
static void judge_ended(const struct connection *connection)
{
	static const char *const endings[] = { "none", "an end in good order", "a reset", "the peer's patience" };
	const unsigned long long id = connection->id, read = connection->read, accepted = connection->accepted;
	const bool all_arrived = read == accepted && connection->ending == IN_ORDER;

	if (connection->manner == STOPS) {
		if (connection->fate == STOPPED && read > accepted)
			harm("connection %llu (descriptor %d, %s): the peer read %llu bytes of %llu accepted", id,
			     connection->number, connection->by, read, accepted);
	} else if (!all_arrived && !connection->excused) {
		harm("healthy connection %llu (descriptor %d, %s%s): %llu bytes were accepted, %llu arrived, and the end was %s",
		     id, connection->number, connection->by, connection->fate == TAKEN_AWAY ? ", closed during the call" : "",
		     accepted, read, endings[connection->ending]);
	}
}

/* Returns how many are still open. */
static int judge(void)
{
	const int64_t now = now_us();
	int open = 0;

	for (int i = 0; i < MOST_CONNECTIONS; i++) {
		struct connection *connection = &shared->connections[i];
		const uint64_t id = atomic_load(&connection->id);
		const int64_t done_us = atomic_load(&connection->done_us), ended_us = atomic_load(&connection->ended_us);

		if (!id)
			continue;
		if (done_us && ended_us) {
			judge_ended(connection);
			atomic_store(&connection->id, 0);
			continue;
		}
		open++;
		if (done_us && now - done_us > PATIENCE_US && !held_up_since(done_us))
			harm("connection %llu (descriptor %d, %s%s) was closed %.1f s ago, and its peer, who has read %llu bytes of "
			     "%llu accepted, sees no end", (unsigned long long)id, connection->number, connection->by,
			     connection->fate == TAKEN_AWAY ? ", closed during the call" : "", (double)(now - done_us) / 1e6,
			     (unsigned long long)connection->read, (unsigned long long)connection->accepted);
	}
	return open;
}

static void watch(int seconds)
{
	const int64_t until_us = began_us + INT64_C(1000000) * seconds;

	while (now_us() < until_us && !is_over()) {
		judge();
		nap_us(5000);
	}
	atomic_store(&shared->over, true);
}

/* Everybody ends by itself, and each connection at its peer. */
static void settle(void)
{
	const int64_t until_us = now_us() + PATIENCE_US;

	for (int i = 0; i < n_workers && !atomic_load(&shared->harmed); i++) {
		while (pthread_tryjoin_np(threads[i], NULL) && !atomic_load(&shared->harmed)) {
			judge();
			nap_us(5000);
			if (now_us() > until_us)
				harm("a thread (%s) hangs: %s, descriptor %d", workers[i].role, atomic_load(&workers[i].doing),
				     atomic_load(&workers[i].number));
		}
	}
	while (judge() && !atomic_load(&shared->harmed) && now_us() < until_us + PATIENCE_US)
		nap_us(5000);
}

/* Else the run was no test of a library that has limits. */
static void expect_limits_to_act(bool with_victims)
{
	if (getenv("SNDTIMEO_SEND") && !counts.verdicts)
		harm("no send timed out although SNDTIMEO_SEND is set");
	if (with_victims && getenv("SNDTIMEO_CONNECT") && !counts.connect_deadlines)
		harm("no connect timed out although SNDTIMEO_CONNECT is set");
}

static int tell(uint64_t seed)
{
	const double took = (double)(now_us() - began_us) / 1e6;

	printf("seed %llu, %.1f s: %ld connections arrived whole, %ld sends, %ld connects and %ld waits lost their numbers, "
	       "%ld pipes, %ld files, %ld stopped peers, %ld verdicts (%ld by a wait), %ld connect deadlines, %ld children, "
	       "%ld excused\n",
	       (unsigned long long)seed, took, counts.whole, counts.taken, counts.taken_connects, counts.taken_waits,
	       counts.pipes, counts.files, counts.stopped, counts.verdicts, counts.wait_verdicts, counts.connect_deadlines,
	       counts.children, counts.excused);
	if (!atomic_load(&shared->harmed))
		return 0;
	while (atomic_load(&shared->harmed) != 2)
		nap_us(1000);
	printf("harm after %.1f s: %s\n", took, shared->harm);
	return 1;
}

int main(int argc, char **argv)
{
	int seconds = 10;
	uint64_t seed = (uint64_t)now_us() ^ (uint64_t)getpid();
	bool with_children = true, with_victims = true;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--seconds=", 10) == 0)
			seconds = atoi(argv[i] + 10);
		else if (strncmp(argv[i], "--seed=", 7) == 0)
			seed = strtoull(argv[i] + 7, NULL, 10);
		else if (strcmp(argv[i], "--no-children") == 0)
			with_children = false;
		else if (strcmp(argv[i], "--no-victims") == 0)
			with_victims = false;
		else
			return fprintf(stderr, "usage: race [--seconds=N] [--seed=N] [--no-children] [--no-victims]\n"), 2;
	}
	signal(SIGPIPE, SIG_IGN);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		broken("mmap");
	shared->held_up_least_us = HELD_UP_US;
	peers = start_peers();
	began_us = now_us();
	start_workers(seed, with_victims, with_children);
	watch(seconds);
	settle();
	if (!atomic_load(&shared->harmed))
		expect_limits_to_act(with_victims);
	kill(peers, SIGKILL);
	const int status = tell(seed);

	fflush(stdout);
	/* Threads may still be in calls. */
	_exit(status);
}
