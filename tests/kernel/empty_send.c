/* SPDX-License-Identifier: MIT */
/* The kernel raises SIGPIPE for an empty send too: what a send with MSG_NOSIGNAL has kept back can be made up for. */
#include "fact.h"

static volatile sig_atomic_t signals;
static siginfo_t last;

static void count(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	signals++;
	last = *info;
}

static int closed_by_peer(void)
{
	struct pair pair = connected(0);
	char byte;

	close(pair.far);
	send(pair.near, "a", 1, MSG_NOSIGNAL);
	sleep_ms(20);
	recv(pair.near, &byte, 1, 0);
	get(pair.near, SOL_SOCKET, SO_ERROR);
	return pair.near;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
	siginfo_t plain;
	int fd = closed_by_peer();

	sigaction(SIGPIPE, &action, NULL);
	fact("send to a closed peer", "EPIPE", "%s", said(send(fd, "hello", 5, 0), 5));
	fact("  and SIGPIPE", "once", "%s", signals == 1 ? "once" : "not once");
	plain = last;
	signals = 0;
	fact("the same with MSG_NOSIGNAL", "EPIPE", "%s", said(send(fd, "hello", 5, MSG_NOSIGNAL), 5));
	fact("  and SIGPIPE", "never", "%s", signals ? "raised" : "never");
	fact("an empty send after that", "EPIPE", "%s", said(send(fd, "", 0, 0), 0));
	fact("  and SIGPIPE", "once", "%s", signals == 1 ? "once" : "not once");
	fact("  and its si_code and si_pid", "as the plain one's", "%s",
	     last.si_code == plain.si_code && last.si_pid == plain.si_pid ? "as the plain one's" : "others");
	fd = connected(0).near;
	signals = 0;
	fact("an empty send on a healthy connection", "0", "%s", said(send(fd, "", 0, 0), 0));
	return 0;
}
