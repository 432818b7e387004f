/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The paths that a replaced call leaves interpose.c by: where it was not complete, or the socket needs care.
 *
 * All are async-signal-safe, may be left by siglongjmp() or cancellation while they wait, and report as the replaced
 * call would: its result, and errno only on failure.
 */
#ifndef SNDTIMEO_SLOW_H
#define SNDTIMEO_SLOW_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "libc.h"

struct limits;
struct memory;

/* connect.c */

/** connect(2) under the connect deadline: ETIMEDOUT when it passes on a blocking socket; on a non-blocking one
 * TCP_USER_TIMEOUT is set, so that every way of waiting ends with ETIMEDOUT in SO_ERROR. */
int connect_limited(int fd, const struct sockaddr *to, socklen_t length);

/**
 * Wait for a blocking connect that the kernel gave back to us (EINPROGRESS, as SO_SNDTIMEO makes it).
 *
 * @param begun_ns when it was begun
 * @return 0 connected; -1 with errno: ETIMEDOUT (given up), EINTR (goes on in the kernel), or the connection's error
 */
int connect_wait(int fd, const struct sockaddr *to, socklen_t length, int64_t begun_ns);

/* send.c */

/** A call that sends, in one form for all of them, with what is known from before it. */
struct outgoing {
	int before;                   /**< errno */
	enum {
		WITH_WRITE, WITH_SEND, WITH_SENDTO, WITH_WRITEV, WITH_SENDMSG, WITH_SENDFILE, WITH_SENDFILE64, WITH_SPLICE
	} how;
	uint64_t started;             /**< a clock_stamp() */
	int fd;
	int flags;                    /**< of send(2) or splice(2) */
	union {
		const void *data;
		const struct iovec *parts;
		const struct msghdr *message;
	};
	size_t length;                /**< bytes asked for; of parts and messages they are counted by send_slow() */
	union {
		struct { const struct sockaddr *to; socklen_t to_length; };
		int count;                                                /**< of parts */
		struct { int from; void *offset; off64_t *to_offset; };   /**< offset: off_t, off64_t */
	};
};

/** What a send() or a write() has of it. */
#define OUTGOING_PUSHED offsetof(struct outgoing, to)

/** Whether a send that failed with @p error is one to consider; after any other, what the call was given may be a bad
 * descriptor's bad pointer, and is not to be read. */
static inline bool send_considered(int error)
{
	return error == EAGAIN || error == EINTR || error == EINPROGRESS || error == ECONNRESET || error == EPIPE;
}

/**
 * Take over a send that came back with less than all, or that is NOT_TRIED (route.h).
 *
 * @param result what the real call returned, errno in place
 */
ssize_t send_slow(struct outgoing *o, ssize_t result);

/** send(2) with the parameters of sendto(2), whose address is not looked at. */
ssize_t send_as_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size);

/** Bytes in all @p parts. */
size_t length_of(const struct iovec *parts, size_t count);

/** sendmmsg(2). */
int sendmmsg_limited(int fd, struct mmsghdr *messages, unsigned count, int flags);

/** Before a send with MSG_FASTOPEN, which connects to @p to: arm the socket, so that it comes back to us. */
void send_arm(int fd, const struct sockaddr *to, socklen_t length);

/* receive.c */

/** A receive returned 0 or failed: ETIMEDOUT if there was a verdict; any result: the connection is through. */
ssize_t receive_slow(int fd, ssize_t result, size_t asked);

/** Adopt the sockets that came with a message (SCM_RIGHTS). */
void receive_arm(const struct msghdr *message);

/* wait.c */

/** poll(2), with the timeout as ppoll(2) has it (NULL: for ever) and @p mask NULL for plain poll. */
int poll_limited(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

/** select(2) and pselect(2), likewise; the timeout is not changed. */
int select_limited(int count, fd_set *reads, fd_set *writes, fd_set *excepts, const struct timespec *timeout,
                   const sigset_t *mask);

/** epoll_wait(2) and its kin, for @p timeout_ns (INT64_MAX: for ever); @p precise: through epoll_pwait2(2), which counts
 * in nanoseconds, the others in milliseconds. */
int epoll_limited(int epfd, struct epoll_event *events, int most, int64_t timeout_ns, bool precise,
                  const sigset_t *mask);

/** The socket this thread waited for, for writing alone, before anything else: it is a synchronous writer of it.
 * 0: of none. */
extern __thread uint64_t writer_cookie __attribute__((visibility("hidden"), tls_model("initial-exec")));
/** The descriptor it waited at. */
extern __thread int writer_fd __attribute__((visibility("hidden"), tls_model("initial-exec")));

/* options.c */

int getsockopt_limited(int fd, int level, int option, void *value, socklen_t *length, int before);
/** setsockopt(2) succeeded: a limit of the program's own is respected, "none" is not a limit. */
void setsockopt_noticed(int fd, int level, int option);
/** epoll_ctl(2) succeeded: a loop that waits for room before it sends may never be refused any. */
void epoll_noticed(int operation, int fd, const struct epoll_event *event);
/** fcntl(F_SETFL) or ioctl(FIONBIO) succeeded. */
void blocking_noticed(int fd, bool nonblocking);
/** listen(2) succeeded: accept(2) copies what is set now, so every accepted socket is armed by this. */
void listen_noticed(int fd);
/** accept(2) gave @p fd, and somebody wants to hear of it, or it may be a unix socket. */
void accept_noticed(int fd);
/** @p fd will be written to by stdio, or by a program after exec: arm it for writers we do not wrap. */
void arm_for_stdio(int fd);
/** The covered socket @p fd came from another program, or from a life before exec: what it left is taken off, what is
 * ours is put on. */
void adopt(int fd);
/** @p to is now the same open file as @p from. */
void duplicate_noticed(int from, int to);

#endif
