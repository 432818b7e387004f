/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Sends at scale: over many connections from one event loop, from many threads, and to peers that never read.
 *
 * load loop CONNECTIONS SENDS, load threads THREADS SENDS: prints the nanoseconds of processor time that one complete
 * send took.
 * load blocking SIZE SENDS THREADS: each thread sends as many blocks of that size over a blocking connection of its own;
 * prints the megabytes a second until the peer, on another processor, has read all.
 * load late-blocking COUNT LIMIT_MS, load late-synchronous COUNT LIMIT_MS: as many senders, each in a thread of its own,
 * stall in turn; prints for each how many milliseconds after LIMIT_MS it was told.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define WAIT_MS 60000
#define SMALL_BUFFER 4096
/** Between the starts of two senders that stall. */
#define APART_US 5000
#define STACK_SIZE (256 * 1024)

static struct sockaddr_in address = {.sin_family = AF_INET};
static int listener;
static long sends_each;
static size_t block_size;
static char *content;
static int limit_ms;
static bool synchronous;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void start_listening(void)
{
	socklen_t size = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 4096) == 0 &&
	      getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
}

/** Accept all that come and read what they send, in a process of its own: its time is not counted, and its descriptors
 * count apart. */
static void serve(bool reads)
{
	static char room[65536];
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		const int ready = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < ready; i++) {
			const int fd = events[i].data.fd;
			if (fd != listener) {
				if (read(fd, room, sizeof room) <= 0)
					close(fd);
				continue;
			}
			event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (event.data.fd >= 0 && reads)
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
		}
	}
}

/** Of those that we may run on, the first or the second, if there are two. */
static void take_processor(int which)
{
	cpu_set_t all, one;
	check(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
	which = which < CPU_COUNT(&all) ? which : 0;
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && which-- == 0)
			CPU_SET(i, &one);
	check(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
}

static void start_serving(bool reads, bool apart)
{
	const pid_t server = fork();
	check(server >= 0, "fork");
	if (apart)
		take_processor(server == 0);
	if (server == 0)
		serve(reads);
}

static int make_connection(int flags)
{
	const int on = 1, client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(client >= 0 && connect(client, (struct sockaddr *)&address, sizeof address) == 0, "connect");
	check(fcntl(client, F_SETFL, flags) == 0 &&
	      setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "options");
	return client;
}

static void send_one(int client)
{
	const char byte = 0;
	check(send(client, &byte, 1, 0) == 1, "send");
}

/** Every connection is always writable; the loop sends to each that it is told of. */
static void run_loop(int connections, long sends)
{
	int *all = calloc((size_t)connections, sizeof *all);
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS];
	check(all && epoll >= 0, "epoll_create1");
	for (int i = 0; i < connections; i++) {
		all[i] = make_connection(O_NONBLOCK);
		struct epoll_event event = {.events = EPOLLOUT, .data.fd = all[i]};
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i], &event) == 0, "epoll_ctl");
	}
	const int64_t begun_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	long done = 0;
	while (done < sends) {
		const int ready = epoll_wait(epoll, events, EVENTS, WAIT_MS);
		check(ready > 0, "epoll_wait");
		for (int i = 0; i < ready; i++, done++)
			send_one(events[i].data.fd);
	}
	printf("%.1f\n", (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begun_ns) / (double)done);
}

static void *send_in_thread(void *client)
{
	for (long i = 0; i < sends_each; i++)
		send_one(*(const int *)client);
	return NULL;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	check((errno = pthread_create(thread, &attributes, run, argument)) == 0, "pthread_create");
}

static void run_threads(int count, long sends)
{
	int *all = calloc((size_t)count, sizeof *all);
	pthread_t *threads = calloc((size_t)count, sizeof *threads);
	check(all && threads, "calloc");
	sends_each = sends / count;
	for (int i = 0; i < count; i++)
		all[i] = make_connection(0);
	const int64_t begun_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < count; i++)
		start_thread(&threads[i], send_in_thread, &all[i]);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%.1f\n", (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begun_ns) / (double)(sends_each * count));
}

