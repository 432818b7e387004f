/* SPDX-License-Identifier: MIT */
/** @file
 * @brief hostile MODE [CROWD]: a program whose watcher has no easy time. It sends to a listener of its own, where nobody reads, in
 * blocking sends, and does what MODE says beside. CROWD is the port of peers that read.
 *
 * Lines: `stalled: ERROR after N ms`, or `stalled: waits, option N` with the largest TCP_USER_TIMEOUT that was seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a program that nobody limits. */
#define WATCHED_MS 3000
#define STORM_MS 3000
#define CHUNK 200000
#define NOBODY 65534
#define AT 100

static unsigned char data[65536];
static int stalled = -1;
static unsigned crowd_port;
static const char *what = "stalled";

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void rest_ms(long ms)
{
	const struct timespec rest = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&rest, NULL);
}

/* Accepts nothing, and so reads nothing. */
static struct sockaddr_in listen_alone(void)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof own;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), buffer = 65536;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (fd < 0 || listen(fd, 1) != 0 || getsockname(fd, (struct sockaddr *)&own, &size) != 0) {
		perror("listen");
		exit(3);
	}
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return own;
}

/* 0: where nobody reads */
static int connect_to(unsigned port)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* Segments that are small to the peer's buffer: else a probe takes a part of one there, and the window is shut twice. */
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 65536, segment = 1400;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
	if (!port)
		peer = listen_alone();
	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) {
		perror("connect");
		exit(3);
	}
	return fd;
}

static bool send_all(int fd, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		const size_t left = bytes - done;
		const ssize_t sent = send(fd, data + done % sizeof data,
					  left < sizeof data - done % sizeof data ? left : sizeof data - done % sizeof data,
					  MSG_NOSIGNAL);

		if (sent < 0)
			return false;
		done += (size_t)sent;
	}
	return true;
}

static void say(const char *format, const char *word, long number)
{
	char line[200];
	const int length = snprintf(line, sizeof line, format, what, word, number);

	/* At once: others write, too. */
	(void)!write(STDOUT_FILENO, line, (size_t)length);
}

/* ---- what stalls -------------------------------------------------------------------------------------------------- */

static int largest_option;

static void *watch_option(void *context)
{
	int ms;
	socklen_t size = sizeof ms;

	(void)context;
	for (const long until_ms = now_ms() + WATCHED_MS; now_ms() < until_ms; rest_ms(1))
		if (getsockopt(stalled, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size) == 0 && ms > largest_option)
			largest_option = ms;
	say("%s: %s, option %ld\n", "waits", largest_option);
	_exit(0);
}

static void *stall(void *context)
{
	(void)context;
	const long began_ms = now_ms();

	send_all(stalled, 1 << 30);
	say("%s: %s after %ld ms\n", strerror(errno), now_ms() - began_ms);
	return NULL;
}

static void stall_here(bool watched)
{
	pthread_t thread;

	stalled = connect_to(0);
	if (watched)
		pthread_create(&thread, NULL, watch_option, NULL);
	stall(NULL);
	/* As long as a program takes that has its libraries' ends to run. */
	rest_ms(3);
	_exit(0);
}

/* ---- what it does beside ------------------------------------------------------------------------------------------ */

/* stall: and nothing else. With a second word there is time for a watcher to come. */
static void mode_stall(void)
{
	if (crowd_port) {
		(void)!write(STDOUT_FILENO, "ready\n", 6);
		rest_ms(500);
	}
	stall_here(false);
}

/* unwatched: nobody may touch it. */
static void mode_unwatched(void)
{
	stall_here(true);
}

/* name: with what a terminal obeys, and what would end a line */
static void mode_name(void)
{
	prctl(PR_SET_NAME, "\033]0;x\a\033[31m\n\"", 0, 0, 0);
	mode_stall();
}

/* later: a child that is looked into no more from some moment on, and another one */
static void later(void (*change)(void))
{
	const pid_t child = fork();

	if (child == 0) {
		what = "changed";
		rest_ms(400);
		change();
		stall_here(true);
	}
	rest_ms(200);
	if (fork() == 0)
		stall_here(false);
	while (wait(NULL) > 0)
		;
}

static void become_undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void become_other(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0) {
		perror("setresuid");
		_exit(3);
	}
}

static void mode_undumpable(void)
{
	later(become_undumpable);
}

static void mode_undumpable_alone(void)
{
	become_undumpable();
	stall_here(true);
}

static void mode_user(void)
{
	later(become_other);
}

/* poll: its program waits for room in a thread that the kernel tells of, and its memory */
static void mode_poll(void)
{
	const long began_ms = now_ms();

	stalled = connect_to(0);
	fcntl(stalled, F_SETFL, O_NONBLOCK);
	struct pollfd room = {.fd = stalled, .events = POLLOUT};

	while (send_all(stalled, 1 << 30) || errno == EAGAIN)
		poll(&room, 1, -1);
	say("%s: %s after %ld ms\n", strerror(errno), now_ms() - began_ms);
}

/* ---- storms -------------------------------------------------------------------------------------------------------- */

static long storm_until_ms;
static volatile long rounds;
static volatile size_t reopened_bytes;

/* Healthy connections come and go by one number, among others which stall and are let go. */
static void *reopen(void *context)
{
	(void)context;
	for (unsigned i = 0; now_ms() < storm_until_ms; i++) {
		const int one = connect_to(crowd_port);

		if (dup2(one, AT) < 0 || dup2(stalled, AT) < 0 || dup2(one, AT) < 0)
			exit(4);
		close(one);
		if (!send_all(AT, CHUNK)) {
			say("%s: healthy: %s after %ld\n", strerror(errno), i);
			exit(5);
		}
		reopened_bytes = reopened_bytes + CHUNK;
		if (i % 2)
			close(AT);
		else
			dup2(STDIN_FILENO, AT);
		rounds++;
	}
	return NULL;
}

