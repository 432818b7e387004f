/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Every function we replace that may wait: what is no socket of ours goes to the real one, the rest to calls/.
 *
 * A plain descriptor costs a comparison, a test and a jump: no stack, no thread-local storage, no errno. Descriptors count
 * as plain only once the library has started, so a call that comes before finds its way to start() by itself.
 *
 * Longer than 400 lines, because it is the one list of what we replace that may wait, each with its prototype written out.
 */
#include <errno.h>
#include <string.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/errno.h"
#include "calls/connect.h"
#include "calls/options.h"
#include "calls/receive.h"
#include "calls/send.h"
#include "calls/wait.h"
#include "connection/descriptor.h"
#include "connection/duplicate.h"
#include "limits/configured.h"
#include "preload/replace.h"

#define COLD __attribute__((noinline))

/* ---- sends ----------------------------------------------------------------------------------------------------------- */

/* A covered socket's send is tried at once, without waiting, where it needs no look and is no connect. Most are complete then,
 * and nothing is asked or kept but errno, which the try may touch and a send that succeeds does not. */
static inline bool may_try(uint32_t word, int flags)
{
	return likely((word & (DESCRIPTOR_COVERED | LOOK_FIRST)) == descriptor_tried) && likely(!(flags & MSG_FASTOPEN));
}

/** The word of @p fd, which may be read at once; or one that is nothing to try. */
static inline uint32_t word_now(int fd)
{
	return likely((unsigned)fd < descriptor_bound) ? atomic_load_explicit(&descriptor_words[fd], memory_order_relaxed)
	                                               : DESCRIPTOR_OURS;
}

/** Not tried: all of it. @p to: WITH_SENDTO only */
static COLD ssize_t send_looked_at(int how, int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                                   socklen_t to_length)
{
	struct outgoing o = {.how = how, .fd = fd, .flags = flags, .data = data, .length = length};
	real();
	if (how != WITH_WRITE)
		meet(fd);
	o.to = to;
	o.to_length = to_length;
	o.word = descriptor_word(fd);
	return send_limited(&o);
}

/** Begin one that is tried, field by field: what is not used is not written either. */
static inline void outgoing_begin(struct outgoing *o, int how, int fd, int flags, uint32_t word)
{
	o->before = errno_now();
	o->how = how;
	o->fd = fd;
	o->flags = flags;
	o->word = word;
}

static COLD ssize_t write_covered(int fd, const void *data, size_t length, uint32_t word)
{
	if (unlikely(!may_try(word, 0)) || unlikely((ssize_t)length < 0))
		return send_looked_at(WITH_WRITE, fd, data, length, 0, NULL, 0);
	struct outgoing o;
	outgoing_begin(&o, WITH_WRITE, fd, 0, word);
	o.data = data;
	o.length = length;
	const ssize_t sent = libc.send(fd, data, length, TRY_FLAGS);
	return likely(sent == (ssize_t)o.length) ? sent : send_incomplete(&o, sent);
}

EXPORT ssize_t write(int fd, const void *data, size_t length)
{
	const uint32_t word = word_now(fd);
	if (likely(!(word & DESCRIPTOR_FLAGS)))
		return libc.write(fd, data, length);
	return write_covered(fd, data, length, word);
}

static COLD ssize_t send_covered(int fd, const void *data, size_t length, int flags, uint32_t word)
{
	if (unlikely(!may_try(word, flags)))
		return send_looked_at(WITH_SEND, fd, data, length, flags, NULL, 0);
	struct outgoing o;
	outgoing_begin(&o, WITH_SEND, fd, flags, word);
	o.data = data;
	o.length = length;
	const ssize_t sent = libc.send(fd, data, length, flags | TRY_FLAGS);
	return likely(sent == (ssize_t)o.length) ? sent : send_incomplete(&o, sent);
}

EXPORT ssize_t send(int fd, const void *data, size_t length, int flags)
{
	const uint32_t word = word_now(fd);
	if (likely((unsigned char)word == descriptor_known))
		return libc.send(fd, data, length, flags);
	return send_covered(fd, data, length, flags, word);
}

static COLD ssize_t sendto_covered(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                                   socklen_t to_length)
{
	const uint32_t word = word_now(fd);
	if (unlikely(!may_try(word, flags)))
		return send_looked_at(WITH_SENDTO, fd, data, length, flags, to, to_length);
	struct outgoing o;
	outgoing_begin(&o, WITH_SENDTO, fd, flags, word);
	o.data = data;
	o.length = length;
	o.to = to;
	o.to_length = to_length;
	const ssize_t sent = libc.sendto(fd, data, length, flags | TRY_FLAGS, to, to_length);
	return likely(sent == (ssize_t)o.length) ? sent : send_incomplete(&o, sent);
}

