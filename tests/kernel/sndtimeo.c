/* SPDX-License-Identifier: MIT */
/* SO_SNDTIMEO is the wrong tool: it counts all waiting of a call, and it changes what signals do. */
#include "fact.h"

static struct sockaddr_in nobody;

static void set_send_timeout(int fd, int ms)
{
	struct timeval limit = {ms / 1000, ms % 1000 * 1000};

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		die("SO_SNDTIMEO");
}

static ssize_t connect_to_nobody(int fd)
{
	return connect_to(fd, &nobody);
}

static ssize_t read_slowly(int fd)
{
	char data[4096];

	while (recv(fd, data, sizeof data, 0) > 0)
		sleep_ms(20);
	return 0;
}

static void try_signals(const char *name, ssize_t (*make)(int), bool connects, int limit_ms, bool by_stop,
                        const char *expected)
{
	int fd = connects ? new_socket(SOCK_STREAM, 0) : connected(SMALL).near;
	struct call call;

	if (!connects)
		fill(fd);
	set_send_timeout(fd, limit_ms);
	begin_in_child(&call, make, fd);
	interrupt(&call, by_stop);
	fact(name, expected, "%s", outcome(&call, strcmp(expected, "EINTR") == 0 ? 1000 : 200));
}

int main(void)
{
	struct pair pair = connected(SMALL);
	struct call reader, call;
	const char *end;

	nobody = blackhole();
	set_send_timeout(pair.near, 1000);
	begin(&reader, read_slowly, pair.far);
	begin(&call, send_much, pair.near);
	end = outcome(&call, 3000);
	holds("SO_SNDTIMEO 1 s, a peer that reads all the time", "some, 900 to 1600 ms",
	      strcmp(end, "some") == 0 && call.ms >= 900 && call.ms <= 1600, "%s, %d ms", end, (int)call.ms);

	set_send_timeout(pair.near = new_socket(SOCK_STREAM, 0), 300);
	fact("SO_SNDTIMEO on connect", "EINPROGRESS", "%s", said(connect_to(pair.near, &nobody), 0));

	try_signals("send, SA_RESTART handler", send_much, false, 0, false, "still waits");
	try_signals("send with SO_SNDTIMEO, SA_RESTART handler", send_much, false, 9000, false, "EINTR");
	try_signals("send, STOP and CONT", send_much, false, 0, true, "still waits");
	try_signals("send with SO_SNDTIMEO, STOP and CONT", send_much, false, 9000, true, "EINTR");
	try_signals("connect, SA_RESTART handler", connect_to_nobody, true, 0, false, "still waits");
	try_signals("connect with SO_SNDTIMEO, SA_RESTART handler", connect_to_nobody, true, 9000, false, "EINTR");
	try_signals("connect, STOP and CONT", connect_to_nobody, true, 0, true, "still waits");
	try_signals("connect with SO_SNDTIMEO, STOP and CONT", connect_to_nobody, true, 9000, true, "EINTR");
	return 0;
}
