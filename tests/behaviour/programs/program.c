/* SPDX-License-Identifier: MIT */
/** @file
 * @brief See program.h.
 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../protocol.h"

struct words words_of(int argc, char **argv)
{
	static struct words words;
	char *rest, *found = NULL;

	snprintf(words.text, sizeof words.text, "%s", argc > 1 ? argv[1] : "");
	for (int i = 0; i < MOST_ARGUMENTS; i++) {
		found = i && !found ? NULL : strtok_r(i ? NULL : words.text, " ", &rest);
		words.word[i] = found ? found : "";
	}
	return words;
}

void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	syscall(SYS_exit_group, 2);
	__builtin_unreachable();
}

void say(const char *key, long value)
{
	char line[128];
	const int length = snprintf(line, sizeof line, "%s=%ld\n", key, value);

	(void)!syscall(SYS_write, RESULTS_FD, line, (size_t)length);
}

void say_result(const char *key, long ret, int error)
{
	char name[64];

	snprintf(name, sizeof name, "%s.ret", key);
	say(name, ret);
	snprintf(name, sizeof name, "%s.errno", key);
	say(name, ret < 0 ? error : 0);
}

void say_status(const char *key, int status)
{
	say(key, WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status));
}

int64_t now_ms(void)
{
	struct timespec now;

#if defined __USE_TIME_BITS64 && defined SYS_clock_gettime64 /* struct timespec is the wider of two */
	syscall(SYS_clock_gettime64, CLOCK_MONOTONIC, &now);
#else
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
#endif
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void pause_ms(long ms)
{
	const struct timespec rest = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&rest, NULL);
}

void connect_pair(int ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	const long listener = syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (syscall(SYS_bind, listener, &address, size) || syscall(SYS_listen, listener, 1) ||
	    syscall(SYS_getsockname, listener, &address, &size))
		fail("listen");
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(ends[0], (struct sockaddr *)&address, size))
		fail("connect");
	ends[1] = (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC);
	if (ends[1] < 0)
		fail("accept");
	syscall(SYS_close, listener);
}

void open_pair(const char *kind, int ends[2])
{
	int pipes[2];

	if (strcmp(kind, "tcp") == 0) {
		connect_pair(ends);
	} else if (strcmp(kind, "unix") == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
			fail("socketpair");
	} else {
		if (pipe2(pipes, O_CLOEXEC))
			fail("pipe");
		ends[0] = pipes[1];
		ends[1] = pipes[0];
	}
}

void fill(int fd)
{
	static char bytes[65536];

	for (int i = 0; i < 2; i++) {
		while (syscall(SYS_sendto, fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) > 0)
			;
		pause_ms(350);
	}
	while (syscall(SYS_sendto, fd, bytes, 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) > 0)
		;
}