EXPORT ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
                      socklen_t to_length)
{
	if (likely(descriptor_plain_socket(fd)))
		return libc.sendto(fd, data, length, flags, to, to_length);
	return sendto_covered(fd, data, length, flags, to, to_length);
}

static COLD ssize_t sendmsg_looked_at(int fd, const struct msghdr *message, int flags)
{
	struct outgoing o = {.how = WITH_SENDMSG, .fd = fd, .flags = flags, .message = message};
	real();
	meet(fd);
	o.word = descriptor_word(fd);
	return send_limited(&o);
}

static COLD ssize_t sendmsg_covered(int fd, const struct msghdr *message, int flags, uint32_t word)
{
	if (unlikely(!may_try(word, flags)))
		return sendmsg_looked_at(fd, message, flags);
	struct outgoing o;
	outgoing_begin(&o, WITH_SENDMSG, fd, flags, word);
	o.message = message;
	const ssize_t sent = libc.sendmsg(fd, message, flags | TRY_FLAGS);
	if (likely(sent >= 0) && likely(sent == (ssize_t)length_of(o.message->msg_iov, o.message->msg_iovlen)))
		return sent;
	return send_incomplete(&o, sent);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	const uint32_t word = word_now(fd);
	if (likely((unsigned char)word == descriptor_known))
		return libc.sendmsg(fd, message, flags);
	return sendmsg_covered(fd, message, flags, word);
}

static COLD ssize_t writev_looked_at(int fd, const struct iovec *parts, int count)
{
	struct outgoing o = {.how = WITH_WRITEV, .fd = fd, .parts = parts};
	real();
	o.count = count;
	o.word = descriptor_word(fd);
	return send_limited(&o);
}

static COLD ssize_t writev_covered(int fd, const struct iovec *parts, int count, uint32_t word)
{
	if (unlikely(!may_try(word, 0)) || unlikely((unsigned)count - 1 >= SEND_PARTS_MOST))
		return writev_looked_at(fd, parts, count);
	struct outgoing o;
	outgoing_begin(&o, WITH_WRITEV, fd, 0, word);
	o.parts = parts;
	o.count = count;
	const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
	const ssize_t sent = libc.sendmsg(fd, &message, TRY_FLAGS);
	if (likely(sent >= 0) && likely(sent == (ssize_t)length_of(message.msg_iov, message.msg_iovlen)))
		return sent;
	return send_incomplete(&o, sent);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
	const uint32_t word = word_now(fd);
	if (likely(!(word & DESCRIPTOR_FLAGS)))
		return libc.writev(fd, parts, count);
	return writev_covered(fd, parts, count, word);
}

static COLD int sendmmsg_covered(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	real();
	meet(fd);
	return sendmmsg_limited(fd, messages, count, flags);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, mmsg_flags flags)
{
	if (likely(descriptor_plain_socket(fd)))
		return libc.sendmmsg(fd, messages, count, flags);
	return sendmmsg_covered(fd, messages, count, (int)flags);
}

static COLD ssize_t send_file_covered(int how, int fd, int from, void *offset, size_t length)
{
	struct outgoing o = {.how = how, .fd = fd, .length = length};
	real();
	o.from = from;
	o.offset = offset;
	o.word = descriptor_word(fd);
	return send_file_limited(&o);
}

EXPORT ssize_t sendfile(int fd, int from, off_t *offset, size_t length)
{
	if (likely(descriptor_plain(fd)))
		return libc.sendfile(fd, from, offset, length);
	return send_file_covered(WITH_SENDFILE, fd, from, offset, length);
}

EXPORT ssize_t sendfile64(int fd, int from, off64_t *offset, size_t length)
{
	if (likely(descriptor_plain(fd)))
		return libc.sendfile64(fd, from, offset, length);
	return send_file_covered(WITH_SENDFILE64, fd, from, offset, length);
}

static COLD ssize_t splice_covered(struct outgoing *o)
{
	real();
	o->word = descriptor_word(o->fd);
	return send_file_limited(o);
}

EXPORT ssize_t splice(int from, off64_t *from_offset, int fd, off64_t *offset, size_t length, unsigned flags)
{
	if (likely(descriptor_plain(fd))) {
		const ssize_t moved = libc.splice(from, from_offset, fd, offset, length, flags);
		return likely(moved > 0) || descriptor_plain(from) ? moved : receive_limited(from, moved, length);
	}
	struct outgoing o = {.how = WITH_SPLICE, .fd = fd, .flags = (int)flags, .length = length};
	o.from = from;
	o.offset = from_offset;
	o.to_offset = offset;
	return splice_covered(&o);
}

