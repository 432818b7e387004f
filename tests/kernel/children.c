/* SPDX-License-Identifier: MIT */
/* A vfork child has a table of descriptors of its own, and its parent's memory; a fork child keeps every file alive. */
#include "fact.h"

static volatile int shared;

int main(void)
{
	struct pair pair = connected(0), forked = connected(0);
	static int number;
	const char *end;
	int go[2], status;
	pid_t child;

	number = pair.near;
	child = vfork();
	if (child == 0) {
		close(number);
		shared = 1;
		_exit(0);
	}
	if (child < 0)
		die("vfork");
	waitpid(child, &status, 0);
	fact("close() by a vfork child: the parent's send", "all", "%s",
	     said(send(pair.near, "hello", 5, MSG_NOSIGNAL), 5));
	fact("a variable that the vfork child has set", "1", "%d", shared);

	if (pipe(go) < 0 || (child = fork()) < 0)
		die("fork");
	if (child == 0) {
		shared = read(go[0], &(char){0}, 1) != 1;
		_exit(0);
	}
	close(forked.near);
	take(forked.far, 1, &end);
	fact("close() while a forked child has the socket: the peer", "EAGAIN", "%s", end);
	if (write(go[1], "", 1) != 1)
		die("write");
	waitpid(child, &status, 0);
	take(forked.far, 1, &end);
	fact("  and after that child's end", "0", "%s", end);
	return 0;
}
