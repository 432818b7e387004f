/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A library (libearly.so) whose constructor uses sockets, for rule 2: preloaded behind ours it is initialised
 * before ours, and the wrappers must work already.
 */
#include "early.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Public: the tester finds it by name. The last stays zero and ends the list. */
__attribute__((visibility("default"))) struct early_result early_results[16];

static int n_results;

static void keep(const char *name, long value)
{
	early_results[n_results++] = (struct early_result){ name, value < 0 ? -errno : value };
}

static void use_pair(void)
{
	int ends[2];
	char byte;

	keep("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	struct pollfd writable = { .fd = ends[0], .events = POLLOUT };

	keep("poll", poll(&writable, 1, 1000));
	keep("send", send(ends[0], "12", 2, 0));
	keep("write", write(ends[0], "345", 3));
	keep("read", read(ends[1], &byte, 1));
	close(ends[0]);
	close(ends[1]);
}

/* A connection to ourselves: the whole way, connect to send, with the limits' covered kind of socket. */
static void use_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, size) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		return;
	keep("refused", connect(client, (struct sockaddr *)&address, size));
	keep("listen", listen(listener, 1));
	keep("connect", connect(client, (struct sockaddr *)&address, size));
	keep("tcp_send", send(client, "123", 3, 0));
	close(client);
	close(listener);
}

__attribute__((constructor)) static void start_early(void)
{
	use_pair();
	use_tcp();
}
