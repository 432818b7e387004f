/* SPDX-License-Identifier: MIT */
/* connect(AF_UNSPEC) ends a connection at once: a reset for the peer, and whoever waits here wakes. */
#include "fact.h"

static ssize_t poll_for_input(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, -1) == 1 ? wait.revents : -1;
}

static ssize_t poll_for_room(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	return poll(&wait, 1, -1) == 1 ? wait.revents : -1;
}

static void try_waiter(const char *name, ssize_t (*make)(int), const char *expected)
{
	struct pair pair = connected(SMALL);
	struct call call;
	char full_name[96];
	const char *reset, *woke;

	fill(pair.near);
	begin(&call, make, pair.near);
	reset = said(disconnect(pair.near), 0);
	snprintf(full_name, sizeof full_name, "connect(AF_UNSPEC) while another thread %s", name);
	/* EBUSY from 6.4 to 6.6. */
	fact(full_name, "0", "%s", reset);
	woke = outcome(&call, 300);
	if (make == poll_for_input || make == poll_for_room)
		woke = call.ended ? event_names((int)call.result) : "still waits";
	fact("  and that thread", expected, "%s", woke);
	close(pair.near);
}

int main(void)
{
	struct pair pair = connected(SMALL), queued = connected(SMALL), full = connected(SMALL);
	struct call call;
	int unread = 0, queued_bytes;

	try_waiter("sends", send_much, "ECONNRESET");
	/* ECONNRESET before 6.7. */
	try_waiter("receives", receive_byte, "EPIPE");
	try_waiter("polls for input", poll_for_input, "ERR HUP");
	try_waiter("polls for room", poll_for_room, "OUT ERR HUP");

	begin(&call, receive_byte, pair.far);
	fact("connect(AF_UNSPEC)", "0", "%s", said(disconnect(pair.near), 0));
	fact("  and the peer's receive", "ECONNRESET", "%s", outcome(&call, 300));
	fact("  and events", "OUT ERR HUP", "%s", event_names(events_of(pair.near, POLLIN | POLLOUT)));
	fact("  and SO_ERROR", "ECONNRESET", "%s", error_name(get(pair.near, SOL_SOCKET, SO_ERROR)));
	fact("  and SO_ERROR again", "no error", "%s", error_name(get(pair.near, SOL_SOCKET, SO_ERROR)));
	fact("  and events", "OUT HUP", "%s", event_names(events_of(pair.near, POLLIN | POLLOUT)));
	fact("  and a send", "EPIPE", "%s", said(send(pair.near, "hello", 5, MSG_NOSIGNAL), 5));
	fact("  and a receive", "ENOTCONN", "%s", said(receive_byte(pair.near), 1));

	if (send(queued.far, "hello", 5, 0) != 5)
		die("send");
	sleep_ms(20);
	disconnect(queued.near);
	fill(full.near);
	queued_bytes = outstanding(full.near);
	disconnect(full.near);
	get(queued.near, SOL_SOCKET, SO_ERROR);
	fact("connect(AF_UNSPEC) with input queued, then a receive", "ENOTCONN", "%s",
	     said(receive_byte(queued.near), 1));
	ioctl(queued.near, SIOCINQ, &unread);
	fact("  and SIOCINQ: the input is lost", "0", "%d", unread);
	/* Who tells how much was outstanding asks before. */
	note("connect(AF_UNSPEC) with output queued, then SIOCOUTQ: worthless", "%d, %d before", outstanding(full.near),
	     queued_bytes);
	return 0;
}