static void *send_blocks(void *client)
{
	const int fd = *(const int *)client;
	char end;
	for (long i = 0; i < sends_each; i++)
		check(send(fd, content, block_size, 0) == (ssize_t)block_size, "send");
	check(shutdown(fd, SHUT_WR) == 0 && read(fd, &end, 1) == 0, "the end");
	return NULL;
}

static void run_blocking(size_t size, long sends, int count)
{
	int *all = calloc((size_t)count, sizeof *all);
	pthread_t *threads = calloc((size_t)count, sizeof *threads);
	content = calloc(1, block_size = size);
	check(all && threads && content, "calloc");
	sends_each = sends;
	for (int i = 0; i < count; i++)
		all[i] = make_connection(0);
	const int64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < count; i++)
		start_thread(&threads[i], send_blocks, &all[i]);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	const double took_us = (double)(clock_ns(CLOCK_MONOTONIC) - begun_ns) / 1e3;
	printf("%.1f\n", (double)size * (double)sends * count / took_us);
}

/** Fill the connection, which nobody reads, and send on: the stall begins now. */
static void *stall(void *connection)
{
	static const char block[SMALL_BUFFER];
	const int client = *(const int *)connection;
	while (syscall(SYS_sendto, client, block, sizeof block, MSG_DONTWAIT, NULL, 0) > 0)
		;
	/* What the kernels still exchange. */
	usleep(50000);
	while (syscall(SYS_sendto, client, block, 1, MSG_DONTWAIT, NULL, 0) > 0)
		;
	const int64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	if (synchronous) {
		struct pollfd writable = {.fd = client, .events = POLLOUT};
		check(poll(&writable, 1, limit_ms / 2 > 1000 ? limit_ms / 2 : 1000) == 0, "poll was not told");
	} else
		check(send(client, block, sizeof block, 0) == -1 && errno == ETIMEDOUT, "send was not told");
	const int64_t late_ns = clock_ns(CLOCK_MONOTONIC) - begun_ns - limit_ms * INT64_C(1000000);
	flockfile(stdout);
	printf("%.3f\n", (double)late_ns / 1e6);
	funlockfile(stdout);
	return NULL;
}

static void run_late(int count)
{
	int *all = calloc((size_t)count, sizeof *all);
	pthread_t *threads = calloc((size_t)count, sizeof *threads);
	const int small = SMALL_BUFFER;
	check(all && threads, "calloc");
	/* Before anybody connects: they inherit it. */
	check(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0, "setsockopt");
	for (int i = 0; i < count; i++) {
		all[i] = make_connection(synchronous ? O_NONBLOCK : 0);
		check(setsockopt(all[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0, "setsockopt");
		start_thread(&threads[i], stall, &all[i]);
		usleep(APART_US);
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	if (argc < 4 || (argc == 5) != (strcmp(argv[1], "blocking") == 0)) {
		fputs("usage: load loop|threads|late-blocking|late-synchronous COUNT SENDS|LIMIT_MS\n"
		      "       load blocking SIZE SENDS THREADS\n", stderr);
		return 2;
	}
	check(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	start_listening();
	start_serving(strncmp(argv[1], "late-", 5) != 0, argc == 5);
	limit_ms = atoi(argv[3]);
	synchronous = strcmp(argv[1], "late-synchronous") == 0;
	if (strcmp(argv[1], "loop") == 0)
		run_loop(atoi(argv[2]), atol(argv[3]));
	else if (strcmp(argv[1], "threads") == 0)
		run_threads(atoi(argv[2]), atol(argv[3]));
	else if (strcmp(argv[1], "blocking") == 0)
		run_blocking((size_t)atol(argv[2]), atol(argv[3]), atoi(argv[4]));
	else
		run_late(atoi(argv[2]));
	return 0;
}
