/* SPDX-License-Identifier: MIT */
/* A call keeps the file it began with, whatever other threads do to the number; so does a duplicate. */
#include "fact.h"

static ssize_t poll_for_room(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	return poll(&wait, 1, -1);
}

int main(void)
{
	struct pair blocked = connected(SMALL), duplicated = connected(0), polled = connected(SMALL),
		    late = connected(SMALL);
	struct call call, poll_call;
	const char *end;
	size_t taken;
	int number, duplicate;

	begin(&call, send_much, blocked.near);
	number = blocked.near;
	close(number);
	fact("send in one thread, close in another", "still waits", "%s", outcome(&call, 300));
	taken = take(blocked.far, (size_t)MUCH + 1, &end);
	fact("  and once the peer reads", "all", "%s", outcome(&call, 300));
	fact("  and what arrives", "all, then 0", "%s, then %s", taken == MUCH ? "all" : "some", end);

	duplicate = fcntl(duplicated.near, F_DUPFD_CLOEXEC, 0);
	close(duplicated.near);
	fact("send on a duplicate of a closed number", "all", "%s", said(send(duplicate, "hello", 5, 0), 5));
	taken = take(duplicated.far, 6, &end);
	fact("  and what arrives", "5, then EAGAIN", "%zu, then %s", taken, end);
	close(duplicate);
	taken = take(duplicated.far, 1, &end);
	fact("  and after the duplicate's close", "0, then 0", "%zu, then %s", taken, end);

	fill(polled.near);
	begin(&poll_call, poll_for_room, polled.near);
	close(polled.near);
	fact("poll in one thread, close in another", "still waits", "%s", outcome(&poll_call, 300));

	duplicate = dup(late.near);
	fcntl(duplicate, F_SETFL, O_NONBLOCK);
	fact("O_NONBLOCK put on a duplicate", "seen by both", "%s",
	     fcntl(late.near, F_GETFL) & O_NONBLOCK ? "seen by both" : "its own");
	return 0;
}
