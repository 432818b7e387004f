/* SPDX-License-Identifier: MIT */
/* What MPTCP has of what TCP has. Most of it came by and by, so that nearly all of this is for the record. */
#include "fact.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static struct sockaddr_in nobody;

static ssize_t connect_to_nobody(int fd)
{
	return connect_to(fd, &nobody);
}

/* There is nothing but SO_SNDTIMEO for a connect that blocks, and nothing at all for one that does not. */
static void try_connect(int fd)
{
	struct timeval limit = {0, 300000};
	struct sockaddr_in refusing;
	struct call call;
	const char *end;
	int value = 1500;

	note("MPTCP, setting TCP_USER_TIMEOUT", "%s",
	     said(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value), 0));
	value = 1;
	note("MPTCP, setting TCP_SYNCNT", "%s", said(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &value, sizeof value), 0));
	nobody = blackhole();
	bound_socket(0, &refusing);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	begin(&call, connect_to_nobody, fd);
	end = outcome(&call, 3000);
	holds("MPTCP, SO_SNDTIMEO 300 on connect", "EINPROGRESS, 280 to 700 ms",
	      strcmp(end, "EINPROGRESS") == 0 && call.ms >= 280 && call.ms <= 700, "%s, %d ms", end, (int)call.ms);
	fact("  and connect(AF_UNSPEC)", "0", "%s", said(disconnect(fd), 0));
	fact("  and a connect() after that, elsewhere", "ECONNREFUSED", "%s", said(connect_to(fd, &refusing), 0));
}

int main(void)
{
	int probe = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	struct pair pair, lingering;
	struct linger abort = {1, 0};
	struct tcp_info info = {.tcpi_state = 0}, later;
	socklen_t length = sizeof info;
	struct call sender, receiver;
	uint32_t memory[9];
	const char *end;

	if (probe < 0) {
		skip("MPTCP", "%s", error_name(errno));
		return 0;
	}
	try_connect(probe);
	pair = connected_by(IPPROTO_MPTCP, SMALL);
	lingering = connected_by(IPPROTO_MPTCP, SMALL);
	fact("MPTCP, MSG_DONTWAIT with some room", "some", "%s",
	     said(send(pair.near, much(), MUCH, MSG_DONTWAIT), MUCH));
	fill(pair.near);
	fact("MPTCP, MSG_DONTWAIT without room", "EAGAIN", "%s",
	     said(send(pair.near, much(), MUCH, MSG_DONTWAIT), MUCH));
	note("MPTCP, SIOCOUTQ of a full socket", "%d", outstanding(pair.near));
	note("MPTCP, TCP_INFO", "%s, %d bytes", said(getsockopt(pair.near, IPPROTO_TCP, TCP_INFO, &info, &length), 0),
	     (int)length);
	length = sizeof memory;
	note("MPTCP, SO_MEMINFO", "%s", said(getsockopt(pair.near, SOL_SOCKET, 55, memory, &length), 0));
	note("MPTCP, TCP_USER_TIMEOUT", "%s",
	     get(pair.near, IPPROTO_TCP, TCP_USER_TIMEOUT) < 0
	             ? error_name(-get(pair.near, IPPROTO_TCP, TCP_USER_TIMEOUT))
	             : "yes");
	note("MPTCP, TCP_NOTSENT_LOWAT", "%s",
	     get(pair.near, IPPROTO_TCP, TCP_NOTSENT_LOWAT) < 0
	             ? error_name(-get(pair.near, IPPROTO_TCP, TCP_NOTSENT_LOWAT))
	             : "yes");
	take(pair.far, SMALL / 2, NULL);
	sleep_ms(50);
	length = sizeof later;
	if (getsockopt(pair.near, IPPROTO_TCP, TCP_INFO, &later, &length) == 0)
		note("MPTCP, half a buffer was read: tcpi_bytes_acked, tcpi_snd_wnd", "%lld more, %u, was %u",
		     (long long)(later.tcpi_bytes_acked - info.tcpi_bytes_acked), later.tcpi_snd_wnd,
		     info.tcpi_snd_wnd);
	note("  and SIOCOUTQ", "%d", outstanding(pair.near));
	fill(pair.near);

	begin(&sender, send_much, pair.near);
	begin(&receiver, receive_byte, pair.near);
	note("MPTCP, connect(AF_UNSPEC) while other threads wait", "%s", said(disconnect(pair.near), 0));
	note("  and the thread that sends", "%s", outcome(&sender, 300));
	note("  and the thread that receives", "%s", outcome(&receiver, 300));
	take(pair.far, MUCH, &end);
	note("  and the peer's receive after what had arrived", "%s", end);

	setsockopt(lingering.near, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	close(lingering.near);
	note("MPTCP, SO_LINGER {1, 0} and close: the peer's receive", "%s", said(receive_byte(lingering.far), 1));
	return 0;
}
