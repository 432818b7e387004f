/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Every function we replace that may wait: call the real one, return if it is complete, else hand over.
 *
 * What is called often is called where route.h leads, and a call that is complete then costs what is written here.
 * Without limits (active is false) all of them are the real function.
 */
#undef _FORTIFY_SOURCE /* we define the plain and the checked functions by their own names */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "memory.h"
#include "replace.h"
#include "route.h"
#include "slow.h"
#include "socket.h"

static inline int64_t ms_to_ns(int ms)
{
	return ms < 0 ? NEVER_NS : ms * NS_PER_MS;
}

/** Whether so many seconds are too many nanoseconds. */
static inline bool uncountable(int64_t seconds)
{
	return seconds >= INT64_MAX / NS_PER_S;
}

/* Connections */

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t length)
{
	real();
	return connect_limited(fd, to, length);
}

/** Whether somebody wants to hear of accepted connections; the limits came along by themselves, but for unix sockets. */
static inline bool looks_at_accepted(void)
{
	return unlikely(active && (settings.verbose || settings.summary || settings.rules.names_unix));
}

EXPORT int accept(int fd, struct sockaddr *peer, socklen_t *length)
{
	const int accepted = real()->accept(fd, peer, length);
	if (accepted >= 0 && looks_at_accepted())
		accept_noticed(accepted);
	return accepted;
}

EXPORT int accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
	const int accepted = real()->accept4(fd, peer, length, flags);
	if (accepted >= 0 && looks_at_accepted())
		accept_noticed(accepted);
	return accepted;
}

/** Whoever polls the number next, it is not the socket that this thread wrote to. */
EXPORT int close(int fd)
{
	if (fd == writer_fd)
		writer_cookie = 0;
	return real()->close(fd);
}

/* Sends */

/** Have @p object on the stack, stored there in one instruction each. What a compiler keeps in a register over a call
 * costs three: the register is somebody's. */
#define KEEP(object) __asm__("" : "+m"(object))

/** The send of @p bytes at @p start, with what is needed if it is not complete. */
#define OUTGOING(with, descriptor, bytes, start)                                                                   \
	struct outgoing o;                                                                                         \
	o.before = errno_now();                                                                                    \
	o.how = with;                                                                                              \
	o.fd = descriptor;                                                                                         \
	o.length = bytes;                                                                                          \
	o.data = start

#define SEND(call)                                                                                                 \
	o.started = clock_stamp();                                                                                 \
	KEEP(o);                                                                                                   \
	const ssize_t sent = call;                                                                                 \
	return likely(sent == (ssize_t)o.length) ? sent : send_slow(&o, sent)

/** sendmsg() and sendto() with MSG_FASTOPEN connect, too. */
__attribute__((cold)) static void arm_first(int fd, const struct msghdr *message)
{
	if (active && message)
		send_arm(fd, message->msg_name, message->msg_namelen);
}

#if defined __x86_64__ && defined __LP64__

/* What is called most, in assembler. A compiler makes room, stores there, and moves errno through a register, where push
 * does all of it at once: what struct outgoing begins with is then on the stack. */
static_assert(offsetof(struct outgoing, before) == 0 && offsetof(struct outgoing, started) == 8 &&
              offsetof(struct outgoing, fd) == 16 && offsetof(struct outgoing, flags) == 20 &&
              offsetof(struct outgoing, data) == 24 && offsetof(struct outgoing, length) == 32 &&
              OUTGOING_PUSHED == 40, "what is pushed");
static_assert(offsetof(struct msghdr, msg_iov) == 16 && offsetof(struct msghdr, msg_iovlen) == 24 &&
              offsetof(struct iovec, iov_len) == 8 && sizeof(struct iovec) == 16, "what is added up");

/* The functions that were not complete. */
#define NOT_COMPLETE(name, number, adapt)                                                                          \
	__attribute__((cold)) static ssize_t name##_not_complete(const void *pushed, ssize_t sent)                 \
	{                                                                                                          \
		struct outgoing o;                                                                                 \
		memcpy(&o, pushed, OUTGOING_PUSHED);                                                               \
		o.how = number;                                                                                    \
		adapt;                                                                                             \
		return send_slow(&o, sent);                                                                        \
	}
