/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Every function we replace, on one page: call the real one, return if it is complete, else hand over.
 *
 * Without limits (active is false) all of them are the real function. Where a socket needs care before a call
 * (attention is not 0), a hint by its number says so; wrong hints cost a system call.
 */
#undef _FORTIFY_SOURCE /* we define the plain and the checked functions by their own names */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "memory.h"
#include "slow.h"
#include "start.h"

#define EXPORT __attribute__((visibility("default")))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/** Whether something about @p fd has to be known before the call. */
static inline bool special(int fd)
{
	return unlikely(atomic_load_explicit(&attention, memory_order_relaxed)) && memory_hinted(fd);
}

static inline size_t total(const struct iovec *parts, size_t count)
{
	size_t length = 0;
	for (size_t i = 0; i < count; i++)
		length += parts[i].iov_len;
	return length;
}

static inline int64_t ms_to_ns(int ms)
{
	return ms < 0 ? NEVER_NS : ms * NS_PER_MS;
}

/* Connections */

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t length)
{
	return connect_limited(fd, to, length);
}

EXPORT int listen(int fd, int backlog)
{
	const int result = libc.listen(fd, backlog);
	if (result == 0 && active)
		listen_noticed(fd);
	return result;
}

/** Whether somebody wants to hear of accepted connections; the limits came along by themselves, but for unix sockets. */
static inline bool looks_at_accepted(void)
{
	return unlikely(active && (settings.verbose || settings.summary || settings.rules.names_unix));
}

EXPORT int accept(int fd, struct sockaddr *peer, socklen_t *length)
{
	const int accepted = libc.accept(fd, peer, length);
	if (accepted >= 0 && looks_at_accepted())
		accept_noticed(accepted);
	return accepted;
}

EXPORT int accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
	const int accepted = libc.accept4(fd, peer, length, flags);
	if (accepted >= 0 && looks_at_accepted())
		accept_noticed(accepted);
	return accepted;
}

EXPORT int getpeername(int fd, struct sockaddr *peer, socklen_t *length)
{
	const int result = libc.getpeername(fd, peer, length);
	if (result == 0 && special(fd))
		connect_learn(fd);
	return result;
}

/* Sends */

