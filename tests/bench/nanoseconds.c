/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Prints the nanoseconds that a call of each kind takes, for each line of its input.
 *
 * nanoseconds CALLS: with stub.c as the last preloaded library, so that no call reaches the kernel. The first line of
 * output names the kinds; then there is one for each line of input, of the mean of CALLS calls each.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 1000

static int client, null, zero, pipe_ends[2], unix_ends[2];
static long calls;
static char room[64];
static struct iovec part = {room, sizeof room};
static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
static struct pollfd of_pipe, of_client;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "nanoseconds: %s: %s\n", what, strerror(errno));
	exit(1);
}

/** A loop for each kind: one that called through a pointer would hide some of the cost. @return the sum of the results */
#define MANY(name, call)                         \
	static long name(void)                   \
	{                                        \
		long sum = 0;                    \
		for (long i = 0; i < calls; i++) \
			sum += (call);           \
		return sum;                      \
	}
MANY(write_file, write(null, room, sizeof room))
MANY(read_file, read(zero, room, sizeof room))
MANY(send_unix, send(unix_ends[0], room, sizeof room, 0))
MANY(recv_unix, recv(unix_ends[0], room, sizeof room, 0))
MANY(send_covered, send(client, room, sizeof room, 0))
MANY(write_covered, write(client, room, sizeof room))
MANY(sendmsg_covered, sendmsg(client, &message, 0))
MANY(writev_covered, writev(client, &part, 1))
MANY(recv_covered, recv(client, room, sizeof room, 0))

/** On the stack, as most are. */
static long poll_many(struct pollfd wait)
{
	long sum = 0;
	for (long i = 0; i < calls; i++)
		sum += poll(&wait, 1, WAIT_MS);
	return sum;
}

static long poll_pipe(void)
{
	return poll_many(of_pipe);
}

static long poll_covered(void)
{
	return poll_many(of_client);
}

static const struct kind {
	const char *name;
	long (*many)(void);
	long result;
} kinds[] = {
	{"write-file", write_file, sizeof room},
	{"read-file", read_file, sizeof room},
	{"send-unix", send_unix, sizeof room},
	{"recv-unix", recv_unix, sizeof room},
	{"poll-pipe", poll_pipe, 1},
	{"send", send_covered, sizeof room},
	{"write", write_covered, sizeof room},
	{"sendmsg", sendmsg_covered, sizeof room},
	{"writev", writev_covered, sizeof room},
	{"recv", recv_covered, sizeof room},
	{"poll", poll_covered, 1},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/** The usual way, so that a library that is preloaded knows the socket. */
static void make_connection(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	check(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
	      getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
	client = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(client, (struct sockaddr *)&address, sizeof address) == 0, "connect");
	check(accept(listener, NULL, NULL) >= 0, "accept");
}

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void time_all(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		const double begun_ns = now_ns();
		const long sum = kinds[i].many();
		const double took_ns = now_ns() - begun_ns;
		check(sum == calls * kinds[i].result, kinds[i].name);
		printf("%s%.3f", i ? " " : "", took_ns / (double)calls);
	}
	puts("");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool *answers = dlsym(RTLD_DEFAULT, "bench_stub_answers");
	if (argc != 2 || (calls = atol(argv[1])) < 1) {
		fputs("usage: nanoseconds CALLS\n", stderr);
		return 2;
	}
	check(answers, "libstub.so is not preloaded");
	make_connection();
	null = open("/dev/null", O_WRONLY);
	zero = open("/dev/zero", O_RDONLY);
	check(null >= 0 && zero >= 0 && pipe(pipe_ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, unix_ends) == 0, "open");
	of_pipe = (struct pollfd){.fd = pipe_ends[0], .events = POLLIN};
	of_client = (struct pollfd){.fd = client, .events = POLLIN};
	*answers = true;
	/* The kernel would refuse it. */
	check(write(-1, room, 1) == 1, "libstub.so is not behind all others");
	for (size_t i = 0; i < KINDS; i++)
		printf("%s%s", i ? " " : "", kinds[i].name);
	puts("");
	fflush(stdout);
	while (syscall(SYS_read, STDIN_FILENO, room, 1) == 1)
		time_all();
	return 0;
}
