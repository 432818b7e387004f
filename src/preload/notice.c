/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The functions we replace only to notice what they did: none of them waits, or is a cancellation point.
 *
 * Longer than 400 lines, because it is the other half of interpose.c's list, each with its prototype written out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/process.h"
#include "calls/options.h"
#include "calls/writer.h"
#include "connection/deadline.h"
#include "connection/duplicate.h"
#include "connection/nudge.h"
#include "connection/watch.h"
#include "limits/configured.h"
#include "preload/replace.h"
#include "preload/unreached.h"

/* ---- sockets --------------------------------------------------------------------------------------------------------- */

EXPORT int socket(int domain, int type, int protocol)
{
	const int fd = real()->socket(domain, type, protocol);
	if (fd >= 0 && active)
		socket_noticed(fd, domain, type, protocol);
	return fd;
}

EXPORT int socketpair(int domain, int type, int protocol, int pair[2])
{
	const int result = real()->socketpair(domain, type, protocol, pair);
	for (int i = 0; result == 0 && active && i < 2; i++)
		socket_noticed(pair[i], domain, type, protocol);
	return result;
}

EXPORT int listen(int fd, int backlog)
{
	const int result = real()->listen(fd, backlog);
	if (result == 0 && active && !descriptor_plain(fd))
		listen_noticed(fd);
	return result;
}

EXPORT int getpeername(int fd, struct sockaddr *peer, socklen_t *length)
{
	const int result = real()->getpeername(fd, peer, length);
	if (result == 0 && active && !descriptor_plain(fd))
		deadline_learn(fd);
	return result;
}

EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	const int result = real()->getsockopt(fd, level, option, value, length);
	if (result == 0 && active && !descriptor_plain(fd))
		getsockopt_noticed(fd, level, option, value, length);
	return result;
}

EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	const int result = real()->setsockopt(fd, level, option, value, length);
	if (result == 0 && active && !descriptor_plain(fd))
		setsockopt_noticed(fd, level, option, value, length);
	return result;
}

ONE_MORE(ioctl, unsigned long request)
{
	const int result = real()->ioctl(fd, request, argument);
	if (result == 0 && request == FIONBIO && active && !descriptor_plain(fd))
		blocking_noticed(fd, *(const int *)argument != 0);
	return result;
}

EXPORT int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
	const int result = real()->epoll_ctl(epfd, operation, fd, event);
	writer_end();
	if (result == 0 && active && !descriptor_plain(fd))
		epoll_noticed(epfd, operation, fd, event);
	return result;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	FILE *file = real()->fdopen(fd, mode);
	/* "r" alone never writes. */
	if (file && active && (mode[0] != 'r' || memchr(mode, '+', strlen(mode))))
		stdio_noticed(fd);
	return file;
}

/* stdio closes by itself. */

/** The number of a stream, which may have none; keeps errno. */
static int number_of(FILE *file)
{
	const int before = errno, fd = real()->fileno(file);
	errno = before;
	return fd;
}

/** Another file is going to be at @p fd, or none. */
static void leaving(int fd)
{
	closing(fd);
	descriptor_leaving(fd);
}

EXPORT int fclose(FILE *file)
{
	const int fd = number_of(file);
	leaving(fd);
	const int result = libc.fclose(file);
	descriptor_leaving(fd);
	return result;
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *file)
{
	const int fd = number_of(file);
	leaving(fd);
	FILE *again = libc.freopen(path, mode, file);
	descriptor_leaving(fd);
	return again;
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *file)
{
	const int fd = number_of(file);
	leaving(fd);
	FILE *again = libc.freopen64(path, mode, file);
	descriptor_leaving(fd);
	return again;
}

/* ---- numbers --------------------------------------------------------------------------------------------------------- */

static int fcntl_noticed(__typeof__(fcntl) *real_fcntl, int fd, int command, void *argument)
{
	if (active && descriptor_has(fd, DESCRIPTOR_OURS) && duplicate_is_at(fd)) {
		errno = EBADF;
		return -1;
	}
	const int result = real_fcntl(fd, command, argument);
	if (result < 0 || !active || descriptor_plain(fd))
		return result;
	if (command == F_SETFL)
		blocking_noticed(fd, (intptr_t)argument & O_NONBLOCK);
	else if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		duplicate_noticed(fd, result);
	return result;
}