/* stdio calls its own write(): what it writes to is bounded for that. */

EXPORT int vdprintf(int fd, const char *format, va_list arguments)
{
	real();
	if (printing_ended(fd))
		return -1;
	stdio_noticed(fd);
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
	real();
	if (printing_ended(fd))
		return -1;
	stdio_noticed(fd);
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

/* ---- receives: some bytes are some bytes; none, or an error, may be the end of a connection that had its verdict ---------- */

/** What is received from a socket of ours is to be looked at: it is none or an error, or may tell that a connect is through. */
static inline bool tells(int fd, ssize_t received)
{
	return unlikely(received <= 0) || unlikely(descriptor_has(fd, DESCRIPTOR_NOTICED));
}

/** The program has no such descriptor: it is a duplicate of ours. */
static COLD bool is_ours(int fd)
{
	real();
	if (!descriptor_has(fd, DESCRIPTOR_OURS) || !active || !duplicate_is_at(fd))
		return false;
	errno = EBADF;
	return true;
}

/** A receive needs no look before and after, unless it is none or an error. */
static inline bool may_receive(uint32_t word)
{
	return likely(!(word & (DESCRIPTOR_OURS | DESCRIPTOR_NOTICED)));
}

static COLD ssize_t recv_looked_at(int fd, void *data, size_t length, int flags)
{
	if (is_ours(fd))
		return -1;
	const ssize_t received = libc.recv(fd, data, length, flags);
	return receive_limited(fd, received, length);
}

static COLD ssize_t recv_covered(int fd, void *data, size_t length, int flags, uint32_t word)
{
	if (unlikely(!may_receive(word)))
		return recv_looked_at(fd, data, length, flags);
	const ssize_t received = libc.recv(fd, data, length, flags);
	return likely(received > 0) ? received : receive_limited(fd, received, length);
}

EXPORT ssize_t recv(int fd, void *data, size_t length, int flags)
{
	const uint32_t word = word_now(fd);
	if (likely(!(word & DESCRIPTOR_FLAGS)))
		return libc.recv(fd, data, length, flags);
	return recv_covered(fd, data, length, flags, word);
}

static COLD ssize_t recvfrom_covered(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                                     socklen_t *from_length)
{
	if (is_ours(fd))
		return -1;
	const ssize_t received = libc.recvfrom(fd, data, length, flags, from, from_length);
	return tells(fd, received) ? receive_limited(fd, received, length) : received;
}

EXPORT ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length)
{
	if (likely(descriptor_plain(fd)))
		return libc.recvfrom(fd, data, length, flags, from, from_length);
	return recvfrom_covered(fd, data, length, flags, from, from_length);
}

static inline ssize_t received_message(int fd, ssize_t received, struct msghdr *message)
{
	if (received >= 0 && unlikely(message->msg_controllen) && active)
		receive_rights(message);
	if (likely(descriptor_plain(fd)) || !tells(fd, received))
		return received;
	return receive_limited(fd, received, received ? 0 : length_of(message->msg_iov, message->msg_iovlen));
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	if (unlikely(!descriptor_plain(fd)) && is_ours(fd))
		return -1;
	return received_message(fd, libc.recvmsg(fd, message, flags), message);
}

static inline int received_messages(int fd, int received, struct mmsghdr *messages)
{
	for (int i = 0; active && i < received; i++)
		if (messages[i].msg_hdr.msg_controllen)
			receive_rights(&messages[i].msg_hdr);
	if (likely(descriptor_plain(fd)) || !tells(fd, received))
		return received;
	return (int)receive_limited(fd, received, 0);
}

EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, mmsg_flags flags, struct timespec *timeout)
{
	if (unlikely(!descriptor_plain(fd)) && is_ours(fd))
		return -1;
	return received_messages(fd, libc.recvmmsg(fd, messages, count, flags, timeout), messages);
}

#if TIME_OF_TWO_SIZES /* the others of these are in time64.c */

EXPORT ssize_t __recvmsg64(int fd, struct msghdr *message, int flags)
{
	if (unlikely(!descriptor_plain(fd)) && is_ours(fd))
		return -1;
	return received_message(fd, libc.__recvmsg64(fd, message, flags), message);
}

