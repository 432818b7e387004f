/* SPDX-License-Identifier: MIT */
/* Two threads that send on one socket tear each other's messages, whether each waits in send() or tries and polls. */
#include "fact.h"

#define MESSAGE (1 << 20)

static char messages[2][MESSAGE];
static atomic_int next_message;
static bool tries;

static ssize_t send_message(int fd)
{
	const char *message = messages[atomic_fetch_add(&next_message, 1) % 2];
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	size_t sent = 0;

	while (sent < MESSAGE) {
		ssize_t n = send(fd, message + sent, MESSAGE - sent, MSG_NOSIGNAL | (tries ? MSG_DONTWAIT : 0));

		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			poll(&wait, 1, -1);
		else
			return -1;
	}
	return 0;
}

/* How often the bytes change from one message's to the other's: once where they do not tear. */
static int changes_of(int near, int far)
{
	struct call calls[2];
	static char data[65536];
	size_t left = 2 * MESSAGE;
	int changes = 0;
	char last = 0;

	begin(&calls[0], send_message, near);
	begin(&calls[1], send_message, near);
	while (left) {
		ssize_t n = recv(far, data, sizeof data, 0);

		if (n <= 0)
			die("recv");
		left -= (size_t)n;
		for (ssize_t i = 0; i < n; i++) {
			changes += last && data[i] != last;
			last = data[i];
		}
	}
	/* The two are on this stack. */
	outcome(&calls[0], 1000);
	outcome(&calls[1], 1000);
	return changes;
}

/* Not every two do. */
static void try_pair(const char *name, int near, int far)
{
	int round = 0, changes;

	while ((changes = changes_of(near, far)) <= 1 && ++round < 20)
		;
	holds(name, "they tear", changes > 1, "%s, %d changes in round %d", changes > 1 ? "they tear" : "whole",
	      changes, round);
}

int main(void)
{
	struct pair pair;
	int ends[2];

	memset(messages[0], 'a', MESSAGE);
	memset(messages[1], 'b', MESSAGE);
	for (int i = 0; i < 2; i++) {
		tries = i;
		pair = connected(SMALL);
		try_pair(tries ? "TCP: two threads' sends with MSG_DONTWAIT and poll"
		               : "TCP: two threads' blocking sends",
		         pair.near, pair.far);
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
			die("socketpair");
		try_pair(tries ? "unix: two threads' sends with MSG_DONTWAIT and poll"
		               : "unix: two threads' blocking sends",
		         ends[0], ends[1]);
	}
	return 0;
}