ONE_MORE(fcntl, int command)
{
	return fcntl_noticed(real()->fcntl, fd, command, argument);
}

ONE_MORE(fcntl64, int command)
{
	return fcntl_noticed(real()->fcntl64, fd, command, argument);
}

EXPORT int dup(int from)
{
	const int to = real()->dup(from);
	if (to >= 0 && active)
		duplicate_noticed(from, to);
	return to;
}

/** Another file is going to be at @p to. */
static void replacing(int to)
{
	real();
	if (!active)
		return;
	if (descriptor_has(to, DESCRIPTOR_OURS) && !process_is_vforked())
		duplicate_move(to);
	leaving(to);
}

EXPORT int dup2(int from, int to)
{
	if (from != to)
		replacing(to);
	const int result = real()->dup2(from, to);
	if (result >= 0 && from != to && active)
		duplicate_noticed(from, to);
	return result;
}

EXPORT int dup3(int from, int to, int flags)
{
	if (from != to)
		replacing(to);
	const int result = real()->dup3(from, to, flags);
	if (result >= 0 && active)
		duplicate_noticed(from, to);
	return result;
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	real();
	return close_range_limited(first, last, flags);
}

EXPORT void closefrom(int first)
{
	real();
	/* All up to the last one of ours, and the rest as libc does it. */
	for (int ours; active && (ours = duplicate_next(first < 0 ? 0 : (unsigned)first)) >= 0; first = ours + 1)
		close_range_limited(first < 0 ? 0 : (unsigned)first, (unsigned)ours, 0);
	for (int fd = first < 0 ? -1 : first - 1; active && (fd = descriptor_next(fd + 1, DESCRIPTOR_HELD)) >= 0;)
		closing(fd);
	descriptor_leaving_range(first < 0 ? 0 : (unsigned)first, ~0u);
	libc.closefrom(first);
}

EXPORT int unshare(int flags)
{
	const int result = real()->unshare(flags);
	if (result == 0 && (flags & CLONE_FILES))
		process_tables_part();
	return result;
}

EXPORT int pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	real();
	const int got = (int)libc.syscall(SYS_pidfd_getfd, pidfd, fd, flags);
	if (got >= 0 && active)
		adopt(got);
	return got;
}

/* ---- the process --------------------------------------------------------------------------------------------------------- */

/** The child has all sockets, too, and is not to say again what was said. */
static void forking(void)
{
	if (!active)
		return;
	unreached_share();
	for (int fd = -1; (fd = descriptor_next(fd + 1, DESCRIPTOR_COVERED)) >= 0;)
		descriptor_set(fd, DESCRIPTOR_SHARED);
}

static pid_t forked(pid_t child)
{
	if (child == 0 && active)
		duplicate_forked();
	if (active)
		memory_forked(child == 0);
	return child;
}

EXPORT pid_t fork(void)
{
	forking();
	return forked(real()->fork());
}

EXPORT pid_t _Fork(void)
{
	forking();
	return forked(real()->_Fork());
}

/** Whether what goes into a sandbox now is this process, and not a vfork child; asked before, because it may be forbidden
 * afterwards. */
static bool may_be_sandboxed(void)
{
	real();
	return active && !process_is_vforked();
}

extern int prctl_with(int option, unsigned long, unsigned long, unsigned long, unsigned long) __asm__("prctl");
EXPORT int prctl_with(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	const bool sandboxes = option == PR_SET_SECCOMP && may_be_sandboxed();
	if (sandboxes)
		start_may_end();
	if (option == PR_SET_TSC && a == PR_TSC_SIGSEGV)
		clock_by_system_call(true);
	const int result = real()->prctl(option, a, b, c, d);
	if (option == PR_SET_TSC && result == 0 && a == PR_TSC_ENABLE)
		clock_by_system_call(false);
	if (result == 0 && sandboxes)
		start_no_more();
	return result;
}

