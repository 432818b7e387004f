/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Makes one kind of call so many times that what a single one costs is a difference of two runs.
 *
 * calls KIND COUNT [ELEMENTS [threads]]: every call is complete at once, or is refused at once where its name says so;
 * what makes room for the next one goes past libc's wrappers (syscall(2)). With "threads" there is a second one, which
 * sleeps: libc then takes other ways.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ELEMENTS_MOST 64
#define DEADLINE_MS 5000
#define BLOCK 65536
/** What takes longer is not on its way. */
#define SETTLED_US 50000
/** From there to the first room. */
#define DRAINED_US 200000

/** syscall(2) as libc has it: the peer's half of a connection is nothing that a library is to see. */
static long (*kernel)(long number, ...);

static int listener, client, server, pipe_ends[2], unix_ends[2], udp_ends[2], null, zero, file, nowhere = -1, epoll;
/** What is called with, and where it leads. */
static int near, far;
static struct sockaddr_in address = {.sin_family = AF_INET};
static char byte[1], room[ELEMENTS_MOST];
static struct iovec parts[ELEMENTS_MOST];
static struct msghdr message = {.msg_iov = parts};
static struct pollfd waits[ELEMENTS_MOST];
static int elements = 1;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
	exit(1);
}

/** Take what is at the other end, past every wrapper. */
static void drain(long bytes)
{
	check(far < 0 || kernel(SYS_read, far, room, (size_t)bytes) == bytes, "read");
}

static void feed(void)
{
	check(far < 0 || kernel(SYS_write, far, byte, sizeof byte) == 1, "write");
}

static void call_send(void)
{
	check(send(near, byte, 1, 0) == 1, "send");
	drain(1);
}

static void call_sendto(void)
{
	check(sendto(near, byte, 1, 0, NULL, 0) == 1, "sendto");
	drain(1);
}

static void call_write(void)
{
	check(write(near, byte, 1) == 1, "write");
	drain(1);
}

static void call_sendmsg(void)
{
	check(sendmsg(near, &message, 0) == elements, "sendmsg");
	drain(elements);
}

static void call_writev(void)
{
	check(writev(near, parts, elements) == elements, "writev");
	drain(elements);
}

static void call_sendfile(void)
{
	off_t offset = 0;
	check(sendfile(near, file, &offset, 1) == 1, "sendfile");
	drain(1);
}

static void call_recv(void)
{
	feed();
	check(recv(near, byte, 1, 0) == 1, "recv");
}

static void call_read(void)
{
	feed();
	check(read(near, byte, 1) == 1, "read");
}

/** Where most programs have them: on the stack. */
static void call_poll(void)
{
	struct pollfd own[ELEMENTS_MOST];
	memcpy(own, waits, sizeof own);
	check(poll(own, (nfds_t)elements, 0) == 0, "poll");
}

static void call_epoll_wait(void)
{
	struct epoll_event event;
	check(epoll_wait(epoll, &event, 1, 0) == 0, "epoll_wait");
}

/** As CPython does with a timeout. */
static void call_poll_and_send(void)
{
	struct pollfd writable = {.fd = client, .events = POLLOUT};
	check(poll(&writable, 1, DEADLINE_MS) == 1, "poll");
	check(send(client, byte, 1, 0) == 1, "send");
	drain(1);
}

/** As a loop does that waits for room before each send. */
static void call_loop(void)
{
	static int loop = -1;
	struct epoll_event event = {.events = EPOLLOUT};
	if (loop < 0)
		check((loop = epoll_create1(0)) >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, client, &event) == 0, "epoll_ctl");
	check(epoll_wait(loop, &event, 1, -1) == 1, "epoll_wait");
	check(send(client, byte, 1, 0) == 1, "send");
	drain(1);
}

