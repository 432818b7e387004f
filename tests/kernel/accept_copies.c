/* SPDX-License-Identifier: MIT */
/* What an accepted socket has from its listener. */
#include "fact.h"

int main(void)
{
	struct sockaddr_in address;
	struct timeval limit = {7, 0}, copied = {0, 0};
	struct linger linger = {1, 7}, copied_linger = {0, 0};
	socklen_t length = sizeof copied;
	int listener = bound_socket(0, &address), client = new_socket(SOCK_STREAM, 0), server;

	setsockopt(listener, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	set(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, 7777);
	set(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 7777);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	if (listen(listener, 1) < 0 || connect_to(client, &address) < 0)
		die("connect");
	while ((server = accept(listener, NULL, NULL)) < 0 && errno == EAGAIN)
		sleep_ms(5);

	getsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &copied, &length);
	fact("SO_SNDTIMEO 7 s of an accepted socket", "7", "%d", (int)copied.tv_sec);
	fact("TCP_USER_TIMEOUT 7777 of an accepted socket", "7777", "%d", get(server, IPPROTO_TCP, TCP_USER_TIMEOUT));
	fact("TCP_NOTSENT_LOWAT 7777 of an accepted socket", "7777", "%d", get(server, IPPROTO_TCP, TCP_NOTSENT_LOWAT));
	length = sizeof copied_linger;
	getsockopt(server, SOL_SOCKET, SO_LINGER, &copied_linger, &length);
	fact("SO_LINGER {1, 7} of an accepted socket", "1, 7", "%d, %d", copied_linger.l_onoff, copied_linger.l_linger);
	fact("O_NONBLOCK of an accepted socket", "clear", "%s", fcntl(server, F_GETFL) & O_NONBLOCK ? "set" : "clear");
	return 0;
}