EXPORT ssize_t send(int fd, const void *data, size_t length, int flags)
{
	const struct outgoing o = {.how = WITH_SEND, .fd = fd, .flags = flags, .length = length, .data = data};
	const int before = errno;
	if (special(fd))
		return send_careful(&o, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.send(fd, data, length, flags);
	return likely(sent == (ssize_t)length) ? sent : send_slow(&o, sent, started, before);
}

EXPORT ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length)
{
	const struct outgoing o = {.how = WITH_SENDTO, .fd = fd, .flags = flags, .length = length,
	                           .data = data, .to = to, .to_length = to_length};
	const int before = errno;
	if (unlikely(flags & MSG_FASTOPEN))
		send_arm(fd, to, to_length);
	if (special(fd))
		return send_careful(&o, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.sendto(fd, data, length, flags, to, to_length);
	return likely(sent == (ssize_t)length) ? sent : send_slow(&o, sent, started, before);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	const int before = errno;
	if (unlikely(flags & MSG_FASTOPEN) && active && message)
		send_arm(fd, message->msg_name, message->msg_namelen);
	if (special(fd))
		return send_careful(&(struct outgoing){.how = WITH_SENDMSG, .fd = fd, .flags = flags, .message = message,
		                                       .length = total(message->msg_iov, message->msg_iovlen)}, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.sendmsg(fd, message, flags);
	if (unlikely(sent < 0 && !send_considered(errno)))
		return sent;
	const size_t length = total(message->msg_iov, message->msg_iovlen);
	if (likely(sent == (ssize_t)length))
		return sent;
	return send_slow(&(struct outgoing){.how = WITH_SENDMSG, .fd = fd, .flags = flags, .message = message,
	                                    .length = length}, sent, started, before);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	const int before = errno;
	if (unlikely(flags & MSG_FASTOPEN) && active && messages && count)
		send_arm(fd, messages->msg_hdr.msg_name, messages->msg_hdr.msg_namelen);
	const uint64_t started = clock_stamp();
	const int sent = libc.sendmmsg(fd, messages, count, flags);
	if (!active || !count || (sent < 0 && !send_considered(errno)) ||
	    (sent == (int)count && messages[sent - 1].msg_len ==
	                                   total(messages[sent - 1].msg_hdr.msg_iov, messages[sent - 1].msg_hdr.msg_iovlen)))
		return sent;
	return sendmmsg_slow(fd, messages, count, flags, sent, started, before);
}

EXPORT ssize_t write(int fd, const void *data, size_t length)
{
	const struct outgoing o = {.how = WITH_WRITE, .fd = fd, .length = length, .data = data};
	const int before = errno;
	if (special(fd))
		return send_careful(&o, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.write(fd, data, length);
	return likely(sent == (ssize_t)length) ? sent : send_slow(&o, sent, started, before);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
	const int before = errno;
	if (special(fd) && count > 0)
		return send_careful(&(struct outgoing){.how = WITH_WRITEV, .fd = fd, .parts = parts, .count = count,
		                                       .length = total(parts, (size_t)count)}, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.writev(fd, parts, count);
	if (unlikely(sent < 0 && !send_considered(errno)))
		return sent;
	const size_t length = total(parts, (size_t)count);
	if (likely(sent == (ssize_t)length))
		return sent;
	return send_slow(&(struct outgoing){.how = WITH_WRITEV, .fd = fd, .parts = parts, .count = count, .length = length},
	                 sent, started, before);
}

EXPORT ssize_t sendfile(int fd, int from, off_t *offset, size_t length)
{
	const struct outgoing o = {.how = WITH_SENDFILE, .fd = fd, .length = length, .from = from, .offset = offset};
	const int before = errno;
	if (special(fd))
		return send_careful(&o, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.sendfile(fd, from, offset, length);
	return likely(sent == (ssize_t)length) ? sent : send_slow(&o, sent, started, before);
}

EXPORT ssize_t sendfile64(int fd, int from, off64_t *offset, size_t length)
{
	const struct outgoing o = {.how = WITH_SENDFILE64, .fd = fd, .length = length, .from = from, .offset = offset};
	const int before = errno;
	if (special(fd))
		return send_careful(&o, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.sendfile64(fd, from, offset, length);
	return likely(sent == (ssize_t)length) ? sent : send_slow(&o, sent, started, before);
}

EXPORT ssize_t splice(int from, off64_t *from_offset, int fd, off64_t *offset, size_t length, unsigned flags)
{
	const struct outgoing o = {.how = WITH_SPLICE, .fd = fd, .flags = (int)flags, .length = length,
	                           .from = from, .offset = from_offset, .to_offset = offset};
	const int before = errno;
	if (special(fd))
		return send_careful(&o, before);
	const uint64_t started = clock_stamp();
	const ssize_t sent = libc.splice(from, from_offset, fd, offset, length, flags);
	return likely(sent == (ssize_t)length) ? sent : send_slow(&o, sent, started, before);
}

/* stdio calls its own write(): what it writes to is armed for that. */

EXPORT FILE *fdopen(int fd, const char *mode)
{
	FILE *file = libc.fdopen(fd, mode);
	if (file && active)
		arm_for_stdio(fd);
	return file;
}

EXPORT int vdprintf(int fd, const char *format, va_list arguments)
{
	if (active)
		arm_for_stdio(fd);
	return libc.vdprintf(fd, format, arguments);
}

EXPORT int dprintf(int fd, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const int printed = vdprintf(fd, format, arguments);
	va_end(arguments);
	return printed;
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
	if (active)
		arm_for_stdio(fd);
	return libc.__vdprintf_chk(fd, flag, format, arguments);
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const int printed = __vdprintf_chk(fd, flag, format, arguments);
	va_end(arguments);
	return printed;
}

/* Receives: some bytes are some bytes; none, or an error, may be the end of a connection that had its verdict. */

EXPORT ssize_t recv(int fd, void *data, size_t length, int flags)
{
	const int before = errno;
	const ssize_t received = libc.recv(fd, data, length, flags);
	return likely(received > 0) && !special(fd) ? received : receive_slow(fd, received, length, before);
}

EXPORT ssize_t __recv_chk(int fd, void *data, size_t length, size_t size, int flags)
{
	const int before = errno;
	const ssize_t received = libc.__recv_chk(fd, data, length, size, flags);
	return likely(received > 0) && !special(fd) ? received : receive_slow(fd, received, length, before);
}

EXPORT ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length)
{
	const int before = errno;
	const ssize_t received = libc.recvfrom(fd, data, length, flags, from, from_length);
	return likely(received > 0) && !special(fd) ? received : receive_slow(fd, received, length, before);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t length, size_t size, int flags, struct sockaddr *from,
                              socklen_t *from_length)
{
	const int before = errno;
	const ssize_t received = libc.__recvfrom_chk(fd, data, length, size, flags, from, from_length);
	return likely(received > 0) && !special(fd) ? received : receive_slow(fd, received, length, before);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const int before = errno;
	const ssize_t received = libc.recvmsg(fd, message, flags);
	if (received >= 0 && unlikely(message->msg_controllen))
		receive_arm(message);
	if (likely(received > 0) && !special(fd))
		return received;
	return receive_slow(fd, received, received ? 1 : total(message->msg_iov, message->msg_iovlen), before);
}

EXPORT ssize_t read(int fd, void *data, size_t length)
{
	const int before = errno;
	const ssize_t received = libc.read(fd, data, length);
	return likely(received > 0) && !special(fd) ? received : receive_slow(fd, received, length, before);
}

EXPORT ssize_t __read_chk(int fd, void *data, size_t length, size_t size)
{
	const int before = errno;
	const ssize_t received = libc.__read_chk(fd, data, length, size);
	return likely(received > 0) && !special(fd) ? received : receive_slow(fd, received, length, before);
}

EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
	const int before = errno;
	const ssize_t received = libc.readv(fd, parts, count);
	if (likely(received > 0) && !special(fd))
		return received;
	return receive_slow(fd, received, received ? 1 : total(parts, (size_t)count), before);
}

/* Waits: only those for writing are looked at. */

static inline bool waits_for_writing(const struct pollfd *fds, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].events & (POLLOUT | POLLWRNORM | POLLWRBAND))
			return true;
	return false;
}

/** Whether a wait is none of ours; whatever it is, it ends that this thread is a synchronous writer. */
static inline bool plain_wait(const struct pollfd *fds, nfds_t count)
{
	writer_cookie = 0;
	return !active || !fds || !waits_for_writing(fds, count);
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (plain_wait(fds, count))
		return libc.poll(fds, count, timeout_ms);
	const struct timespec timeout = clock_timespec(ms_to_ns(timeout_ms));
	return poll_limited(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
	/* A buffer that is too small is for the real one to report. */
	if (size / sizeof *fds < count || plain_wait(fds, count))
		return libc.__poll_chk(fds, count, timeout_ms, size);
	return poll(fds, count, timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	if (plain_wait(fds, count))
		return libc.ppoll(fds, count, timeout, mask);
	return poll_limited(fds, count, timeout, mask);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
                       size_t size)
{
	if (size / sizeof *fds < count || plain_wait(fds, count))
		return libc.__ppoll_chk(fds, count, timeout, mask, size);
	return poll_limited(fds, count, timeout, mask);
}

EXPORT int select(int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout)
{
	writer_cookie = 0;
	if (!active || !writes || (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)))
		return libc.select(count, reads, writes, excepts, timeout);
	const int64_t begun_ns = clock_now_ns();
	const struct timeval given = timeout ? *timeout : (struct timeval){0};
	const struct timespec limit = {.tv_sec = given.tv_sec + given.tv_usec / 1000000,
	                               .tv_nsec = given.tv_usec % 1000000 * 1000};
	const int ready = select_limited(count, reads, writes, excepts, timeout ? &limit : NULL, NULL);
	if (timeout) {
		/* Linux leaves what is left of the time there (select(2)). */
		const int64_t gone_us = (clock_now_ns() - begun_ns) / 1000;
		const int64_t left_us = limit.tv_sec >= INT64_MAX / NS_PER_S
		                                ? INT64_MAX
		                                : limit.tv_sec * 1000000 + limit.tv_nsec / 1000 - gone_us;
		if (left_us != INT64_MAX)
			*timeout = left_us <= 0 ? (struct timeval){0}
			                        : (struct timeval){.tv_sec = (time_t)(left_us / 1000000),
			                                           .tv_usec = (suseconds_t)(left_us % 1000000)};
	}
	return ready;
}

EXPORT int pselect(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
                   const sigset_t *mask)
{
	writer_cookie = 0;
	if (!active || !writes)
		return libc.pselect(count, reads, writes, excepts, timeout, mask);
	return select_limited(count, reads, writes, excepts, timeout, mask);
}

/** Whether a wait in epoll needs no look of ours. */
static inline bool plain_epoll(void)
{
	writer_cookie = 0;
	return likely(!atomic_load_explicit(&watched, memory_order_relaxed) &&
	              !atomic_load_explicit(&attention, memory_order_relaxed) && !epoll_needs_bound());
}

EXPORT int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
	writer_cookie = 0;
	return libc.epoll_ctl(epfd, operation, fd, event);
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int most, int timeout_ms)
{
	if (plain_epoll())
		return libc.epoll_wait(epfd, events, most, timeout_ms);
	return epoll_limited(epfd, events, most, ms_to_ns(timeout_ms), false, NULL);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask)
{
	if (plain_epoll())
		return libc.epoll_pwait(epfd, events, most, timeout_ms, mask);
	return epoll_limited(epfd, events, most, ms_to_ns(timeout_ms), false, mask);
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int most, const struct timespec *timeout,
                        const sigset_t *mask)
{
	if (plain_epoll() || (timeout && (timeout->tv_sec < 0 || timeout->tv_sec >= INT64_MAX / NS_PER_S ||
	                                  timeout->tv_nsec < 0 || timeout->tv_nsec >= NS_PER_S)))
		return libc.epoll_pwait2(epfd, events, most, timeout, mask);
	const int64_t timeout_ns = timeout ? timeout->tv_sec * NS_PER_S + timeout->tv_nsec : NEVER_NS;
	return epoll_limited(epfd, events, most, timeout_ns, true, mask);
}

/* Options and modes */

EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	return getsockopt_limited(fd, level, option, value, length, errno);
}

EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	const int result = libc.setsockopt(fd, level, option, value, length);
	if (result == 0 && active)
		setsockopt_noticed(fd, level, option);
	return result;
}

