/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the kernel knows of a socket, and what we ask it to do.
 *
 * Every function here is one to a few system calls (getsockopt, setsockopt, ioctl, fcntl, getpeername, getsockname, ppoll,
 * connect, shutdown), async-signal-safe, and may change errno. None remembers anything itself: the truth about a socket
 * is in the kernel, where every process that holds it finds the same.
 */
#ifndef SNDTIMEO_SOCKET_H
#define SNDTIMEO_SOCKET_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "connection/look.h"
#include "limits/destination.h"

/* ---- what it is ------------------------------------------------------------------------------------------------------ */

enum socket_kind {
	SOCKET_OTHER,     /**< not covered: no socket, or another one */
	SOCKET_TCP,       /**< SOCK_STREAM of IPPROTO_TCP, whatever its family */
	SOCKET_MPTCP,
	SOCKET_UNIX,      /**< a unix stream socket; covered where a rule names one */
	SOCKET_UNKNOWN,   /**< the kernel does not say: somebody's filter forbids to ask */
};

/** What is at @p fd; keeps nothing of unix sockets apart unless a rule names one (then they are SOCKET_OTHER). */
enum socket_kind socket_kind(int fd);
/** Its flags in its descriptor's word (descriptor.h). */
unsigned socket_flags(enum socket_kind kind);

/** What socket(2) would make of these arguments. */
enum socket_kind socket_kind_of(int domain, int type, int protocol);

/** The number the kernel gives a socket for life (SO_COOKIE); 0: no socket, or the kernel does not say. */
uint64_t socket_cookie(int fd);

/** The address it is connected to, or connects to, also after the connection broke. */
struct destination socket_peer(int fd);
/** Its own. */
struct destination socket_local(int fd);

/** Whether O_NONBLOCK is set; false also if that cannot be known. */
bool socket_nonblocking(int fd);

/* ---- how it is doing --------------------------------------------------------------------------------------------------- */

/** Whether @p fd would be writable (or broken) right now. */
bool socket_writable(int fd);

/** Bytes of input the program has not read yet (SIOCINQ), 0 if unknown. */
int socket_unread(int fd);
/** Bytes that are not acknowledged, or that the other end of a unix socket has not read (SIOCOUTQ), 0 if unknown. */
int socket_unacknowledged(int fd);
/** Whether it is a connected TCP socket: all that TCP_INFO is asked for where a whole look is not needed. */
bool socket_established(int fd);

/** Look at a connection; false if there is none to look at. @p flags: what is known of it, DESCRIPTOR_MPTCP and
 * DESCRIPTOR_UNIX. */
bool socket_look(int fd, unsigned flags, struct look *look);

/* ---- SO_SNDTIMEO ------------------------------------------------------------------------------------------------------- */

/** The send timeout of the socket in microseconds, 0: none; false if it cannot be had. */
bool socket_send_timeout(int fd, int64_t *us);
/** Set it; the kernel rounds @p us up to its tick. */
bool socket_set_send_timeout(int fd, int64_t us);
/** The program's own: not ours for stdio, nor the mark of a verdict, which is told in @p *ended (may be NULL). 0: none. */
int64_t socket_own_send_timeout_us(int fd, bool *ended);

/**
 * Bound writers that we cannot wrap, as glibc's stdio: the whole limit as SO_SNDTIMEO, unless the program set its own
 * or its own TCP_NOTSENT_LOWAT, and one of ours that lets a slow peer make room in time. Its value is the mark by which every process that gets the
 * socket tells that the SO_SNDTIMEO is not the program's.
 */
void socket_arm_stdio(int fd, int32_t limit_ms);
bool socket_stdio_armed(int fd);
/** Take off what the program before has put on, unless it had its verdict or is the parent's, too. */
void socket_leave_stdio(int fd);
/** The program has set a SO_SNDTIMEO of its own, which bounds stdio, too: take the mark off. */
void socket_disarm_stdio(int fd);

/* ---- TCP_USER_TIMEOUT ---------------------------------------------------------------------------------------------------- */

/** The socket's TCP_USER_TIMEOUT in ms; false for anything but TCP (MPTCP has none in older kernels). */
bool socket_user_timeout(int fd, int *ms);
bool socket_set_user_timeout(int fd, int ms);

/* ---- its end --------------------------------------------------------------------------------------------------------------- */

/** connect(2) to AF_UNSPEC: the kernel gives up what is under way, resets what is established, and wakes everyone who
 * waits, with POLLERR and POLLHUP. The socket can be connected anew. */
bool socket_give_up(int fd);

/** Reset a connection: every holder finds it as after a reset from the peer. */
bool socket_reset(int fd);

/** Take the error off that the socket would report next. @return it */
int socket_take_error(int fd);

/**
 * A verdict: this connection is over, and the kernel is told so that every holder of the socket finds out. Closing
 * resets it from now on (SO_LINGER {1,0}); SO_SNDTIMEO becomes a value of some weeks that no program has use for, and both
 * together are the mark that socket_ended() reads. Then, if no input waits to be read, the connection is reset on the
 * spot; otherwise its receiving side is shut down, so that readers get what is there and an end after it.
 */
void socket_end(int fd);

/** Whether the socket bears the mark of a verdict. */
bool socket_ended(int fd);

/** Take the mark off a socket that is going to be connected anew. */
void socket_revive(int fd);

#endif