EXPORT int __recvmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec64 *timeout)
{
	if (unlikely(!descriptor_plain(fd)) && is_ours(fd))
		return -1;
	return received_messages(fd, libc.__recvmmsg64(fd, messages, count, flags, timeout), messages);
}

EXPORT int __recvmmsg_time64(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec64 *timeout)
{
	if (unlikely(!descriptor_plain(fd)) && is_ours(fd))
		return -1;
	return received_messages(fd, libc.__recvmmsg_time64(fd, messages, count, flags, timeout), messages);
}

#endif

static COLD ssize_t read_looked_at(int fd, void *data, size_t length)
{
	if (is_ours(fd))
		return -1;
	const ssize_t received = libc.read(fd, data, length);
	return receive_limited(fd, received, length);
}

static COLD ssize_t read_covered(int fd, void *data, size_t length, uint32_t word)
{
	if (unlikely(!may_receive(word)))
		return read_looked_at(fd, data, length);
	const ssize_t received = libc.read(fd, data, length);
	return likely(received > 0) ? received : receive_limited(fd, received, length);
}

EXPORT ssize_t read(int fd, void *data, size_t length)
{
	const uint32_t word = word_now(fd);
	if (likely(!(word & DESCRIPTOR_FLAGS)))
		return libc.read(fd, data, length);
	return read_covered(fd, data, length, word);
}

/** What @p received bytes into @p parts tell, or their lack. */
static inline ssize_t received_parts(int fd, ssize_t received, const struct iovec *parts, size_t count)
{
	if (likely(descriptor_plain(fd)) || !tells(fd, received))
		return received;
	return receive_limited(fd, received, received ? 0 : length_of(parts, count));
}

static COLD ssize_t readv_covered(int fd, const struct iovec *parts, int count)
{
	if (is_ours(fd))
		return -1;
	return received_parts(fd, libc.readv(fd, parts, count), parts, (size_t)count);
}

EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
	if (likely(descriptor_plain(fd)))
		return libc.readv(fd, parts, count);
	return readv_covered(fd, parts, count);
}

/* With the file's own position they are readv() and writev(), with flags. */

EXPORT ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	return received_parts(fd, real()->preadv2(fd, parts, count, offset, flags), parts, (size_t)count);
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
	return received_parts(fd, real()->preadv64v2(fd, parts, count, offset, flags), parts, (size_t)count);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	if (likely(descriptor_plain(fd)) || offset != -1 || flags)
		return real()->pwritev2(fd, parts, count, offset, flags);
	return writev_looked_at(fd, parts, count);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
	if (likely(descriptor_plain(fd)) || offset != -1 || flags)
		return real()->pwritev64v2(fd, parts, count, offset, flags);
	return writev_looked_at(fd, parts, count);
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

/* ---- waits ----------------------------------------------------------------------------------------------------------- */

/** Whether another thread may be refused while a wait of this many ms lasts. */
static inline bool is_long(int timeout_ms)
{
	return (unsigned)timeout_ms > WATCH_LONG_NS / NS_PER_MS;
}

static inline int64_t ms_to_ns(int ms)
{
	return ms < 0 ? NEVER_NS : ms * NS_PER_MS;
}

static inline bool is_long_wait(const struct timespec *timeout)
{
	return !timeout || timeout->tv_sec >= WATCH_LONG_NS / NS_PER_S;
}

/** Whether no wait of this process is anything to us, or this one comes of our asking. */
static inline bool no_wait_is_ours(void)
{
	return !active || await_is_nested() || (!atomic_load_explicit(&descriptor_any, memory_order_relaxed) && *process_only_thread);
}

