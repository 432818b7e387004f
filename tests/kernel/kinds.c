/* SPDX-License-Identifier: MIT */
/* SO_TYPE and SO_PROTOCOL tell which sockets are covered. */
#include "fact.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static void try_kind(const char *name, int family, int type, int protocol, const char *expected)
{
	int fd = socket(family, type, protocol);

	if (fd < 0) {
		skip(name, "%s", error_name(errno));
		return;
	}
	fact(name, expected, "%d, %d", get(fd, SOL_SOCKET, SO_TYPE), get(fd, SOL_SOCKET, SO_PROTOCOL));
	close(fd);
}

static void try_mptcp_listener(void)
{
	struct sockaddr_in address;
	int probe = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), listener, client, server;

	if (probe < 0) {
		skip("accepted from an MPTCP listener", "%s", error_name(errno));
		return;
	}
	listener = bound_socket(IPPROTO_MPTCP, &address);
	client = new_socket(SOCK_STREAM, 0);
	if (listen(listener, 1) < 0 || connect_to(client, &address) < 0)
		die("connect");
	server = accept(listener, NULL, NULL);
	note("accepted by an MPTCP listener from a TCP client", "%d, %d", get(server, SOL_SOCKET, SO_TYPE),
	     get(server, SOL_SOCKET, SO_PROTOCOL));
	if (connect_to(probe, &address) < 0)
		die("connect");
	server = accept(listener, NULL, NULL);
	fact("accepted by an MPTCP listener from an MPTCP client", "1, 262", "%d, %d", get(server, SOL_SOCKET, SO_TYPE),
	     get(server, SOL_SOCKET, SO_PROTOCOL));
}

int main(void)
{
	try_kind("SO_TYPE, SO_PROTOCOL of TCP", AF_INET, SOCK_STREAM, 0, "1, 6");
	try_kind("SO_TYPE, SO_PROTOCOL of TCP with SOCK_CLOEXEC", AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, "1, 6");
	try_kind("SO_TYPE, SO_PROTOCOL of TCP over IPv6", AF_INET6, SOCK_STREAM, 0, "1, 6");
	try_kind("SO_TYPE, SO_PROTOCOL of MPTCP", AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "1, 262");
	try_kind("SO_TYPE, SO_PROTOCOL of UDP", AF_INET, SOCK_DGRAM, 0, "2, 17");
	try_kind("SO_TYPE, SO_PROTOCOL of a raw socket", AF_INET, SOCK_RAW, IPPROTO_TCP, "3, 6");
	try_kind("SO_TYPE, SO_PROTOCOL of a unix stream socket", AF_UNIX, SOCK_STREAM, 0, "1, 0");
	try_mptcp_listener();
	return 0;
}