/** fcntl() has one more argument or none; what may be there is passed on as it came. */
#define FCNTL(name)                                                                                                \
	va_list arguments;                                                                                         \
	va_start(arguments, command);                                                                              \
	void *argument = va_arg(arguments, void *);                                                                \
	va_end(arguments);                                                                                         \
	const int result = libc.name(fd, command, argument);                                                       \
	if (result >= 0 && command == F_SETFL)                                                                     \
		blocking_noticed(fd, (intptr_t)argument & O_NONBLOCK);                                             \
	else if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))                                \
		duplicate_noticed(fd, result);                                                                     \
	return result

EXPORT int fcntl(int fd, int command, ...)
{
	FCNTL(fcntl);
}

EXPORT int fcntl64(int fd, int command, ...)
{
	FCNTL(fcntl64);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	const int result = libc.ioctl(fd, request, argument);
	if (result == 0 && request == FIONBIO)
		blocking_noticed(fd, *(const int *)argument != 0);
	return result;
}

EXPORT int dup(int from)
{
	const int to = libc.dup(from);
	if (to >= 0)
		duplicate_noticed(from, to);
	return to;
}

EXPORT int dup2(int from, int to)
{
	const int result = libc.dup2(from, to);
	if (result >= 0 && from != to)
		duplicate_noticed(from, to);
	return result;
}

