/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A program that is watched from outside, and its peer: connections that wait, that stall, and that are closed.
 *
 * stalls serve MS PORT: the peer. Listens at the port, or, for 0, at one that is free, prints it, and reads a little from each
 * connection every MS milliseconds, which makes room for a little more; 0: never.
 * stalls hold idle|refused COUNT ADDRESS PORT: as many connections, with nothing outstanding, or full and waited for in
 * poll(2) until there is room, which is used at once.
 * stalls late blocking|poll|epoll COUNT ADDRESS PORT: as many that stall in turn, and then wait in that way; prints for each
 * for how many milliseconds it had stalled when it was told, and the error.
 * stalls connect blocking|poll COUNT ADDRESS PORT: the same of connects that nobody answers.
 * stalls close ROUNDS COUNT ADDRESS PORT: so many times, at a line of input, the nanoseconds of as many closes, every second
 * of what is full.
 *
 * All but serve print their number when they are ready, and go on at a line of input, so that a watcher may come before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
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
#include <time.h>
#include <unistd.h>

#define SMALL_BUFFER 4096
/** Between the starts of two that stall: they are at all places between two looks. */
#define APART_US 7000
/** What the kernels still exchange after a connection was filled. */
#define SETTLED_MS 50
/** Looks at what moves. */
#define FOLLOW_US 2000
/** A watcher has found by then what is new. */
#define FOUND_US 300000
#define STACK_SIZE (256 * 1024)
#define MS_PER_S 1000
/** As in include/net/tcp_states.h. */
#define STATE_ESTABLISHED 1

struct connection {
	int fd;
	_Atomic double begun_ms;          /* 0: not yet */
	uint64_t acked;                   /* bytes, and the window, as last seen to move */
	uint32_t window;
};

static struct sockaddr_in address = {.sin_family = AF_INET};
static const char block[SMALL_BUFFER];

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "stalls: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * MS_PER_S + (double)now.tv_nsec / 1e6;
}

static void say_ready(void)
{
	printf("%d\n", (int)getpid());
	fflush(stdout);
	check(getchar() == '\n', "no line of input");
}

static void *allocate(size_t count, size_t size)
{
	void *all = calloc(count, size);

	check(all, "calloc");
	return all;
}

/* ---- the peer ----------------------------------------------------------------------------------------------------- */

static int start_listening(void)
{
	const int listener = socket(AF_INET, SOCK_STREAM, 0), small = SMALL_BUFFER;
	socklen_t size = sizeof address;

	/* What is accepted inherits it. */
	check(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0 &&
	      bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 4096) == 0 &&
	      getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
	printf("%u\n", (unsigned)ntohs(address.sin_port));
	fflush(stdout);
	return listener;
}

/** Those that have ended are closed: they are not to add up. */
static void read_from_all(struct pollfd *all, nfds_t *count)
{
	static char room[1 << 16];
	nfds_t kept = 1;

	for (nfds_t i = 1; i < *count; i++) {
		const ssize_t got = recv(all[i].fd, room, sizeof room, MSG_DONTWAIT);

		if (got > 0 || (got < 0 && errno == EAGAIN))
			all[kept++] = all[i];
		else
			close(all[i].fd);
	}
	*count = kept;
}

static void serve(int every_ms)
{
	const nfds_t most = 1 << 16;
	struct pollfd *all = allocate(most, sizeof *all);
	nfds_t count = 1;
	double next_ms = now_ms() + every_ms;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	all[0] = (struct pollfd){.fd = start_listening(), .events = POLLIN};
	for (;;) {
		const double left_ms = next_ms - now_ms();

		if (every_ms && left_ms <= 0) {
			read_from_all(all, &count);
			next_ms += every_ms;
		}
		if (poll(all, 1, !every_ms ? -1 : left_ms > 0 ? (int)left_ms + 1 : 0) > 0 && count < most) {
			const int fd = accept(all[0].fd, NULL, NULL);

			if (fd >= 0)
				all[count++].fd = fd;
		}
	}
}

/* ---- connections --------------------------------------------------------------------------------------------------- */

static int make_socket(int flags)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), small = SMALL_BUFFER;

	check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0, "socket");
	return fd;
}

static struct connection *make_connections(int count, bool blocking)
{
	struct connection *all = allocate((size_t)count + 1, sizeof *all);