/** Take as many bytes as it is told of, a moment later: a process of its own, so that nobody counts what it does. */
static void drain_later(int told)
{
	static char bytes[BLOCK];
	long left;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (kernel(SYS_read, told, &left, sizeof left) == sizeof left) {
		usleep(DRAINED_US);
		while (left > 0) {
			const long got = kernel(SYS_read, server, bytes, left < BLOCK ? left : BLOCK);
			check(got > 0, "read");
			left -= got;
		}
	}
	_exit(0);
}

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/** Its beginning and its end are marked for whoever traces. */
static void call_send_waiting(void)
{
	static const char block[BLOCK];
	static int tell = -1;
	long filled = 0;
	if (tell < 0) {
		int ends[2];
		check(pipe(ends) == 0, "pipe");
		tell = ends[1];
		const pid_t child = fork();
		check(child >= 0, "fork");
		if (child == 0)
			drain_later(ends[0]);
	}
	/* Until nothing more is on its way to the other end, for that makes room. */
	for (long before = -1; filled != before; usleep(SETTLED_US)) {
		long sent;
		before = filled;
		while ((sent = kernel(SYS_sendto, client, block, sizeof block, MSG_DONTWAIT, NULL, 0)) > 0)
			filled += sent;
	}
	filled += BLOCK;
	check(kernel(SYS_write, tell, &filled, sizeof filled) == sizeof filled, "write");
	const double begun_us = now_us();
	kernel(SYS_write, -1, "send", 4);
	check(send(client, block, sizeof block, 0) == BLOCK, "send");
	kernel(SYS_write, -1, "sent", 4);
	check(now_us() - begun_us > DRAINED_US / 2.0, "a send that did not wait");
}

static int new_socket(int flags)
{
	const int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	check(fd >= 0, "socket");
	return fd;
}

static void call_socket(void)
{
	check(close(new_socket(0)) == 0, "close");
}

/** The other end goes first, with a reset: no port is kept for it. */
static void end_connection(int fd, long other_end)
{
	const struct linger reset = {.l_onoff = 1};
	kernel(SYS_setsockopt, other_end, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	check(kernel(SYS_close, other_end) == 0 && close(fd) == 0, "close");
}

static void call_connect(void)
{
	const int fd = new_socket(0);
	check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
	end_connection(fd, kernel(SYS_accept4, listener, NULL, NULL, 0));
}

static void call_connect_nonblocking(void)
{
	const int fd = new_socket(SOCK_NONBLOCK);
	struct pollfd through = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof error;
	check(connect(fd, (struct sockaddr *)&address, sizeof address) == -1 && errno == EINPROGRESS, "connect");
	check(poll(&through, 1, DEADLINE_MS) == 1, "poll");
	check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0, "getsockopt");
	check(send(fd, byte, 1, 0) == 1, "send");
	end_connection(fd, kernel(SYS_accept4, listener, NULL, NULL, 0));
}

static void call_accept(void)
{
	const long fd = kernel(SYS_socket, AF_INET, SOCK_STREAM, 0);
	check(fd >= 0 && kernel(SYS_connect, fd, &address, sizeof address) == 0, "connect");
	const int accepted = accept(listener, NULL, NULL);
	check(accepted >= 0, "accept");
	check(send(accepted, byte, 1, 0) == 1, "send");
	end_connection(accepted, fd);
}

/** A program that has connected and sent, to be looked at until its input ends. */
static void call_hold(void)
{
	call_send();
	check(kernel(SYS_write, STDOUT_FILENO, "\n", 1) == 1, "write");
	while (kernel(SYS_read, STDIN_FILENO, room, sizeof room) > 0)
		;
}