NOT_COMPLETE(send, WITH_SEND, )
NOT_COMPLETE(write, WITH_WRITE, o.flags = 0)
NOT_COMPLETE(sendmsg, WITH_SENDMSG, o.length = 0)
NOT_COMPLETE(writev, WITH_WRITEV, o.flags = 0; o.count = (int)o.length; o.length = 0)

#define IN_ASSEMBLER EXPORT __attribute__((naked, no_profile_instrument_function))
#define CFA(bytes) ".cfi_adjust_cfa_offset " #bytes "\n\t"
#define PUSH(what) "push " what "\n\t" CFA(8)

/** The head of a function: push @p length (rdx, or anything), @p data, fd with @p flags stored above it, the time, and
 * errno with what is next to it. Then have rdx back (@p third: its place) and call @p function, operand 1. */
#define PUSHED_CALL(length, data, flags, third)                                                                    \
	PUSH(length) PUSH(data) PUSH("%%rdi") flags                                                                \
	"rdtsc\n\t" PUSH("%%rax") "movl %%edx, 4(%%rsp)\n\t"                                                       \
	"movq %0, %%rax\n\t" PUSH("%%fs:(%%rax)")                                                                  \
	"movq " third "(%%rsp), %%rdx\n\t"                                                                         \
	"call *%1\n\t"
/** Add up the parts at rdx, rcx of them, and compare: not equal is another number than 0 in r8. */
#define ADD_UP                                                                                                     \
	"movq %%rax, %%r8\n\t"                                                                                     \
	"shlq $4, %%rcx\n\t"                                                                                       \
	"je 3f\n2:\t"                                                                                              \
	"subq -8(%%rdx,%%rcx), %%r8\n\t"                                                                           \
	"subq $16, %%rcx\n\t"                                                                                      \
	"jne 2b\n3:\t"                                                                                             \
	"testq %%r8, %%r8\n\t"
/** The end: return if the flags say equal; label 1 is where to go if it is plain that not. */
#define RETURN_IF_EQUAL                                                                                            \
	"jne 1f\n\t"                                                                                               \
	"addq $40, %%rsp\n\t" CFA(-40)                                                                             \
	"ret\n1:\t" CFA(40)                                                                                        \
	"movq %%rsp, %%rdi\n\t"                                                                                    \
	"movq %%rax, %%rsi\n\t"                                                                                    \
	"call %P2\n\t"                                                                                             \
	"addq $40, %%rsp\n\t" CFA(-40)                                                                             \
	"ret"
#define OPERANDS(function, not_complete) : : "m"(errno_offset), "m"(function), "i"(not_complete)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* they are where the ABI says */

/* As sendto(): send() is that with no address, and glibc's takes more instructions to say so. The length of no address
 * is whatever the register holds, and is not looked at. */
IN_ASSEMBLER ssize_t send(int fd, const void *data, size_t length, int flags)
{
	__asm__("xorl %%r8d, %%r8d\n\t"
	        PUSHED_CALL("%%rdx", "%%rsi", "movl %%ecx, 4(%%rsp)\n\t", "32")
	        "cmpq 32(%%rsp), %%rax\n\t" RETURN_IF_EQUAL OPERANDS(route.send, send_not_complete));
}

IN_ASSEMBLER ssize_t write(int fd, const void *data, size_t length)
{
	__asm__(PUSHED_CALL("%%rdx", "%%rsi", "", "32")
	        "cmpq 32(%%rsp), %%rax\n\t" RETURN_IF_EQUAL OPERANDS(route.write, write_not_complete));
}

