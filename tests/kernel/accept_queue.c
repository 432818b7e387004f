/* SPDX-License-Identifier: MIT */
/* A full accept queue swallows every SYN: a peer that does not answer, for tests without privileges. */
#include "fact.h"

static struct sockaddr_in nobody;

static ssize_t connect_to_nobody(int fd)
{
	return connect_to(fd, &nobody);
}

int main(void)
{
	struct call call;
	int loop = new_socket(SOCK_STREAM | SOCK_NONBLOCK, 0);

	nobody = blackhole();
	fact("non-blocking connect to a full accept queue", "EINPROGRESS", "%s", said(connect_to_nobody(loop), 0));
	begin(&call, connect_to_nobody, new_socket(SOCK_STREAM, 0));
	fact("connect to a full accept queue, 2 s", "still waits", "%s", outcome(&call, 2000));
	fact("  and events of the non-blocking one", "none", "%s", event_names(events_of(loop, POLLIN | POLLOUT)));
	fact("  and its tcpi_state", "SYN_SENT", "%s", info_of(loop).tcpi_state == 2 ? "SYN_SENT" : "another");
	fact("  and connect(AF_UNSPEC) gives it up", "0", "%s", said(disconnect(loop), 0));
	return 0;
}
