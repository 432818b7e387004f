/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Makes one kind of call so many times that what a single one costs is a difference of two runs.
 *
 * calls KIND COUNT [ELEMENTS [threads]]: every call is complete at once, or is refused at once where its name says so;
 * what makes room for the next one goes past libc's wrappers (syscall(2)). With "threads" there is a second one, which
 * sleeps: libc then takes other ways.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ELEMENTS_MOST 64
#define DEADLINE_MS 5000

static int listener, client, server, pipe_ends[2], null, zero, epoll;
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
static void drain(int fd, long bytes)
{
	check(syscall(SYS_read, fd, room, (size_t)bytes) == bytes, "read");
}

static void feed(int fd)
{
	check(syscall(SYS_write, fd, byte, sizeof byte) == 1, "write");
}

static void call_send(void)
{
	check(send(client, byte, 1, 0) == 1, "send");
	drain(server, 1);
}

static void call_write(void)
{
	check(write(client, byte, 1) == 1, "write");
	drain(server, 1);
}

static void call_write_file(void)
{
	check(write(null, byte, 1) == 1, "write");
}

static void call_write_pipe(void)
{
	check(write(pipe_ends[1], byte, 1) == 1, "write");
	drain(pipe_ends[0], 1);
}

static void call_sendmsg(void)
{
	check(sendmsg(client, &message, 0) == elements, "sendmsg");
	drain(server, elements);
}

static void call_writev(void)
{
	check(writev(client, parts, elements) == elements, "writev");
	drain(server, elements);
}

static void call_recv(void)
{
	feed(server);
	check(recv(client, byte, 1, 0) == 1, "recv");
}

static void call_read(void)
{
	feed(server);
	check(read(client, byte, 1) == 1, "read");
}

static void call_read_file(void)
{
	check(read(zero, byte, 1) == 1, "read");
}

static void call_poll(void)
{
	check(poll(waits, (nfds_t)elements, 0) == 0, "poll");
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
	drain(server, 1);
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
	drain(server, 1);
}

static int new_socket(int flags)
{
	const long fd = syscall(SYS_socket, AF_INET, SOCK_STREAM | flags, 0);
	check(fd >= 0, "socket");
	return (int)fd;
}

static void end_socket(int fd)
{
	const struct linger reset = {.l_onoff = 1};
	syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	syscall(SYS_close, fd);
}

static void call_connect(void)
{
	const int fd = new_socket(0);
	check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
	end_socket(fd);
	end_socket((int)syscall(SYS_accept4, listener, NULL, NULL, 0));
}

/** Until the first byte is sent. */
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
	end_socket(fd);
	end_socket((int)syscall(SYS_accept4, listener, NULL, NULL, 0));
}

/** Until the first byte is sent. */
static void call_accept(void)
{
	const int fd = new_socket(0);
	check(syscall(SYS_connect, fd, &address, sizeof address) == 0, "connect");
	const int accepted = accept(listener, NULL, NULL);
	check(accepted >= 0, "accept");
	check(send(accepted, byte, 1, 0) == 1, "send");
	end_socket(accepted);
	end_socket(fd);
}

/** A program that has connected and sent, to be looked at until its input ends. */
static void call_hold(void)
{
	call_send();
	check(syscall(SYS_write, STDOUT_FILENO, "\n", 1) == 1, "write");
	while (syscall(SYS_read, STDIN_FILENO, room, sizeof room) > 0)
		;
}

static const struct kind {
	const char *name;
	void (*call)(void);
	bool nonblocking;
} kinds[] = {
	{"send", call_send, false},
	{"write", call_write, false},
	{"write-file", call_write_file, false},
	{"write-pipe", call_write_pipe, false},
	{"sendmsg", call_sendmsg, false},
	{"writev", call_writev, false},
	{"recv", call_recv, false},
	{"read", call_read, false},
	{"read-file", call_read_file, false},
	{"poll", call_poll, false},
	{"epoll_wait", call_epoll_wait, false},
	{"poll-and-send", call_poll_and_send, true},
	{"loop", call_loop, true},
	{"connect", call_connect, false},
	{"connect-nonblocking", call_connect_nonblocking, false},
	{"accept", call_accept, false},
	{"hold", call_hold, false},
};

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
	check(pipe(pipe_ends) == 0, "pipe");
	null = open("/dev/null", O_WRONLY);
	zero = open("/dev/zero", O_RDONLY);
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
	if (argc > 4)
		check((errno = pthread_create(&thread, NULL, sleep_on, NULL)) == 0, "pthread_create");
	for (long left = atol(argv[2]); left > 0; left--)
		kind->call();
	/* Past whatever runs at the end. */
	syscall(SYS_exit_group, 0);
}
