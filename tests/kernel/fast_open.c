/* SPDX-License-Identifier: MIT */
/* Fast Open sends connect: they are not made with MSG_DONTWAIT, because they do not say the same then. */
#include "fact.h"

static int opener(int option)
{
	int fd = new_socket(SOCK_STREAM, 0), on = 1;

	/* Without a cookie from an earlier connection the kernel defers nothing, unless it is told to do without. */
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on);
	if (option && setsockopt(fd, IPPROTO_TCP, option, &on, sizeof on) < 0)
		return -1;
	return fd;
}

static const char *send_to(const struct sockaddr_in *address, int flags)
{
	int fd = opener(0);

	return said(sendto(fd, "hello", 5, flags | MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *)address,
	                   sizeof *address),
	            5);
}

int main(void)
{
	struct sockaddr_in refusing, nobody = blackhole();
	int fd, blocking;

	bound_socket(0, &refusing);
	if (strcmp(send_to(&refusing, 0), "EOPNOTSUPP") == 0) {
		skip("Fast Open", "net.ipv4.tcp_fastopen forbids it");
		return 0;
	}
	fact("MSG_FASTOPEN to a port that refuses", "ECONNREFUSED", "%s", send_to(&refusing, 0));
	holds("MSG_FASTOPEN|MSG_DONTWAIT to one", "something else",
	      strcmp(send_to(&refusing, MSG_DONTWAIT), "ECONNREFUSED"), "%s", send_to(&refusing, MSG_DONTWAIT));

	if ((fd = opener(TCP_FASTOPEN_CONNECT)) < 0) {
		skip("TCP_FASTOPEN_CONNECT", "%s", error_name(errno));
		return 0;
	}
	fact("TCP_FASTOPEN_CONNECT, connect() to nobody", "0", "%s", said(connect_to(fd, &nobody), 0));
	note("  and events before the first send", "%s", event_names(events_of(fd, POLLOUT)));
	note("  and the first send with MSG_DONTWAIT", "%s",
	     said(send(fd, "hello", 5, MSG_DONTWAIT | MSG_NOSIGNAL), 5));

	blocking = opener(TCP_FASTOPEN_CONNECT);
	fact("TCP_FASTOPEN_CONNECT, connect() to a port that refuses", "0", "%s",
	     said(connect_to(blocking, &refusing), 0));
	fact("  and the first blocking send", "ECONNREFUSED", "%s", said(send(blocking, "hello", 5, MSG_NOSIGNAL), 5));
	return 0;
}