IN_ASSEMBLER ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	__asm__("testl %3, %%edx\n\t"
	        "jne 5f\n4:\t"
	        PUSHED_CALL("%%rsi", "%%rsi", "movl %%edx, 4(%%rsp)\n\t", "20")
	        "testq %%rax, %%rax\n\t"
	        "js 1f\n\t"
	        "movq 24(%%rsp), %%rdx\n\t"
	        "movq 24(%%rdx), %%rcx\n\t"
	        "movq 16(%%rdx), %%rdx\n\t"
	        ADD_UP RETURN_IF_EQUAL
	        "\n5:\t" PUSH("%%rdx") PUSH("%%rsi") PUSH("%%rdi")
	        "call %P4\n\t"
	        "pop %%rdi\n\t" "pop %%rsi\n\t" "pop %%rdx\n\t" CFA(-24)
	        "jmp 4b"
	        OPERANDS(route.sendmsg, sendmsg_not_complete), "i"(MSG_FASTOPEN), "i"(arm_first));
}

IN_ASSEMBLER ssize_t writev(int fd, const struct iovec *parts, int count)
{
	__asm__(PUSHED_CALL("%%rdx", "%%rsi", "", "32")
	        "testq %%rax, %%rax\n\t"
	        "js 1f\n\t"
	        "movl 32(%%rsp), %%ecx\n\t"
	        "movq 24(%%rsp), %%rdx\n\t"
	        ADD_UP RETURN_IF_EQUAL OPERANDS(route.writev, writev_not_complete));
}

#pragma GCC diagnostic pop

#else

EXPORT ssize_t send(int fd, const void *data, size_t length, int flags)
{
	OUTGOING(WITH_SEND, fd, length, data);
	o.flags = flags;
	SEND(ROUTED(send)(fd, data, length, flags, NULL, 0));
}

EXPORT ssize_t write(int fd, const void *data, size_t length)
{
	OUTGOING(WITH_WRITE, fd, length, data);
	o.flags = 0;
	SEND(ROUTED(write)(fd, data, length));
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (unlikely(flags & MSG_FASTOPEN))
		arm_first(fd, message);
	OUTGOING(WITH_SENDMSG, fd, 0, message);
	o.flags = flags;
	o.started = clock_stamp();
	KEEP(o);
	const ssize_t sent = ROUTED(sendmsg)(fd, message, flags);
	if (likely(sent >= 0) && likely(sent == (ssize_t)length_of(o.message->msg_iov, o.message->msg_iovlen)))
		return sent;
	return send_slow(&o, sent);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
	OUTGOING(WITH_WRITEV, fd, 0, parts);
	o.flags = 0;
	o.count = count;
	o.started = clock_stamp();
	KEEP(o);
	const ssize_t sent = ROUTED(writev)(fd, parts, count);
	if (likely(sent >= 0) && likely(sent == (ssize_t)length_of(o.parts, (size_t)o.count)))
		return sent;
	return send_slow(&o, sent);
}

#endif

EXPORT ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length)
{
	if (unlikely(flags & MSG_FASTOPEN))
		send_arm(fd, to, to_length);
	OUTGOING(WITH_SENDTO, fd, length, data);
	o.flags = flags;
	o.to = to;
	o.to_length = to_length;
	SEND(ROUTED(sendto)(fd, data, length, flags, to, to_length));
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	real();
	return sendmmsg_limited(fd, messages, count, flags);
}

static __attribute__((noinline)) ssize_t send_file(int with, int fd, int from, void *offset, size_t length)
{
	OUTGOING(with, fd, length, NULL);
	o.flags = 0;
	o.from = from;
	o.offset = offset;
	SEND((with == WITH_SENDFILE ? (__typeof__(sendfile64) *)ROUTED(sendfile) : ROUTED(sendfile64))(fd, from, offset, length));
}

EXPORT ssize_t sendfile(int fd, int from, off_t *offset, size_t length)
{
	return send_file(WITH_SENDFILE, fd, from, offset, length);
}

EXPORT ssize_t sendfile64(int fd, int from, off64_t *offset, size_t length)
{
	return send_file(WITH_SENDFILE64, fd, from, offset, length);
}

