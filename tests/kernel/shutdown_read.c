/* SPDX-License-Identifier: MIT */
/* shutdown(SHUT_RD) wakes readers, and nobody who waits for room alone. */
#include "fact.h"
#include <sys/epoll.h>

static ssize_t poll_for_room(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	return poll(&wait, 1, -1);
}

int main(void)
{
	struct pair pair = connected(SMALL);
	struct epoll_event asked = {.events = EPOLLOUT}, found;
	struct call reader, poller, writer;
	int epoll = epoll_create1(0), both = epoll_create1(0);

	fill(pair.near);
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair.near, &asked);
	asked.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
	epoll_ctl(both, EPOLL_CTL_ADD, pair.near, &asked);
	begin(&reader, receive_byte, pair.near);
	begin(&poller, poll_for_room, pair.near);
	begin(&writer, send_much, pair.near);
	shutdown(pair.near, SHUT_RD);
	fact("SHUT_RD, a thread that receives", "0", "%s", outcome(&reader, 300));
	fact("SHUT_RD, a thread that sends", "still waits", "%s", outcome(&writer, 200));
	fact("SHUT_RD, a poll for POLLOUT", "still waits", "%s", outcome(&poller, 200));
	fact("SHUT_RD, an epoll for EPOLLOUT", "0 events", "%d events", epoll_wait(epoll, &found, 1, 200));
	fact("SHUT_RD, an epoll for all", "IN RDHUP", "%s",
	     epoll_wait(both, &found, 1, 200) == 1 ? event_names((int)found.events) : "0 events");
	return 0;
}
