/* SPDX-License-Identifier: MIT */
/* TCP_USER_TIMEOUT is no send timeout: it cuts a peer that reads slowly, and comes late where it is put on late. */
#include "fact.h"

/* 1 KB each 250 ms: a window that opens again and again. */
static ssize_t read_slowly(int fd)
{
	char data[1024];

	while (recv(fd, data, sizeof data, 0) > 0)
		sleep_ms(250);
	return 0;
}

int main(void)
{
	struct pair slow = connected(6144), late = connected(SMALL);
	struct call reader, sender, waiter;
	struct tcp_info start, end;
	const char *said_slow;
	int64_t begun;

	begin(&reader, read_slowly, slow.far);
	begin(&waiter, send_much, late.near);
	fill(slow.near);
	start = info_of(slow.near);
	set(slow.near, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	begin(&sender, send_much, slow.near);

	/* Window probes after 0.2, 0.6, 1.4, 3.0 s; the next is 3.2 s later. */
	sleep_ms(3300);
	set(late.near, IPPROTO_TCP, TCP_USER_TIMEOUT, 100);
	begun = now_ms();
	said_slow = outcome(&waiter, 1000);
	fact("TCP_USER_TIMEOUT 100 put on after 3 s without a window, 1 s later", "still waits", "%s", said_slow);
	outcome(&waiter, 6000);
	note("  and the connection ends", "%s, %d ms later", error_name(get(late.near, SOL_SOCKET, SO_ERROR)),
	     (int)(now_ms() - begun));

	said_slow = outcome(&sender, 3000);
	end = info_of(slow.near);
	holds("TCP_USER_TIMEOUT 1500, a peer that reads 4 KB/s into 12 KB", "is cut", strcmp(said_slow, "still waits"),
	      "%s after %d ms, %lld bytes acknowledged meanwhile", said_slow, (int)sender.ms,
	      (long long)(end.tcpi_bytes_acked - start.tcpi_bytes_acked));
	return 0;
}