static COLD int poll_watched(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	real();
	if (no_wait_is_ours() || (wait_array_is_on_stack(fds, count) && poll_is_plain(fds, count, is_long(timeout_ms))))
		return libc.poll(fds, count, timeout_ms);
	const struct timespec timeout = clock_timespec(ms_to_ns(timeout_ms));
	return poll_limited(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

/* Under another name in C, because glibc declares that poll() only writes to its array. */
EXPORT int poll_array(struct pollfd *fds, nfds_t count, int timeout_ms) __asm__("poll");

/** One descriptor, on the stack, for reading alone: by far the most that are waited for. */
int poll_array(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (likely(count == 1) && likely(wait_is_on_stack(fds)) &&
	    likely(!(fds->events & (POLLOUT | POLLWRNORM | POLLWRBAND))) && likely(!wait_matters(is_long(timeout_ms))))
		return libc.poll(fds, count, timeout_ms);
	return poll_watched(fds, count, timeout_ms);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
	return size / sizeof *fds < count ? real()->__poll_chk(fds, count, timeout_ms, size) : poll_array(fds, count, timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	real();
	if (no_wait_is_ours() || (timeout && !wait_can_read(timeout, sizeof *timeout)) ||
	    (wait_array_is_on_stack(fds, count) && poll_is_plain(fds, count, is_long_wait(timeout))))
		return libc.ppoll(fds, count, timeout, mask);
	return poll_limited(fds, count, timeout, mask);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
                       size_t size)
{
	return size / sizeof *fds < count ? real()->__ppoll_chk(fds, count, timeout, mask, size)
	                                  : ppoll(fds, count, timeout, mask);
}

/** Whether select(2) is none of ours; ends that this thread is a synchronous writer, if so. */
static bool select_is_plain(const fd_set *writes, bool long_one)
{
	if (writes || wait_matters(long_one))
		return false;
	writer_end();
	return true;
}

EXPORT int select(int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout)
{
	real();
	struct timespec limit = {0};
	if (no_wait_is_ours() ||
	    (timeout && (!wait_can_read(timeout, sizeof *timeout) || timeout->tv_sec < 0 || timeout->tv_usec < 0)) ||
	    select_is_plain(writes, !timeout || timeout->tv_sec >= WATCH_LONG_NS / NS_PER_S))
		return libc.select(count, reads, writes, excepts, timeout);
	const int64_t begun_ns = clock_now_ns();
	if (timeout)
		limit = (struct timespec){.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000,
		                          .tv_nsec = timeout->tv_usec % 1000000 * 1000};
	const int ready = select_limited(count, reads, writes, excepts, timeout ? &limit : NULL, NULL);
	if (timeout && seconds_are_few(limit.tv_sec)) {
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
	real();
	if (no_wait_is_ours() || (timeout && !wait_can_read(timeout, sizeof *timeout)) || select_is_plain(writes, is_long_wait(timeout)))
		return libc.pselect(count, reads, writes, excepts, timeout, mask);
	return select_limited(count, reads, writes, excepts, timeout, mask);
}

static COLD int epoll_watched(int epfd, struct epoll_event *events, int most, int timeout_ms)
{
	real();
	if (!active || await_is_nested())
		return libc.epoll_wait(epfd, events, most, timeout_ms);
	return epoll_limited(epfd, events, most, ms_to_ns(timeout_ms), false, NULL);
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int most, int timeout_ms)
{
	if (likely(started) && likely(epoll_is_plain(is_long(timeout_ms))))
		return libc.epoll_wait(epfd, events, most, timeout_ms);
	return epoll_watched(epfd, events, most, timeout_ms);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask)
{
	real();
	if (!active || epoll_is_plain(is_long(timeout_ms)) || await_is_nested())
		return libc.epoll_pwait(epfd, events, most, timeout_ms, mask);
	return epoll_limited(epfd, events, most, ms_to_ns(timeout_ms), false, mask);
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int most, const struct timespec *timeout,
                        const sigset_t *mask)
{
	real();
	if (!active || (timeout && (!wait_can_read(timeout, sizeof *timeout) || timeout->tv_sec < 0 ||
	                            !seconds_are_few(timeout->tv_sec) || timeout->tv_nsec < 0 ||
	                            timeout->tv_nsec >= NS_PER_S)) ||
	    epoll_is_plain(is_long_wait(timeout)) || await_is_nested())
		return libc.epoll_pwait2(epfd, events, most, timeout, mask);
	const int64_t timeout_ns = timeout ? timeout->tv_sec * NS_PER_S + timeout->tv_nsec : NEVER_NS;
	return epoll_limited(epfd, events, most, timeout_ns, true, mask);
}

/* ---- connections --------------------------------------------------------------------------------------------------------- */

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t length)
{
	if (likely(descriptor_plain_socket(fd)))
		return libc.connect(fd, to, length);
	real();
	meet(fd);
	return connect_limited(fd, to, length);
}

EXPORT int accept(int fd, struct sockaddr *peer, socklen_t *length)
{
	real();
	meet(fd);
	const int accepted = libc.accept(fd, peer, length);
	if (accepted >= 0 && active)
		accept_noticed(fd, accepted, 0);
	return accepted;
}

EXPORT int accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
	real();
	meet(fd);
	const int accepted = libc.accept4(fd, peer, length, flags);
	if (accepted >= 0 && active)
		accept_noticed(fd, accepted, flags);
	return accepted;
}

EXPORT int close(int fd)
{
	if (likely(descriptor_plain(fd)))
		return libc.close(fd);
	real();
	return close_limited(fd);
}