EXPORT ssize_t splice(int from, off64_t *from_offset, int fd, off64_t *offset, size_t length, unsigned flags)
{
	OUTGOING(WITH_SPLICE, fd, length, NULL);
	o.flags = (int)flags;
	o.from = from;
	o.offset = from_offset;
	o.to_offset = offset;
	SEND(ROUTED(splice)(from, from_offset, fd, offset, length, flags));
}

/* stdio calls its own write(): what it writes to is armed for that. */

EXPORT int vdprintf(int fd, const char *format, va_list arguments)
{
	if (active)
		arm_for_stdio(fd);
	return real()->vdprintf(fd, format, arguments);
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
	return real()->__vdprintf_chk(fd, flag, format, arguments);
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

/** Whether a receive is complete: some bytes, and no socket of which it may be news that it is connected. */
static inline __attribute__((always_inline)) bool some_received(ssize_t received)
{
	return likely(received > 0) && likely(!atomic_load_explicit(&attention, memory_order_relaxed));
}

/** Receive, and hand over if that is the end of something. @p asked: for how many bytes there was room. */
#define RECEIVE(asked, call)                                                                                       \
	struct { int descriptor; size_t room; } kept = {fd, asked};                                                \
	KEEP(kept);                                                                                                \
	const ssize_t received = call;                                                                             \
	return likely(some_received(received)) ? received : receive_slow(kept.descriptor, received, kept.room)

EXPORT ssize_t recv(int fd, void *data, size_t length, int flags)
{
	RECEIVE(length, route.recv(fd, data, length, flags));
}

EXPORT ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length)
{
	RECEIVE(length, route.recvfrom(fd, data, length, flags, from, from_length));
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const ssize_t received = route.recvmsg(fd, message, flags);
	if (received >= 0 && unlikely(message->msg_controllen))
		receive_arm(message);
	if (likely(some_received(received)))
		return received;
	return receive_slow(fd, received, received ? 0 : length_of(message->msg_iov, message->msg_iovlen));
}

EXPORT ssize_t read(int fd, void *data, size_t length)
{
	RECEIVE(length, route.read(fd, data, length));
}

EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
	const ssize_t received = route.readv(fd, parts, count);
	if (likely(some_received(received)))
		return received;
	return receive_slow(fd, received, received ? 0 : length_of(parts, (size_t)count));
}

/* A buffer that is too small is for the real one to report. */

EXPORT ssize_t __recv_chk(int fd, void *data, size_t length, size_t size, int flags)
{
	return length <= size ? recv(fd, data, length, flags) : real()->__recv_chk(fd, data, length, size, flags);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t length, size_t size, int flags, struct sockaddr *from,
                              socklen_t *from_length)
{
	return length <= size ? recvfrom(fd, data, length, flags, from, from_length)
	                      : real()->__recvfrom_chk(fd, data, length, size, flags, from, from_length);
}

EXPORT ssize_t __read_chk(int fd, void *data, size_t length, size_t size)
{
	return length <= size ? read(fd, data, length) : real()->__read_chk(fd, data, length, size);
}

/* Waits: only those for writing are looked at. */

/** All of them without a branch for each; and a whole word of each, with what lies beside the events, because that is
 * fewer instructions. */
static inline __attribute__((always_inline)) bool waits_for_writing(const struct pollfd *fds, nfds_t count)
{
	static const union { struct { short events, revents; } of; uint32_t word; } writing = {
		.of.events = POLLOUT | POLLWRNORM | POLLWRBAND,
	};
	uint32_t any = 0, word;
	if (count)
		do {
			memcpy(&word, &fds[--count].events, sizeof word);
			any |= word;
		} while (count);
	return any & writing.word;
}

/** Whether a wait is none of ours: then it ends that this thread is a synchronous writer. */
static inline __attribute__((always_inline)) bool plain_wait(const struct pollfd *fds, nfds_t count)
{
	if (fds && waits_for_writing(fds, count) && active)
		return false;
	writer_cookie = 0;
	return true;
}

