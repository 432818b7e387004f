/* SPDX-License-Identifier: MIT */
/* A connection's error is told once. Who asks in the program's place has taken it from the program. */
#include "fact.h"

static int reset_by_peer(void)
{
	struct pair pair = connected(0);
	struct linger abort = {1, 0};

	setsockopt(pair.far, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	close(pair.far);
	sleep_ms(20);
	return pair.near;
}

static const char *send_to(int fd)
{
	return said(send(fd, "hello", 5, MSG_DONTWAIT | MSG_NOSIGNAL), 5);
}

int main(void)
{
	int fd = reset_by_peer();

	fact("SO_LINGER {1, 0} and close: the peer's events", "IN OUT ERR HUP", "%s",
	     event_names(events_of(fd, POLLIN | POLLOUT)));
	fact("SO_ERROR after a reset", "ECONNRESET", "%s", error_name(get(fd, SOL_SOCKET, SO_ERROR)));
	fact("  and again", "no error", "%s", error_name(get(fd, SOL_SOCKET, SO_ERROR)));
	fact("  and a send", "EPIPE", "%s", send_to(fd));
	fact("  and a receive", "0", "%s", said(receive_byte(fd), 1));
	fact("  and events", "IN OUT HUP", "%s", event_names(events_of(fd, POLLIN | POLLOUT)));

	fd = reset_by_peer();
	fact("send after a reset", "ECONNRESET", "%s", send_to(fd));
	fact("  and SO_ERROR", "no error", "%s", error_name(get(fd, SOL_SOCKET, SO_ERROR)));
	fact("  and a send", "EPIPE", "%s", send_to(fd));

	fd = reset_by_peer();
	fact("poll after a reset tells and keeps it", "ERR", "%s", event_names(events_of(fd, 0) & POLLERR));
	fact("  and a receive", "ECONNRESET", "%s", said(receive_byte(fd), 1));
	fact("  and a receive", "0", "%s", said(receive_byte(fd), 1));
	return 0;
}
