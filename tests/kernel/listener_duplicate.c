/* SPDX-License-Identifier: MIT */
/* What a duplicate that outlives the number costs: a connection's does not keep the port from a listener, a listener's does. */
#include "fact.h"

int main(void)
{
	struct sockaddr_in address;
	int listener = bound_socket(0, &address), client = new_socket(SOCK_STREAM, 0), server, again, on = 1;
	int duplicate;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (listen(listener, 1) < 0 || connect_to(client, &address) < 0)
		die("connect");
	server = accept(listener, NULL, NULL);
	duplicate = dup(listener);
	close(listener);
	again = new_socket(SOCK_STREAM, 0);
	setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	fact("bind to the port of a closed listener with a duplicate", "EADDRINUSE", "%s",
	     said(bind(again, (struct sockaddr *)&address, sizeof address), 0));
	close(duplicate);
	duplicate = dup(server);
	close(server);
	fact("bind beside a closed connection with a duplicate, SO_REUSEADDR", "0", "%s",
	     said(bind(again, (struct sockaddr *)&address, sizeof address), 0));
	close(again);
	again = new_socket(SOCK_STREAM, 0);
	note("  and without SO_REUSEADDR", "%s", said(bind(again, (struct sockaddr *)&address, sizeof address), 0));
	return 0;
}