/** A wait for writing. Apart, because what it needs would be saved in the others, too. */
static __attribute__((noinline)) int poll_for_writing(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	const struct timespec timeout = clock_timespec(ms_to_ns(timeout_ms));
	return poll_limited(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (likely(plain_wait(fds, count)))
		return route.poll(fds, count, timeout_ms);
	return poll_for_writing(fds, count, timeout_ms);
}

/** Once more, for those that are seldom called. (Not const: glibc says of ppoll() that it only writes there.) */
static __attribute__((noinline)) bool is_plain(struct pollfd *fds, nfds_t count)
{
	return plain_wait(fds, count);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
	if (size / sizeof *fds < count || is_plain(fds, count))
		return real()->__poll_chk(fds, count, timeout_ms, size);
	return poll_for_writing(fds, count, timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	if (is_plain(fds, count))
		return real()->ppoll(fds, count, timeout, mask);
	return poll_limited(fds, count, timeout, mask);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
                       size_t size)
{
	if (size / sizeof *fds < count || is_plain(fds, count))
		return real()->__ppoll_chk(fds, count, timeout, mask, size);
	return poll_limited(fds, count, timeout, mask);
}

EXPORT int select(int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout)
{
	writer_cookie = 0;
	if (!active || !writes || (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)))
		return real()->select(count, reads, writes, excepts, timeout);
	const int64_t begun_ns = clock_now_ns();
	struct timespec limit = {0};
	if (timeout)
		limit = (struct timespec){.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000,
		                          .tv_nsec = timeout->tv_usec % 1000000 * 1000};
	const int ready = select_limited(count, reads, writes, excepts, timeout ? &limit : NULL, NULL);
	if (timeout && !uncountable(limit.tv_sec)) {
		/* Linux leaves what is left of the time there (select(2)). */
		int64_t left_us = limit.tv_sec * INT64_C(1000000) + (limit.tv_nsec - (clock_now_ns() - begun_ns)) / 1000;
		if (left_us < 0)
			left_us = 0;
		*timeout = (struct timeval){.tv_sec = (time_t)(left_us / 1000000), .tv_usec = (suseconds_t)(left_us % 1000000)};
	}
	return ready;
}

EXPORT int pselect(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
                   const sigset_t *mask)
{
	writer_cookie = 0;
	if (!active || !writes)
		return real()->pselect(count, reads, writes, excepts, timeout, mask);
	return select_limited(count, reads, writes, excepts, timeout, mask);
}

/** Whether a wait in epoll needs no look of ours. */
static inline __attribute__((always_inline)) bool plain_epoll(void)
{
	writer_cookie = 0;
	return likely(!atomic_load_explicit(&watched, memory_order_relaxed)) &&
	       likely(!atomic_load_explicit(&attention, memory_order_relaxed)) && likely(*atomic_load_explicit(&socket_only_thread, memory_order_relaxed));
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int most, int timeout_ms)
{
	if (plain_epoll())
		return route.epoll_wait(epfd, events, most, timeout_ms);
	return epoll_limited(epfd, events, most, ms_to_ns(timeout_ms), false, NULL);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask)
{
	if (plain_epoll())
		return route.epoll_pwait(epfd, events, most, timeout_ms, mask);
	return epoll_limited(epfd, events, most, ms_to_ns(timeout_ms), false, mask);
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int most, const struct timespec *timeout,
                        const sigset_t *mask)
{
	if (plain_epoll() || (timeout && (timeout->tv_sec < 0 || uncountable(timeout->tv_sec) ||
	                                  timeout->tv_nsec < 0 || timeout->tv_nsec >= NS_PER_S)))
		return real()->epoll_pwait2(epfd, events, most, timeout, mask);
	const int64_t timeout_ns = timeout ? timeout->tv_sec * NS_PER_S + timeout->tv_nsec : NEVER_NS;
	return epoll_limited(epfd, events, most, timeout_ns, true, mask);
}

/* Modes */

static int fcntl_noticed(__typeof__(fcntl) *real_fcntl, int fd, int command, void *argument)
{
	const int result = real_fcntl(fd, command, argument);
	if (result >= 0 && command == F_SETFL)
		blocking_noticed(fd, (intptr_t)argument & O_NONBLOCK);
	else if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
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
