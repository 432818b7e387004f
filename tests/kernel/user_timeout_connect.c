/* SPDX-License-Identifier: MIT */
/* TCP_USER_TIMEOUT is a connect deadline: the kernel gives up, whatever waits and whatever signals come. */
#include "fact.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static struct sockaddr_in nobody;

static ssize_t connect_to_nobody(int fd)
{
	return connect_to(fd, &nobody);
}

/* The events, then what SO_ERROR or a second connect() says. */
static ssize_t wait_without_blocking(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	connect_to(fd, &nobody);
	poll(&wait, 1, 5000);
	return wait.revents;
}

static int limited(int limit_ms, int flags)
{
	int fd = new_socket(SOCK_STREAM | flags, 0);

	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, limit_ms);
	return fd;
}

static void check(struct call *call, const char *name, int low_ms, int high_ms)
{
	char expected[64];
	const char *end = outcome(call, 5000);

	snprintf(expected, sizeof expected, "ETIMEDOUT, %d to %d ms", low_ms, high_ms);
	holds(name, expected, strcmp(end, "ETIMEDOUT") == 0 && call->ms >= low_ms && call->ms <= high_ms, "%s, %d ms",
	      end, (int)call->ms);
}

int main(void)
{
	struct call plain, brief, handled, stopped, loop, second;
	struct sockaddr_in refusing;
	int loop_fd = limited(1500, SOCK_NONBLOCK), second_fd = limited(1500, SOCK_NONBLOCK),
	    plain_fd = limited(1500, 0);
	int mptcp = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), limit_ms = 1500;
	struct call multipath;

	nobody = blackhole();
	bound_socket(0, &refusing);
	begin(&plain, connect_to_nobody, plain_fd);
	begin(&brief, connect_to_nobody, limited(300, 0));
	begin(&loop, wait_without_blocking, loop_fd);
	begin(&second, wait_without_blocking, second_fd);
	begin_in_child(&handled, connect_to_nobody, limited(1500, 0));
	begin_in_child(&stopped, connect_to_nobody, limited(1500, 0));
	if (mptcp >= 0 && setsockopt(mptcp, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms) < 0) {
		note("TCP_USER_TIMEOUT 1500 on MPTCP", "%s", error_name(errno));
		mptcp = -1;
	} else if (mptcp >= 0) {
		begin(&multipath, connect_to_nobody, mptcp);
	}
	for (int i = 0; i < 3; i++) {
		interrupt(&handled, false);
		interrupt(&stopped, true);
		sleep_ms(200);
	}

	check(&brief, "TCP_USER_TIMEOUT 300, connect", 950, 1400);
	check(&plain, "TCP_USER_TIMEOUT 1500, connect", 1450, 2000);
	check(&handled, "TCP_USER_TIMEOUT 1500, connect, SA_RESTART handlers", 1450, 2000);
	check(&stopped, "TCP_USER_TIMEOUT 1500, connect, STOP and CONT", 1450, 2000);
	outcome(&loop, 5000);
	fact("TCP_USER_TIMEOUT 1500, poll of a non-blocking connect", "OUT ERR HUP", "%s",
	     event_names((int)loop.result));
	holds("  and its time", "1450 to 2000 ms", loop.ms >= 1450 && loop.ms <= 2000, "%d ms", (int)loop.ms);
	fact("  and SO_ERROR", "ETIMEDOUT", "%s", error_name(get(loop_fd, SOL_SOCKET, SO_ERROR)));
	outcome(&second, 5000);
	fact("  and a second connect()", "ETIMEDOUT", "%s", said(connect_to(second_fd, &nobody), 0));
	fact("  and a connect() after that, elsewhere", "ECONNREFUSED", "%s", said(connect_to(plain_fd, &refusing), 0));
	if (mptcp >= 0) {
		const char *end = outcome(&multipath, 3000);

		note("TCP_USER_TIMEOUT 1500 on MPTCP", "%s, %d ms", end, (int)multipath.ms);
	}
	return 0;
}
