/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Finds the real functions: before main() in the common case, at the first call in the other one.
 *
 * Other libraries' constructors run before ours and may call what we replace, so every pointer starts out as a stub
 * that starts the library and calls again. No lock: a dlsym(3) that fails allocates, and an allocator may write().
 */
#undef _FORTIFY_SOURCE /* we call the plain and the checked functions by their own names */
#include "libc.h"

#include <dlfcn.h>

#include "start.h"

#define EARLY(type, name, parameters, arguments)                                                                   \
	static type early_##name parameters                                                                        \
	{                                                                                                          \
		start();                                                                                           \
		return libc.name arguments;                                                                        \
	}

/* The one argument of a variadic function that may follow is passed on as the register it came in. */
#define EARLY_VARIADIC(name, request_type)                                                                         \
	static int early_##name(int fd, request_type request, ...)                                                 \
	{                                                                                                          \
		va_list arguments;                                                                                 \
		va_start(arguments, request);                                                                      \
		void *argument = va_arg(arguments, void *);                                                        \
		va_end(arguments);                                                                                 \
		start();                                                                                           \
		return libc.name(fd, request, argument);                                                           \
	}

#define EARLY_END(name)                                                                                            \
	__attribute__((noreturn)) static void early_##name(int status)                                             \
	{                                                                                                          \
		start();                                                                                           \
		libc.name(status);                                                                                 \
		__builtin_unreachable();                                                                           \
	}

EARLY(int, connect, (int fd, const struct sockaddr *to, socklen_t length), (fd, to, length))
EARLY(int, listen, (int fd, int backlog), (fd, backlog))
EARLY(int, accept, (int fd, struct sockaddr *peer, socklen_t *length), (fd, peer, length))
EARLY(int, accept4, (int fd, struct sockaddr *peer, socklen_t *length, int flags), (fd, peer, length, flags))
EARLY(ssize_t, send, (int fd, const void *data, size_t length, int flags), (fd, data, length, flags))
EARLY(ssize_t, sendto,
      (int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length),
      (fd, data, length, flags, to, to_length))
EARLY(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
EARLY(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags), (fd, messages, count, flags))
EARLY(ssize_t, write, (int fd, const void *data, size_t length), (fd, data, length))
EARLY(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
EARLY(ssize_t, sendfile, (int fd, int from, off_t *offset, size_t length), (fd, from, offset, length))
EARLY(ssize_t, sendfile64, (int fd, int from, off64_t *offset, size_t length), (fd, from, offset, length))
EARLY(ssize_t, splice, (int from, off64_t *from_offset, int fd, off64_t *offset, size_t length, unsigned flags),
      (from, from_offset, fd, offset, length, flags))
EARLY(ssize_t, recv, (int fd, void *data, size_t length, int flags), (fd, data, length, flags))
EARLY(ssize_t, recvfrom,
      (int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length),
      (fd, data, length, flags, from, from_length))
EARLY(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
EARLY(ssize_t, read, (int fd, void *data, size_t length), (fd, data, length))
EARLY(ssize_t, readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
EARLY(ssize_t, __read_chk, (int fd, void *data, size_t length, size_t size), (fd, data, length, size))
EARLY(ssize_t, __recv_chk, (int fd, void *data, size_t length, size_t size, int flags),
      (fd, data, length, size, flags))
EARLY(ssize_t, __recvfrom_chk,
      (int fd, void *data, size_t length, size_t size, int flags, struct sockaddr *from, socklen_t *from_length),
      (fd, data, length, size, flags, from, from_length))
EARLY(int, poll, (struct pollfd *fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))
EARLY(int, ppoll, (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
      (fds, count, timeout, mask))
EARLY(int, __poll_chk, (struct pollfd *fds, nfds_t count, int timeout_ms, size_t size),
      (fds, count, timeout_ms, size))
EARLY(int, __ppoll_chk,
      (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t size),
      (fds, count, timeout, mask, size))
EARLY(int, select, (int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout),
      (count, reads, writes, excepts, timeout))
EARLY(int, pselect,
      (int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout, const sigset_t *mask),
      (count, reads, writes, excepts, timeout, mask))
EARLY(int, epoll_ctl, (int epfd, int operation, int fd, struct epoll_event *event), (epfd, operation, fd, event))
EARLY(int, epoll_wait, (int epfd, struct epoll_event *events, int most, int timeout_ms),
      (epfd, events, most, timeout_ms))
EARLY(int, epoll_pwait, (int epfd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask),
      (epfd, events, most, timeout_ms, mask))
EARLY(int, epoll_pwait2,
      (int epfd, struct epoll_event *events, int most, const struct timespec *timeout, const sigset_t *mask),
      (epfd, events, most, timeout, mask))
EARLY(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
      (fd, level, option, value, length))
EARLY(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
      (fd, level, option, value, length))
EARLY(int, getpeername, (int fd, struct sockaddr *peer, socklen_t *length), (fd, peer, length))
EARLY_VARIADIC(fcntl, int)
EARLY_VARIADIC(fcntl64, int)
EARLY_VARIADIC(ioctl, unsigned long)
EARLY(int, dup, (int from), (from))
EARLY(int, dup2, (int from, int to), (from, to))
EARLY(int, dup3, (int from, int to, int flags), (from, to, flags))
EARLY(FILE *, fdopen, (int fd, const char *mode), (fd, mode))
EARLY(int, vdprintf, (int fd, const char *format, va_list arguments), (fd, format, arguments))
EARLY(int, __vdprintf_chk, (int fd, int flag, const char *format, va_list arguments), (fd, flag, format, arguments))

EARLY_END(_exit)
EARLY_END(_Exit)
EARLY_END(quick_exit)
EARLY(int, execve, (const char *path, char *const *arguments, char *const *environment), (path, arguments, environment))
EARLY(int, execv, (const char *path, char *const *arguments), (path, arguments))
EARLY(int, execvp, (const char *name, char *const *arguments), (name, arguments))
EARLY(int, execvpe, (const char *name, char *const *arguments, char *const *environment),
      (name, arguments, environment))
EARLY(int, fexecve, (int fd, char *const *arguments, char *const *environment), (fd, arguments, environment))

struct libc libc = {
#define LIBC_EARLY(name) .name = early_##name,
	LIBC_FUNCTIONS(LIBC_EARLY)
#undef LIBC_EARLY
};

void bind_libc(void)
{
	/* ISO C has no conversion from what dlsym() returns to a function; POSIX asks for this one. */
#define LIBC_BIND(name) *(void **)&libc.name = dlsym(RTLD_NEXT, #name);
	LIBC_FUNCTIONS(LIBC_BIND)
#undef LIBC_BIND
}