static const struct kind {
	const char *name;
	void (*call)(void);
	const int *near, *far;
	bool nonblocking;
} kinds[] = {
	{"send", call_send, &client, &server, false},
	{"send-unix", call_send, &unix_ends[0], &unix_ends[1], false},
	{"send-udp", call_send, &udp_ends[0], &udp_ends[1], false},
	{"sendto", call_sendto, &client, &server, false},
	{"write", call_write, &client, &server, false},
	{"write-file", call_write, &null, &nowhere, false},
	{"write-pipe", call_write, &pipe_ends[1], &pipe_ends[0], false},
	{"write-unix", call_write, &unix_ends[0], &unix_ends[1], false},
	{"write-udp", call_write, &udp_ends[0], &udp_ends[1], false},
	{"sendmsg", call_sendmsg, &client, &server, false},
	{"writev", call_writev, &client, &server, false},
	{"sendfile", call_sendfile, &client, &server, true},
	{"sendfile-blocking", call_sendfile, &client, &server, false},
	{"recv", call_recv, &client, &server, false},
	{"recv-unix", call_recv, &unix_ends[0], &unix_ends[1], false},
	{"recv-udp", call_recv, &udp_ends[0], &udp_ends[1], false},
	{"read", call_read, &client, &server, false},
	{"read-file", call_read, &zero, &nowhere, false},
	{"read-pipe", call_read, &pipe_ends[0], &pipe_ends[1], false},
	{"read-unix", call_read, &unix_ends[0], &unix_ends[1], false},
	{"read-udp", call_read, &udp_ends[0], &udp_ends[1], false},
	{"poll", call_poll, &client, &server, false},
	{"epoll_wait", call_epoll_wait, &client, &server, false},
	{"poll-and-send", call_poll_and_send, &client, &server, true},
	{"send-waiting", call_send_waiting, &client, &server, false},
	{"loop", call_loop, &client, &server, true},
	{"socket", call_socket, &nowhere, &nowhere, false},
	{"connect", call_connect, &nowhere, &nowhere, false},
	{"connect-nonblocking", call_connect_nonblocking, &nowhere, &nowhere, false},
	{"accept", call_accept, &nowhere, &nowhere, false},
	{"hold", call_hold, &client, &server, false},
};

static void make_udp(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t size = sizeof to;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2; i++) {
		udp_ends[i] = socket(AF_INET, SOCK_DGRAM, 0);
		check(bind(udp_ends[i], (struct sockaddr *)&to, sizeof to) == 0, "bind");
	}
	for (int i = 0; i < 2; i++)
		check(getsockname(udp_ends[1 - i], (struct sockaddr *)&to, &size) == 0 &&
		      connect(udp_ends[i], (struct sockaddr *)&to, size) == 0, "connect");
}

static void set_up(bool nonblocking)
{
	socklen_t size = sizeof address;
	struct epoll_event event = {.events = EPOLLIN};
	const int on = 1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	check(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 16) == 0 &&
	      getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
	client = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(client, (struct sockaddr *)&address, sizeof address) == 0, "connect");
	server = accept(listener, NULL, NULL);
	/* What is sent is there for the other end at once. */
	check(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	      setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "setsockopt");
	check(!nonblocking || fcntl(client, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	check(pipe(pipe_ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, unix_ends) == 0, "pipe");
	make_udp();
	null = open("/dev/null", O_WRONLY);
	zero = open("/dev/zero", O_RDONLY);
	file = memfd_create("file", 0);
	check(write(file, byte, 1) == 1, "memfd_create");
	epoll = epoll_create1(0);
	check(null >= 0 && zero >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event) == 0, "open");
	for (int i = 0; i < ELEMENTS_MOST; i++) {
		parts[i] = (struct iovec){byte, 1};
		waits[i] = (struct pollfd){.fd = client, .events = POLLIN};
	}
	message.msg_iovlen = (size_t)elements;
}

static void *sleep_on(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

int main(int argc, char **argv)
{
	kernel = (long (*)(long, ...))dlsym(dlopen("libc.so.6", RTLD_LAZY), "syscall");
	const struct kind *kind = kinds;
	pthread_t thread;
	if (argc < 3 || (elements = argc > 3 ? atoi(argv[3]) : 1) < 1 || elements > ELEMENTS_MOST) {
		fputs("usage: calls KIND COUNT [ELEMENTS [threads]]\n", stderr);
		return 2;
	}
	while (kind < kinds + sizeof kinds / sizeof *kinds && strcmp(kind->name, argv[1]) != 0)
		kind++;
	if (kind == kinds + sizeof kinds / sizeof *kinds) {
		fprintf(stderr, "calls: '%s' is no kind of call\n", argv[1]);
		return 2;
	}
	set_up(kind->nonblocking);
	near = *kind->near;
	far = *kind->far;
	if (argc > 4)
		check((errno = pthread_create(&thread, NULL, sleep_on, NULL)) == 0, "pthread_create");
	for (long left = atol(argv[2]); left > 0; left--)
		kind->call();
	/* Past whatever runs at the end. */
	kernel(SYS_exit_group, 0);
}
