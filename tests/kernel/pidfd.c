/* SPDX-License-Identifier: MIT */
/* A descriptor from pidfd_getfd() is the same open file: who looks from outside sees and changes the program's socket. */
#include "fact.h"
#include <sys/syscall.h>

int main(void)
{
	struct pair pair = connected(0);
	int ready[2], go[2], pidfd, fd, kept;
	uint64_t cookie = cookie_of(pair.near);
	pid_t child;

	if (pipe(ready) < 0 || pipe(go) < 0 || (child = fork()) < 0)
		die("fork");
	if (child == 0) {
		char byte;

		set(pair.near, IPPROTO_TCP, TCP_USER_TIMEOUT, 7777);
		if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(99);
		_exit(get(pair.near, SOL_SOCKET, SO_KEEPALIVE) != 1);
	}
	kept = pair.near;
	close(kept);
	if (read(ready[0], &(char){0}, 1) != 1)
		die("read");
	if ((pidfd = (int)syscall(SYS_pidfd_open, child, 0)) < 0 ||
	    (fd = (int)syscall(SYS_pidfd_getfd, pidfd, kept, 0)) < 0) {
		skip("pidfd_getfd()", "%s", error_name(errno));
		kill(child, SIGKILL);
		return 0;
	}
	holds("SO_COOKIE of a descriptor from pidfd_getfd()", "the same", cookie_of(fd) == cookie, "%#llx",
	      (unsigned long long)cookie_of(fd));
	fact("  and an option that the other process has set", "7777", "%d", get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT));
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	int status;

	if (write(go[1], "", 1) != 1 || waitpid(child, &status, 0) != child)
		die("waitpid");
	fact("  and one that is set through it, in the other process", "seen", "%s", status == 0 ? "seen" : "not seen");
	return 0;
}