static void *move_options(void *context)
{
	const int *fd = context;
	int last = 0;

	while (now_ms() < storm_until_ms) {
		const struct linger linger = {rounds % 2, 1};

		last = rounds++ % 2 ? 60000 : 0;
		setsockopt(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &last, sizeof last);
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	}
	return NULL;
}

static void *fork_and_exec(void *context)
{
	(void)context;
	while (now_ms() < storm_until_ms) {
		const pid_t child = fork();

		if (child == 0) {
			if (fork() == 0) {
				dup2(stalled, AT);
				_exit(0);
			}
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
		rounds++;
	}
	return NULL;
}

static void *close_and_duplicate(void *context)
{
	(void)context;
	while (now_ms() < storm_until_ms)
		for (int fd = AT + 1; fd < AT + 300; fd++, rounds++)
			if (rounds % 600 < 300)
				dup2(rounds % 2 ? stalled : STDIN_FILENO, fd);
			else
				close(fd);
	return NULL;
}

/* With a connection that stalls, and a healthy one for as long. */
static void storm(void *(*const *makers)(void *), size_t count, bool on_healthy)
{
	pthread_t threads[4], sender;
	int healthy = connect_to(crowd_port);
	size_t bytes = 0;

	stalled = connect_to(0);
	storm_until_ms = now_ms() + STORM_MS;
	pthread_create(&sender, NULL, stall, NULL);
	for (size_t i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, makers[i], on_healthy && i ? &healthy : &stalled);
	for (; now_ms() < storm_until_ms; bytes += sizeof data)
		if (!send_all(healthy, sizeof data)) {
			say("%s: healthy: %s after %ld\n", strerror(errno), (long)bytes);
			exit(5);
		}
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_join(sender, NULL);
	close(healthy);
	printf("healthy: %zu\nrounds: %ld\n", bytes + reopened_bytes, rounds);
}

static void mode_storm(void)
{
	storm((void *(*const[])(void *)){fork_and_exec, fork_and_exec, close_and_duplicate}, 3, false);
}

static void mode_options(void)
{
	storm((void *(*const[])(void *)){move_options, move_options}, 2, true);
}

static void mode_reopen(void)
{
	storm((void *(*const[])(void *)){reopen, close_and_duplicate}, 2, false);
}

/* ---- ends ---------------------------------------------------------------------------------------------------------- */

static void *idle(void *context)
{
	for (;;)
		pause();
	return context;
}

/* Ends while it is looked at, which takes long where there are many threads: its socket would linger for whoever closes it last. */
static void end_lingering(int fd, long after_ms)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < 300; i++)
		pthread_create(&thread, &small, idle, NULL);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (const long until_ms = now_ms() + after_ms; now_ms() < until_ms; rest_ms(2))
		send_all(fd, 1 << 30);
	_exit(0);
}

static void mode_linger(void)
{
	const struct linger linger = {1, 65535};

	for (int i = 0; i < 40; i++) {
		const int fd = connect_to(0);

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
		if (fork() == 0)
			end_lingering(fd, 100 + i * 7 % 60);
		close(fd);
		for (int j = 0; i % 4 == 3 && j < 4; j++)
			wait(NULL);
	}
	stall_here(false);
}

/* memory: a thread polls what is in memory that nobody provides */
static void *poll_for_ever(void *context)
{
	poll(context, 10, -1);
	return context;
}

static void mode_memory(void)
{
	const int provider = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register all = {.range = {0, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	all.range.start = (uintptr_t)memory;
	if (provider < 0 || ioctl(provider, UFFDIO_API, &api) != 0 || ioctl(provider, UFFDIO_REGISTER, &all) != 0) {
		perror("userfaultfd");
		exit(77);
	}
	pthread_create(&thread, NULL, poll_for_ever, memory);
	stall_here(false);
}

/* crowd: more processes than a watcher may have descriptors for, and ten threads that stall */
static void *stall_alone(void *context)
{
	const int fd = connect_to(0);
	const long began_ms = now_ms();

	send_all(fd, 1 << 30);
	say("%s: %s after %ld ms\n", strerror(errno), now_ms() - began_ms);
	return context;
}

static void mode_crowd(void)
{
	pthread_t threads[10];
	pid_t children[40];

	for (size_t i = 0; i < 40; i++)
		if ((children[i] = fork()) == 0)
			idle(NULL);
	for (size_t i = 0; i < 10; i++)
		pthread_create(&threads[i], NULL, stall_alone, NULL);
	for (size_t i = 0; i < 10; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 40; i++)
		kill(children[i], SIGKILL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*play)(void);
	} modes[] = {
		{"stall", mode_stall}, {"unwatched", mode_unwatched}, {"poll", mode_poll}, {"name", mode_name},
		{"undumpable", mode_undumpable}, {"undumpable-alone", mode_undumpable_alone}, {"user", mode_user},
		{"storm", mode_storm}, {"options", mode_options}, {"reopen", mode_reopen},
		{"linger", mode_linger}, {"crowd", mode_crowd}, {"memory", mode_memory},
	};

	if (argc < 2)
		return 2;
	crowd_port = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(modes[i].name, argv[1]) == 0) {
			modes[i].play();
			return 0;
		}
	return 2;
}
