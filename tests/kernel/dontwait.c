/* SPDX-License-Identifier: MIT */
/* A blocking socket's send with MSG_DONTWAIT: as without it while there is room, and told at once where there is none. */
#include "fact.h"

static void try_socket(const char *kind, int near, int far)
{
	char name[64];

	snprintf(name, sizeof name, "%s, MSG_DONTWAIT with room", kind);
	fact(name, "all", "%s", said(send(near, "hello", 5, MSG_DONTWAIT), 5));
	snprintf(name, sizeof name, "%s, MSG_DONTWAIT with some room", kind);
	fact(name, "some", "%s", said(send(near, much(), MUCH, MSG_DONTWAIT), MUCH));
	fill(near);
	snprintf(name, sizeof name, "%s, MSG_DONTWAIT without room", kind);
	fact(name, "EAGAIN", "%s", said(send(near, much(), MUCH, MSG_DONTWAIT), MUCH));
	snprintf(name, sizeof name, "%s, O_NONBLOCK after MSG_DONTWAIT", kind);
	fact(name, "clear", "%s", fcntl(near, F_GETFL) & O_NONBLOCK ? "set" : "clear");
	snprintf(name, sizeof name, "%s, MSG_DONTWAIT to a closed peer", kind);
	close(far);
	sleep_ms(20);
	/* The first may learn of the reset. */
	send(near, "hello", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
	fact(name, "EPIPE", "%s", said(send(near, "hello", 5, MSG_DONTWAIT | MSG_NOSIGNAL), 5));
}

int main(void)
{
	struct pair pair = connected(SMALL);
	int unix_pair[2], pipe_ends[2];

	try_socket("TCP", pair.near, pair.far);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, unix_pair) < 0 || pipe(pipe_ends) < 0)
		die("socketpair");
	try_socket("unix stream", unix_pair[0], unix_pair[1]);
	fact("send() on a pipe", "ENOTSOCK", "%s", said(send(pipe_ends[1], "hello", 5, MSG_DONTWAIT), 5));
	fact("send() on a closed number", "EBADF", "%s", said(send(999, "hello", 5, MSG_DONTWAIT), 5));
	return 0;
}
