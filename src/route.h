/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where a call that is made often goes first: to the real function, or to one of ours that looks at the socket.
 *
 * In most programs at most times no socket needs a look before a send (attention is 0, memory.h), and then nothing asks
 * whether one does: the pointers here lead to the real functions. Those of sends lead to a function that tries nothing
 * before the library has started, and while a socket needs attention; the others to one that starts the library first.
 */
#ifndef SNDTIMEO_ROUTE_H
#define SNDTIMEO_ROUTE_H

#include "libc.h"

/** What a send returns that was not tried, because its socket has to be looked at first: no count, not -1, and a length
 * that no buffer has. */
#define NOT_TRIED ((ssize_t)PTRDIFF_MIN)

/* The functions, with parameters and arguments. */
#define ROUTE_SENDS(F)                                                                                             \
	F(sendto, (int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size), \
	  (fd, data, length, flags, to, size))                                                                       \
	F(sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))                        \
	F(write, (int fd, const void *data, size_t length), (fd, data, length))                                    \
	F(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))                              \
	F(sendfile, (int fd, int from, off_t *offset, size_t length), (fd, from, offset, length))                  \
	F(sendfile64, (int fd, int from, off64_t *offset, size_t length), (fd, from, offset, length))              \
	F(splice, (int from, off64_t *from_offset, int fd, off64_t *offset, size_t length, unsigned flags),        \
	  (from, from_offset, fd, offset, length, flags))
#define ROUTE_RECEIVES(F)                                                                                          \
	F(recv, (int fd, void *data, size_t length, int flags), (fd, data, length, flags))                         \
	F(recvfrom, (int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length), \
	  (fd, data, length, flags, from, from_length))                                                            \
	F(recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))                              \
	F(read, (int fd, void *data, size_t length), (fd, data, length))                                           \
	F(readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
#define ROUTE_WAITS(F)                                                                                             \
	F(poll, (struct pollfd *fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))                      \
	F(epoll_wait, (int epfd, struct epoll_event *events, int most, int timeout_ms),                            \
	  (epfd, events, most, timeout_ms))                                                                        \
	F(epoll_pwait, (int epfd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask),     \
	  (epfd, events, most, timeout_ms, mask))

/** Begins as struct libc does. */
struct route {
#define ROUTE_POINTER(name, ...) __typeof__(name) *name;
	ROUTE_SENDS(ROUTE_POINTER)
	ROUTE_RECEIVES(ROUTE_POINTER)
	ROUTE_WAITS(ROUTE_POINTER)
#undef ROUTE_POINTER
	/** send(2), called as sendto(2) without an address. */
	__typeof__(sendto) *send;
};

extern struct route route __attribute__((visibility("hidden")));
/** The pointer of a send, which changes while other threads call through it. The others are written once. */
#define ROUTED(name) __atomic_load_n(&route.name, __ATOMIC_RELAXED)

/** The library has started: have all pointers lead where they should. Called once. */
void route_start(void);

/**
 * The same when attention (memory.h) went to 0 or from it.
 *
 * When attention went from 0, every call of every thread that begins after this has returned looks at its socket. Going
 * back is no more than a saving, and is left out where another thread is about to. Async-signal-safe.
 */
void route_settle(void);

#endif
