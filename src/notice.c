/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The functions we replace only to notice what they did: none of them waits, or is a cancellation point.
 */
#undef _FORTIFY_SOURCE /* as in interpose.c */
#include <errno.h>
#include <stdlib.h>

#include "deadline.h"
#include "memory.h"
#include "replace.h"
#include "slow.h"

/* Sockets */

EXPORT int listen(int fd, int backlog)
{
	const int result = real()->listen(fd, backlog);
	if (result == 0 && active)
		listen_noticed(fd);
	return result;
}

EXPORT int getpeername(int fd, struct sockaddr *peer, socklen_t *length)
{
	const int result = real()->getpeername(fd, peer, length);
	if (result == 0 && atomic_load_explicit(&attention, memory_order_relaxed))
		connect_learn(fd);
	return result;
}

EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	const int before = errno_now();
	real();
	return getsockopt_limited(fd, level, option, value, length, before);
}

EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	const int result = real()->setsockopt(fd, level, option, value, length);
	if (result == 0 && active)
		setsockopt_noticed(fd, level, option);
	return result;
}

ONE_MORE(ioctl, unsigned long request)
{
	const int result = real()->ioctl(fd, request, argument);
	if (result == 0 && request == FIONBIO)
		blocking_noticed(fd, *(const int *)argument != 0);
	return result;
}

EXPORT int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
	writer_cookie = 0;
	const int result = real()->epoll_ctl(epfd, operation, fd, event);
	if (result == 0)
		epoll_noticed(operation, fd, event);
	return result;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	FILE *file = real()->fdopen(fd, mode);
	if (file && active)
		arm_for_stdio(fd);
	return file;
}

EXPORT int dup(int from)
{
	const int to = real()->dup(from);
	if (to >= 0)
		duplicate_noticed(from, to);
	return to;
}

EXPORT int dup2(int from, int to)
{
	const int result = real()->dup2(from, to);
	if (result >= 0 && from != to)
		duplicate_noticed(from, to);
	return result;
}

EXPORT int dup3(int from, int to, int flags)
{
	const int result = real()->dup3(from, to, flags);
	if (result >= 0)
		duplicate_noticed(from, to);
	return result;
}

/* Ends of the process that run no destructor: the summary is told before. A vfork child tells nothing (finish()). */

EXPORT __attribute__((noreturn)) void _exit(int status)
{
	finish();
	real()->_exit(status);
	__builtin_unreachable();
}

EXPORT __attribute__((noreturn)) void _Exit(int status)
{
	finish();
	real()->_Exit(status);
	__builtin_unreachable();
}

EXPORT __attribute__((noreturn)) void quick_exit(int status)
{
	finish();
	real()->quick_exit(status);
	__builtin_unreachable();
}

EXPORT int execve(const char *path, char *const *arguments, char *const *environment)
{
	finish();
	return real()->execve(path, arguments, environment);
}

EXPORT int execv(const char *path, char *const *arguments)
{
	finish();
	return real()->execv(path, arguments);
}

EXPORT int execvp(const char *name, char *const *arguments)
{
	finish();
	return real()->execvp(name, arguments);
}

EXPORT int execvpe(const char *name, char *const *arguments, char *const *environment)
{
	finish();
	return real()->execvpe(name, arguments, environment);
}

EXPORT int fexecve(int fd, char *const *arguments, char *const *environment)
{
	finish();
	return real()->fexecve(fd, arguments, environment);
}

/** An execl() or one of its kin: the list from @p first on as an array. */
enum list_for { FOR_EXECV, FOR_EXECVP, FOR_EXECVE };
static int exec_list(enum list_for which, const char *path, const char *first, va_list rest)
{
	size_t count = 0;
	va_list counted;
	va_copy(counted, rest);
	for (const char *argument = first; argument; argument = va_arg(counted, const char *))
		count++;
	va_end(counted);
	char *list[count + 1];
	list[0] = (char *)first;
	for (size_t i = 1; i <= count; i++)
		list[i] = va_arg(rest, char *);
	if (which == FOR_EXECVE)
		return execve(path, list, va_arg(rest, char *const *));
	return (which == FOR_EXECVP ? execvp : execv)(path, list);
}

#define EXEC_LIST(which)                                                                                           \
	va_list rest;                                                                                              \
	va_start(rest, argument);                                                                                  \
	const int result = exec_list(which, path, argument, rest);                                                 \
	va_end(rest);                                                                                              \
	return result

EXPORT int execl(const char *path, const char *argument, ...)
{
	EXEC_LIST(FOR_EXECV);
}

EXPORT int execlp(const char *path, const char *argument, ...)
{
	EXEC_LIST(FOR_EXECVP);
}

EXPORT int execle(const char *path, const char *argument, ...)
{
	EXEC_LIST(FOR_EXECVE);
}
