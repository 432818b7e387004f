/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the programs of this folder share: a line for each fact, sockets on loopback, calls that wait elsewhere.
 *
 * A program calls the kernel, never the library, and prints what it did. It ends with 0 whether or not the facts hold.
 */
#ifndef TESTS_KERNEL_FACT_H
#define TESTS_KERNEL_FACT_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HELPER static __attribute__((unused))
/* More than any buffer here holds: a send of it waits for the peer. */
#define MUCH (16 << 20)
#define SMALL 16384
#define PROGRAM_SECONDS 30

HELPER __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(99);
}

/* A call that a kernel leaves waiting for ever must not hold up the others. */
__attribute__((constructor)) static void bound(void)
{
	alarm(PROGRAM_SECONDS);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

HELPER int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

HELPER void sleep_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&pause, &pause) < 0)
		;
}

/* ---- what is printed ---- */

static void print_line(const char *status, const char *name, const char *expected, const char *found)
{
	printf("%s\t%s\t%s\t%s\n", status, name, expected, found);
}

#define FORMATTED                                          \
	char found[256];                                   \
	va_list arguments;                                 \
	va_start(arguments, format);                       \
	vsnprintf(found, sizeof found, format, arguments); \
	va_end(arguments)

/** A fact that holds if what was found is, in these words, what was expected. */
__attribute__((format(printf, 3, 4))) HELPER void fact(const char *name, const char *expected, const char *format, ...)
{
	FORMATTED;
	print_line(strcmp(expected, found) == 0 ? "ok" : "DIFFERS", name, expected, found);
}

/** A fact that the caller judges, because what is found is a number. */
__attribute__((format(printf, 4, 5))) HELPER void holds(const char *name, const char *expected, bool as_expected,
                                                        const char *format, ...)
{
	FORMATTED;
	print_line(as_expected ? "ok" : "DIFFERS", name, expected, found);
}

/** Something that kernels do differently, and the library has to live with either. */
__attribute__((format(printf, 2, 3))) HELPER void note(const char *name, const char *format, ...)
{
	FORMATTED;
	print_line("ok", name, "either", found);
}

__attribute__((format(printf, 2, 3))) HELPER void skip(const char *name, const char *format, ...)
{
	FORMATTED;
	print_line("skipped", name, "-", found);
}

HELPER const char *error_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {{EAGAIN, "EAGAIN"},
	             {EBUSY, "EBUSY"},
	             {ECONNABORTED, "ECONNABORTED"},
	             {EBADF, "EBADF"},
	             {ECONNREFUSED, "ECONNREFUSED"},
	             {ECONNRESET, "ECONNRESET"},
	             {EFAULT, "EFAULT"},
	             {EINPROGRESS, "EINPROGRESS"},
	             {EINTR, "EINTR"},
	             {EINVAL, "EINVAL"},
	             {EISCONN, "EISCONN"},
	             {ENOPROTOOPT, "ENOPROTOOPT"},
	             {ENOTCONN, "ENOTCONN"},
	             {ENOTSOCK, "ENOTSOCK"},
	             {EOPNOTSUPP, "EOPNOTSUPP"},
	             {EPERM, "EPERM"},
	             {EPIPE, "EPIPE"},
	             {ETIMEDOUT, "ETIMEDOUT"},
	             {EADDRINUSE, "EADDRINUSE"}};

	if (error == 0)
		return "no error";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].error == error)
			return names[i].name;
	return strerror(error);
}

/** What a call that was asked for so many bytes said. Reads errno. */
HELPER const char *said(ssize_t result, size_t asked)
{
	return result < 0 ? error_name(errno) : result == 0 ? "0" : (size_t)result == asked ? "all" : "some";
}

HELPER const char *event_names(int events)
{
	static char names[64];

	snprintf(names, sizeof names, "%s%s%s%s%s", events & POLLIN ? " IN" : "", events & POLLOUT ? " OUT" : "",
	         events & POLLERR ? " ERR" : "", events & POLLHUP ? " HUP" : "", events & POLLRDHUP ? " RDHUP" : "");
	return *names ? names + 1 : "none";
}

/* ---- sockets on loopback ---- */

HELPER int new_socket(int type, int protocol)
{
	int fd = socket(AF_INET, type, protocol);

	if (fd < 0)
		die("socket");
	return fd;
}

HELPER void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof value) < 0)
		die("setsockopt");
}

HELPER int get(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof value;

	return getsockopt(fd, level, option, &value, &length) < 0 ? -errno : value;
}

HELPER struct tcp_info info_of(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	memset(&info, 0, sizeof info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		die("TCP_INFO");
	return info;
}

HELPER int outstanding(int fd)
{
	int bytes = -1;

	return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

HELPER int events_of(int fd, int asked)
{
	struct pollfd wait = {.fd = fd, .events = (short)asked};

	poll(&wait, 1, 0);
	return wait.revents;
}

/** A bound socket on a port that the kernel chose. Until somebody listens there, connections are refused. */
HELPER int bound_socket(int protocol, struct sockaddr_in *address)
{
	socklen_t length = sizeof *address;
	int fd = new_socket(SOCK_STREAM, protocol);

	memset(address, 0, sizeof *address);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)address, sizeof *address) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &length) < 0)
		die("bind");
	return fd;
}

HELPER int connect_to(int fd, const struct sockaddr_in *address)
{
	return connect(fd, (const struct sockaddr *)address, sizeof *address);
}

HELPER int disconnect(int fd)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	return connect(fd, &nowhere, sizeof nowhere);
}

struct pair {
	int near; /* sends */
	int far;  /* the peer */
};

/** SO_COOKIE; 0: there is none. */
HELPER uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

