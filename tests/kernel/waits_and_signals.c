/* SPDX-License-Identifier: MIT */
/* What a handler, and what ^Z and fg, do to each way of waiting. */
#include "fact.h"
#include <sys/epoll.h>
#include <sys/select.h>

static ssize_t wait_in_poll(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	return poll(&wait, 1, -1);
}

static ssize_t wait_in_ppoll(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	struct timespec long_time = {9, 0};

	return ppoll(&wait, 1, &long_time, NULL);
}

static ssize_t wait_in_select(int fd)
{
	struct timeval long_time = {9, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, NULL, &set, NULL, &long_time);
}

static ssize_t wait_in_epoll(int fd)
{
	struct epoll_event event = {.events = EPOLLOUT};
	int epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	return epoll_wait(epoll, &event, 1, -1);
}

static void try_wait(const char *name, int fd, ssize_t (*make)(int), bool by_stop, const char *expected)
{
	struct call call;

	begin_in_child(&call, make, fd);
	interrupt(&call, by_stop);
	fact(name, expected, "%s", outcome(&call, strcmp(expected, "EINTR") == 0 ? 1000 : 200));
}

int main(void)
{
	int fd = connected(SMALL).near;

	fill(fd);
	try_wait("poll, SA_RESTART handler", fd, wait_in_poll, false, "EINTR");
	try_wait("poll, STOP and CONT", fd, wait_in_poll, true, "still waits");
	try_wait("ppoll, SA_RESTART handler", fd, wait_in_ppoll, false, "EINTR");
	try_wait("ppoll, STOP and CONT", fd, wait_in_ppoll, true, "still waits");
	try_wait("select, SA_RESTART handler", fd, wait_in_select, false, "EINTR");
	try_wait("select, STOP and CONT", fd, wait_in_select, true, "still waits");
	try_wait("epoll_wait, SA_RESTART handler", fd, wait_in_epoll, false, "EINTR");
	try_wait("epoll_wait, STOP and CONT", fd, wait_in_epoll, true, "EINTR");
	return 0;
}
