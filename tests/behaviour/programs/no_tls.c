/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A child that shares the memory and has no thread-local storage (CLONE_SETTLS with 0), as Chromium's zygote makes
 * one: it makes one call that succeeds, and ends.
 *
 * CALL pipe|unix|tcp: says what the call returned in the child, and how the child ended. Built without a stack protector,
 * whose canary is in thread-local storage, and with all symbols bound at the start.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

static char stack[65536];
static int ends[2];
static long returned = -1;
static char byte;
static struct iovec iov = { &byte, 1 };
static struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
static struct pollfd waited;
static fd_set set;
static char *const no_arguments[] = { (char *)"true", NULL };
static char *const no_environment[] = { NULL };

static int do_exit(void *context)
{
	(void)context;
	_exit(0);
}

static int do_Exit(void *context)
{
	(void)context;
	_Exit(0);
}

static int do_execve(void *context)
{
	(void)context;
	execve("/bin/true", no_arguments, no_environment);
	return 1;
}

/* One call, then the end by the kernel's own. */
#define CALLER(name, call)                                                                                         \
	static int do_##name(void *context)                                                                        \
	{                                                                                                          \
		(void)context;                                                                                     \
		returned = (long)(call);                                                                           \
		syscall(SYS_exit_group, 0);                                                                        \
		return 1;                                                                                          \
	}

CALLER(write, write(ends[0], &byte, 1))
CALLER(writev, writev(ends[0], &iov, 1))
CALLER(send, send(ends[0], &byte, 1, MSG_NOSIGNAL))
CALLER(sendmsg, sendmsg(ends[0], &message, MSG_NOSIGNAL))
CALLER(read, read(ends[1], &byte, 1))
CALLER(recv, recv(ends[1], &byte, 1, 0))
CALLER(recvmsg, recvmsg(ends[1], &message, 0))
CALLER(poll, poll(&waited, 1, 0))
CALLER(select, select(ends[0] + 1, NULL, &set, NULL, &(struct timeval){ 0 }))
CALLER(close, close(ends[0]))
CALLER(dup, dup(ends[0]) >= 0)
CALLER(dup2, dup2(ends[0], ends[1]) >= 0)
CALLER(fcntl, fcntl(ends[0], F_GETFD))
CALLER(listen, listen(ends[1], 1))
CALLER(getsockopt, getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &(int){ 0 }, &(socklen_t){ sizeof(int) }))
CALLER(setsockopt, setsockopt(ends[0], SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int)))

static const struct call {
	const char *name;
	int (*child)(void *context);
} calls[] = {
	{ "_exit", do_exit },         { "_Exit", do_Exit },           { "execve", do_execve }, { "write", do_write },
	{ "writev", do_writev },      { "send", do_send },            { "sendmsg", do_sendmsg }, { "read", do_read },
	{ "recv", do_recv },          { "recvmsg", do_recvmsg },      { "poll", do_poll },     { "select", do_select },
	{ "close", do_close },        { "dup", do_dup },              { "dup2", do_dup2 },     { "fcntl", do_fcntl },
	{ "getsockopt", do_getsockopt }, { "setsockopt", do_setsockopt }, { "listen", do_listen },
};

int main(int argc, char **argv)
{
	const struct words words = words_of(argc, argv);
	const int flags = CLONE_FS | CLONE_VM | CLONE_VFORK | CLONE_SETTLS | SIGCHLD;
	int status = -1;

	open_pair(words.word[1], ends);
	/* For the calls that read. */
	syscall(SYS_write, ends[0], "xy", 2);
	waited = (struct pollfd){ .fd = ends[0], .events = POLLOUT };
	FD_SET(ends[0], &set);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if (strcmp(calls[i].name, words.word[0]) != 0)
			continue;
		const pid_t made = clone(calls[i].child, stack + sizeof stack, flags, NULL, NULL, NULL, NULL);

		if (made < 0 || waitpid(made, &status, 0) != made)
			fail("clone");
		say("returned", returned);
		say_status("status", status);
		return 0;
	}
	return 2;
}