EXPORT int dup3(int from, int to, int flags)
{
	const int result = libc.dup3(from, to, flags);
	if (result >= 0)
		duplicate_noticed(from, to);
	return result;
}

/* Ends of the process that run no destructor: the summary is told before. A vfork child tells nothing (finish()). */

EXPORT __attribute__((noreturn)) void _exit(int status)
{
	finish();
	libc._exit(status);
	__builtin_unreachable();
}

EXPORT __attribute__((noreturn)) void _Exit(int status)
{
	finish();
	libc._Exit(status);
	__builtin_unreachable();
}

EXPORT __attribute__((noreturn)) void quick_exit(int status)
{
	finish();
	libc.quick_exit(status);
	__builtin_unreachable();
}

EXPORT int execve(const char *path, char *const *arguments, char *const *environment)
{
	finish();
	return libc.execve(path, arguments, environment);
}

EXPORT int execv(const char *path, char *const *arguments)
{
	finish();
	return libc.execv(path, arguments);
}

EXPORT int execvp(const char *name, char *const *arguments)
{
	finish();
	return libc.execvp(name, arguments);
}

EXPORT int execvpe(const char *name, char *const *arguments, char *const *environment)
{
	finish();
	return libc.execvpe(name, arguments, environment);
}

EXPORT int fexecve(int fd, char *const *arguments, char *const *environment)
{
	finish();
	return libc.fexecve(fd, arguments, environment);
}

/** How many arguments follow @p first, the NULL at their end not counted. */
static size_t count_arguments(const char *first, va_list rest)
{
	size_t count = 0;
	for (const char *argument = first; argument; argument = va_arg(rest, const char *))
		count++;
	return count;
}

/** The list of an execl() and its kin as an array, and, for execle(), the environment behind it. */
#define ARGUMENT_LIST(first)                                                                                       \
	va_list arguments;                                                                                         \
	va_start(arguments, first);                                                                                \
	const size_t count = count_arguments(first, arguments);                                                    \
	va_end(arguments);                                                                                         \
	char *list[count + 1];                                                                                     \
	list[0] = (char *)first;                                                                                   \
	va_start(arguments, first);                                                                                \
	for (size_t i = 1; i <= count; i++)                                                                        \
		list[i] = va_arg(arguments, char *)

EXPORT int execl(const char *path, const char *argument, ...)
{
	ARGUMENT_LIST(argument);
	va_end(arguments);
	return execv(path, list);
}

EXPORT int execlp(const char *name, const char *argument, ...)
{
	ARGUMENT_LIST(argument);
	va_end(arguments);
	return execvp(name, list);
}

EXPORT int execle(const char *path, const char *argument, ...)
{
	ARGUMENT_LIST(argument);
	char *const *environment = va_arg(arguments, char *const *);
	va_end(arguments);
	return execve(path, list, environment);
}