/** What a system call of the program's own made of its descriptors. */
static void syscall_noticed(long number, long a, long b, long result)
{
	switch (number) {
	/* Whether it waits is asked from now on. */
	case SYS_fcntl:
	case SYS_ioctl:
		if ((number == SYS_fcntl ? b == F_SETFL : b == FIONBIO) && descriptor_has((int)a, DESCRIPTOR_COVERED))
			descriptor_set((int)a, DESCRIPTOR_SHARED);
		break;
	case SYS_socket:
#ifdef SYS_accept
	case SYS_accept:
#endif
	case SYS_accept4:
	case SYS_pidfd_getfd: adopt((int)result); break;
	case SYS_unshare:
		if (a & CLONE_FILES)
			process_tables_part();
		break;
	case SYS_dup: duplicate_noticed((int)a, (int)result); break;
	default: break;
	}
}

/** Whether a system call of the program's own is one that we have to know of. */
static inline bool syscall_matters(long number)
{
	switch (number) {
	case SYS_close:
	case SYS_close_range:
	case SYS_dup:
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_dup3:
	case SYS_fcntl:
	case SYS_ioctl:
	case SYS_prctl:
	case SYS_seccomp:
	case SYS_socket:
#ifdef SYS_accept
	case SYS_accept:
#endif
	case SYS_accept4:
	case SYS_pidfd_getfd:
	case SYS_unshare: return true;
	default: return false;
	}
}

static __attribute__((noinline)) long syscall_watched(long number, long a, long b, long c, long d, long e, long f)
{
	if (!active)
		return libc.syscall(number, a, b, c, d, e, f);
	/* For these there is a function that knows what is ours. */
	if (number == SYS_close)
		return close((int)a);
#ifdef SYS_dup2
	if (number == SYS_dup2)
		return dup2((int)a, (int)b);
#endif
	if (number == SYS_dup3)
		return dup3((int)a, (int)b, (int)c);
	if (number == SYS_close_range)
		return close_range_limited((unsigned)a, (unsigned)b, (int)c);
	const bool sandboxes = ((number == SYS_seccomp && (a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER)) ||
	                        (number == SYS_prctl && a == PR_SET_SECCOMP)) && may_be_sandboxed();
	if (sandboxes)
		start_may_end();
	const long result = libc.syscall(number, a, b, c, d, e, f);
	/* With SECCOMP_FILTER_FLAG_NEW_LISTENER it is a descriptor; with TSYNC, a thread that could not follow. */
	if (sandboxes && result >= 0)
		start_no_more();
	else if (result >= 0)
		syscall_noticed(number, a, b, result);
	return result;
}

extern long syscall_with(long, long, long, long, long, long, long) __asm__("syscall");
EXPORT long syscall_with(long number, long a, long b, long c, long d, long e, long f)
{
	if (unlikely(!started) || unlikely(syscall_matters(number))) {
		real();
		return syscall_watched(number, a, b, c, d, e, f);
	}
	return libc.syscall(number, a, b, c, d, e, f);
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

/** The process becomes another program, or a vfork child does. */
static void becoming(void)
{
	finish();
	if (active && atomic_load_explicit(&memory_looked_after, memory_order_relaxed)) {
		watch_settle();
		/* Of other threads' waits, which end here; a vfork child's parent waits on. */
		if (!process_is_vforked())
			nudge_no_more();
	}
}

EXPORT int execve(const char *path, char *const *arguments, char *const *environment)
{
	unreached_exec(path, environment);
	becoming();
	return real()->execve(path, arguments, environment);
}

EXPORT int execv(const char *path, char *const *arguments)
{
	unreached_exec(path, environ);
	becoming();
	return real()->execv(path, arguments);
}

EXPORT int execvp(const char *name, char *const *arguments)
{
	unreached_exec_by_name(name, environ);
	becoming();
	return real()->execvp(name, arguments);
}

EXPORT int execvpe(const char *name, char *const *arguments, char *const *environment)
{
	unreached_exec_by_name(name, environment);
	becoming();
	return real()->execvpe(name, arguments, environment);
}

EXPORT int fexecve(int fd, char *const *arguments, char *const *environment)
{
	unreached_exec_of(fd, environment);
	becoming();
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
