/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the program does to a socket apart from sending: options, modes, duplicates, stdio, and how it came by it.
 *
 * What is ours on a socket is not shown to the program, and what it sets is respected. All are async-signal-safe and keep
 * errno, but where they return a result that is -1. Those that end in _noticed are called after the real call succeeded.
 */
#ifndef SNDTIMEO_OPTIONS_H
#define SNDTIMEO_OPTIONS_H

#include <stdbool.h>
#include <sys/epoll.h>

#include "base/libc.h"

/** getsockopt(2) succeeded on what may be a covered socket. */
void getsockopt_noticed(int fd, int level, int option, void *value, socklen_t *length);
/** setsockopt(2) succeeded. */
void setsockopt_noticed(int fd, int level, int option, const void *value, socklen_t length);
/** epoll_ctl(2) succeeded: a loop that waits for room before it sends may never be refused any. */
void epoll_noticed(int epfd, int operation, int fd, const struct epoll_event *event);
/** fcntl(F_SETFL) or ioctl(FIONBIO) succeeded. */
void blocking_noticed(int fd, bool nonblocking);
/** socket(2) made @p fd. */
void socket_noticed(int fd, int domain, int type, int protocol);
/** listen(2) succeeded. */
void listen_noticed(int fd);
/** accept(2) at @p listener gave @p fd. */
void accept_noticed(int listener, int fd, int flags);
/** Whether @p fd had its verdict, so that nothing is to be printed there; with errno, then. */
bool printing_ended(int fd);
/** @p fd will be written to by stdio, or by a program after exec: bound writers we do not wrap. */
void stdio_noticed(int fd);
/** @p fd came from another program, or from a life before exec, or over a unix socket: if it is a covered socket, it has
 * limits from now on. */
void adopt(int fd);
/** A call for sockets alone is about to be made at @p fd: if nothing is known of it, adopt() it. */
void meet(int fd);
/** @p to is now the same open file as @p from. */
void duplicate_noticed(int from, int to);
/** @p fd, which is not plain, is about to be closed by a way of its own: stdio, a range. Nothing happens in a vfork child. */
void closing(int fd);
/** close(2) of what is not plain. */
int close_limited(int fd);
/** close_range(2): nothing of ours in between is closed. */
int close_range_limited(unsigned first, unsigned last, int flags);

#endif