/** A connection. With a size other than 0, the buffers on the way are as small as that. */
HELPER struct pair connected_by(int protocol, int size)
{
	struct sockaddr_in address;
	struct pair pair;
	int listener = bound_socket(protocol, &address);

	pair.near = new_socket(SOCK_STREAM, protocol);
	if (size) {
		set(listener, SOL_SOCKET, SO_RCVBUF, size);
		set(pair.near, SOL_SOCKET, SO_SNDBUF, size);
	}
	if (listen(listener, 1) < 0 || connect_to(pair.near, &address) < 0)
		die("connect");
	pair.far = accept(listener, NULL, NULL);
	close(listener);
	return pair;
}

HELPER struct pair connected(int size)
{
	return connected_by(0, size);
}

/** Where nobody answers: once its accept queue is full, a listening socket drops every SYN. Needs no privilege. */
HELPER struct sockaddr_in blackhole(void)
{
	struct sockaddr_in address;
	int listener = bound_socket(0, &address);

	listen(listener, 0);
	for (int i = 0; i < 16; i++) {
		struct pollfd filler = {.fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK, 0), .events = POLLOUT};

		connect_to(filler.fd, &address);
		if (poll(&filler, 1, 100) == 0)
			return address;
	}
	fprintf(stderr, "a full accept queue still answers\n");
	exit(99);
}

HELPER char *much(void)
{
	static char data[MUCH];

	return data;
}

/** Until the socket takes no more, for longer than the peer's kernel may wait with what it acknowledges (40 ms). */
HELPER size_t fill(int fd)
{
	size_t filled = 0;

	for (int refused = 0; refused < 8; refused++) {
		ssize_t n;

		while ((n = send(fd, much(), SMALL, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
			filled += (size_t)n;
			refused = 0;
		}
		sleep_ms(30);
	}
	return filled;
}

/** Up to `most` bytes that are there or come within 300 ms. Returns how many; *end is what ended it. */
HELPER size_t take(int fd, size_t most, const char **end)
{
	static char data[65536];
	struct timeval patience = {0, 300000};
	size_t taken = 0;
	ssize_t n = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	while (taken < most && (n = recv(fd, data, most - taken < sizeof data ? most - taken : sizeof data, 0)) > 0)
		taken += (size_t)n;
	if (end)
		*end = said(n, 0);
	return taken;
}

/* ---- calls that wait, in a thread or in a process of their own ---- */

struct call {
	ssize_t (*make)(int fd);
	int fd;
	ssize_t result;
	int error;
	int64_t ms; /* how long it took */
	atomic_bool ended;
	pthread_t thread;
	pid_t pid; /* of a call in a child */
	int from_child;
};

HELPER ssize_t send_much(int fd)
{
	return send(fd, much(), MUCH, MSG_NOSIGNAL);
}

HELPER ssize_t receive_byte(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0);
}

static void make_call(struct call *call)
{
	int64_t start = now_ms();

	call->result = call->make(call->fd);
	call->error = errno;
	call->ms = now_ms() - start;
}

static void *call_thread(void *argument)
{
	struct call *call = argument;

	make_call(call);
	atomic_store(&call->ended, true);
	return NULL;
}

/** Make the call in a thread of its own; it waits by the time this returns. */
HELPER void begin(struct call *call, ssize_t (*make)(int), int fd)
{
	memset(call, 0, sizeof *call);
	call->make = make;
	call->fd = fd;
	if (pthread_create(&call->thread, NULL, call_thread, call))
		die("pthread_create");
	pthread_detach(call->thread);
	sleep_ms(100);
}

static void do_nothing(int signal)
{
	(void)signal;
}

/** Make the call in a child, which has an SA_RESTART handler for SIGUSR1. */
HELPER void begin_in_child(struct call *call, ssize_t (*make)(int), int fd)
{
	struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
	int ends[2];

	memset(call, 0, sizeof *call);
	call->make = make;
	call->fd = fd;
	if (pipe2(ends, O_CLOEXEC) < 0 || (call->pid = fork()) < 0)
		die("fork");
	if (call->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigaction(SIGUSR1, &action, NULL);
		if (write(ends[1], "", 1) != 1)
			_exit(99);
		make_call(call);
		_exit(write(ends[1], call, sizeof *call) != sizeof *call);
	}
	close(ends[1]);
	call->from_child = ends[0];
	if (read(ends[0], &(char){0}, 1) != 1)
		die("a child");
	sleep_ms(100);
}

/** What the call said within so long, or "still waits". A child that still waits is killed. */
HELPER const char *outcome(struct call *call, int ms)
{
	int64_t until = now_ms() + ms;

	if (call->pid) {
		struct pollfd wait = {.fd = call->from_child, .events = POLLIN};
		struct call done;
		bool ended = poll(&wait, 1, ms) == 1 && read(wait.fd, &done, sizeof done) == sizeof done;

		kill(call->pid, SIGKILL);
		waitpid(call->pid, NULL, 0);
		close(wait.fd);
		if (!ended)
			return "still waits";
		*call = done;
	} else {
		while (!atomic_load(&call->ended) && now_ms() < until)
			sleep_ms(5);
		if (!atomic_load(&call->ended))
			return "still waits";
	}
	errno = call->error;
	return said(call->result, MUCH);
}

/** A handler runs, or ^Z and fg, while the call waits. */
HELPER void interrupt(struct call *call, bool by_stop)
{
	if (by_stop) {
		kill(call->pid, SIGSTOP);
		waitpid(call->pid, NULL, WUNTRACED);
		kill(call->pid, SIGCONT);
	} else {
		kill(call->pid, SIGUSR1);
	}
}

#endif