	for (int i = 0; i < count; i++) {
		all[i].fd = make_socket(0);
		check(connect(all[i].fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
		if (!blocking)
			fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
	}
	return all;
}

static void send_what_fits(int fd)
{
	while (send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

/** The error that a connection has; 0: none. */
static int error_of(int fd)
{
	int error = 0;
	socklen_t size = sizeof error;

	check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0, "SO_ERROR");
	return error;
}

/* ---- held ---------------------------------------------------------------------------------------------------------- */

static void hold(bool refused, int count)
{
	struct connection *all = make_connections(count, false);
	struct pollfd *polled = allocate((size_t)count + 1, sizeof *polled);

	for (int i = 0; i < count; i++) {
		if (refused)
			send_what_fits(all[i].fd);
		polled[i + 1] = (struct pollfd){.fd = all[i].fd, .events = refused ? POLLOUT : POLLIN};
	}
	/* Its end is ours. */
	polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	say_ready();
	for (;;) {
		check(poll(polled, (nfds_t)count + 1, -1) > 0, "poll");
		if (polled[0].revents)
			return;
		for (int i = 1; i <= count; i++) {
			check(!(polled[i].revents & (POLLERR | POLLHUP)), "a connection was given up");
			if (polled[i].revents & POLLOUT)
				send_what_fits(polled[i].fd);
		}
	}
}

/* ---- late ---------------------------------------------------------------------------------------------------------- */

static void tell(const struct connection *one, int error)
{
	const double now = now_ms();

	flockfile(stdout);
	printf("%.3f %d\n", now - one->begun_ms, error);
	funlockfile(stdout);
}

/** What the kernel exchanges is seen by nobody who waits, so somebody has to look: a stall begins with the last progress. This
 * thread waits for nothing that is of interest to a watcher. */
static void *follow(void *connections)
{
	/* At once when it is time, where that is allowed. */
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	for (;;) {
		for (struct connection *one = connections; one->fd; one++) {
			struct tcp_info info;
			socklen_t size = sizeof info;
			const double now = now_ms();

			if (!one->begun_ms || getsockopt(one->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_state != STATE_ESTABLISHED ||
			    (info.tcpi_bytes_acked == one->acked && info.tcpi_snd_wnd == one->window))
				continue;
			one->acked = info.tcpi_bytes_acked;
			one->window = info.tcpi_snd_wnd;
			one->begun_ms = now;
		}
		usleep(FOLLOW_US);
	}
	return NULL;
}

/** Fill it; unless the peer takes some of it, nothing moves from then on. */
static void use_room(struct connection *one)
{
	send_what_fits(one->fd);
	if (!one->begun_ms)
		one->begun_ms = now_ms();
}

static void *send_blocking(void *connection)
{
	struct connection *one = connection;

	struct pollfd writable = {.fd = one->fd, .events = POLLOUT};

	do
		use_room(one);
	while (poll(&writable, 1, SETTLED_MS) > 0);
	/* Byte by byte: a short count would hide the error. */
	while (send(one->fd, block, 1, MSG_NOSIGNAL) == 1)
		;
	tell(one, errno);
	return NULL;
}

static void *connect_blocking(void *connection)
{
	struct connection *one = connection;

	one->begun_ms = now_ms();
	check(connect(one->fd, (struct sockaddr *)&address, sizeof address) == -1, "connect was not told");
	tell(one, errno);
	return NULL;
}

static void each_in_a_thread(struct connection *all, int count, void *(*run)(void *))
{
	pthread_t *threads = allocate((size_t)count, sizeof *threads);
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (int i = 0; i < count; i++) {
		check((errno = pthread_create(&threads[i], &attributes, run, &all[i])) == 0, "pthread_create");
		usleep(APART_US);
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/** One loop, which takes on one connection after the other while it waits for those before. */
struct loop {
	struct connection *all;
	struct pollfd *polled;
	int count, begun, left;
	int epoll;                /* -1: poll(2) */
};

static void take_on(struct loop *loop, bool connects)
{
	struct connection *one = &loop->all[loop->begun];
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = one};

	if (connects) {
		one->begun_ms = now_ms();
		check(connect(one->fd, (struct sockaddr *)&address, sizeof address) == -1 && errno == EINPROGRESS, "connect");
	} else
		use_room(one);
	if (loop->epoll >= 0)
		check(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, one->fd, &event) == 0, "epoll_ctl");
	else
		loop->polled[loop->begun] = (struct pollfd){.fd = one->fd, .events = POLLOUT};
	loop->begun++;
}

static void go_on(struct loop *loop, struct connection *one)
{
	const int error = error_of(one->fd);

	if (!error) {
		use_room(one);
		return;
	}
	tell(one, error);
	/* The watcher may hold on to it. */
	if (loop->epoll >= 0)
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, one->fd, NULL);
	close(one->fd);
	loop->polled[one - loop->all].fd = -1;
	loop->left--;
}

static void wait_once(struct loop *loop, int wait_ms)
{
	struct epoll_event events[64];
	const int ready = loop->epoll >= 0 ? epoll_wait(loop->epoll, events, 64, wait_ms)
	                                   : poll(loop->polled, (nfds_t)loop->begun, wait_ms);

	for (int i = 0; i < ready && loop->epoll >= 0; i++)
		go_on(loop, events[i].data.ptr);
	for (int i = 0; ready > 0 && i < loop->begun && loop->epoll < 0; i++)
		if (loop->polled[i].revents)
			go_on(loop, &loop->all[i]);
}

static void all_in_a_loop(struct connection *all, int count, bool epolls, bool connects)
{
	struct loop loop = {.all = all, .polled = allocate((size_t)count, sizeof *loop.polled), .count = count, .left = count,
	                    .epoll = epolls ? epoll_create1(EPOLL_CLOEXEC) : -1};

	while (loop.left) {
		if (loop.begun < count)
			take_on(&loop, connects);
		wait_once(&loop, loop.begun < count ? APART_US / 1000 : -1);
	}
}

static void late(const char *kind, int count)
{
	const bool blocking = strcmp(kind, "blocking") == 0;
	struct connection *all = make_connections(count, blocking);
	pthread_t follower;

	check((errno = pthread_create(&follower, NULL, follow, all)) == 0, "pthread_create");
	say_ready();
	if (blocking)
		each_in_a_thread(all, count, send_blocking);
	else
		all_in_a_loop(all, count, strcmp(kind, "epoll") == 0, false);
}

static void late_connects(const char *kind, int count)
{
	const bool blocking = strcmp(kind, "blocking") == 0;
	struct connection *all = allocate((size_t)count, sizeof *all);

	for (int i = 0; i < count; i++)
		all[i].fd = make_socket(blocking ? 0 : SOCK_NONBLOCK);
	say_ready();
	if (blocking)
		each_in_a_thread(all, count, connect_blocking);
	else
		all_in_a_loop(all, count, false, true);
}

/* ---- closed -------------------------------------------------------------------------------------------------------- */

static void close_all(int rounds, int count)
{
	say_ready();
	for (int round = 0; round < rounds; round++) {
		struct connection *all = make_connections(count, false);

		for (int i = 0; i < count; i += 2)
			send_what_fits(all[i].fd);
		usleep(FOUND_US);
		for (int i = 0; i < count; i++) {
			const double before_ms = now_ms();

			close(all[i].fd);
			printf("%.0f ", (now_ms() - before_ms) * 1e6);
		}
		putchar('\n');
		fflush(stdout);
		free(all);
		if (round + 1 < rounds)
			check(getchar() == '\n', "no line of input");
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;

	check(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (argc == 4 && strcmp(argv[1], "serve") == 0) {
		address.sin_port = htons((uint16_t)atoi(argv[3]));
		serve(atoi(argv[2]));
	}
	if (argc != 6 || inet_pton(AF_INET, argv[4], &address.sin_addr) != 1) {
		fputs("usage: stalls serve MS PORT\n"
		      "       stalls hold|late|connect KIND COUNT ADDRESS PORT\n"
		      "       stalls close ROUNDS COUNT ADDRESS PORT\n", stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)atoi(argv[5]));
	if (strcmp(argv[1], "hold") == 0)
		hold(strcmp(argv[2], "refused") == 0, atoi(argv[3]));
	else if (strcmp(argv[1], "late") == 0)
		late(argv[2], atoi(argv[3]));
	else if (strcmp(argv[1], "connect") == 0)
		late_connects(argv[2], atoi(argv[3]));
	else
		close_all(atoi(argv[2]), atoi(argv[3]));
	return 0;
}
