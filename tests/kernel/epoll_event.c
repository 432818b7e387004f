/* SPDX-License-Identifier: MIT */
/* connect(AF_UNSPEC) makes an event in every epoll that has the socket, whatever was asked of it. */
#include "fact.h"
#include <sys/epoll.h>

static ssize_t wait_for_event(int epoll)
{
	struct epoll_event found;

	return epoll_wait(epoll, &found, 1, -1) == 1 ? (ssize_t)found.events : -1;
}

static void try_events(const char *name, uint32_t events, const char *expected)
{
	struct pair pair = connected(SMALL);
	struct epoll_event asked = {.events = events}, found;
	struct pollfd nested = {.fd = epoll_create1(0), .events = POLLIN};
	struct call call;
	char full_name[96];
	bool waits;

	fill(pair.near);
	epoll_ctl(nested.fd, EPOLL_CTL_ADD, pair.near, &asked);
	while (epoll_wait(nested.fd, &found, 1, 0) > 0 && events & EPOLLET)
		;
	begin(&call, wait_for_event, nested.fd);
	disconnect(pair.near);
	waits = strcmp(outcome(&call, 300), "still waits") == 0;
	snprintf(full_name, sizeof full_name, "connect(AF_UNSPEC), epoll that asked for %s", name);
	fact(full_name, expected, "%s", waits ? "no event" : event_names((int)call.result & ~(int)EPOLLRDNORM));
	if (events & EPOLLET)
		return;
	fact("  and the epoll descriptor in a poll", waits ? "none" : "IN", "%s",
	     poll(&nested, 1, 100) ? event_names(nested.revents) : "none");
}

int main(void)
{
	struct pair pair = connected(SMALL);
	struct epoll_event asked = {.events = EPOLLOUT | EPOLLONESHOT}, found;
	int epoll = epoll_create1(0);

	try_events("nothing", 0, "ERR HUP");
	try_events("EPOLLOUT", EPOLLOUT, "OUT ERR HUP");
	try_events("EPOLLOUT|EPOLLET", EPOLLOUT | EPOLLET, "OUT ERR HUP");
	try_events("EPOLLIN|EPOLLET", EPOLLIN | EPOLLET, "ERR HUP");
	try_events("EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET", EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, "OUT ERR HUP");

	epoll_ctl(epoll, EPOLL_CTL_ADD, pair.near, &asked);
	epoll_wait(epoll, &found, 1, 0);
	disconnect(pair.near);
	fact("connect(AF_UNSPEC), EPOLLONESHOT that had its event", "0 events", "%d events",
	     epoll_wait(epoll, &found, 1, 200));
	return 0;
}
