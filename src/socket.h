/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What the kernel knows of a socket, and what we ask it to remember.
 *
 * Every function here is one to a few system calls, async-signal-safe, and may change errno. None remembers anything
 * itself: the truth about a socket is in the kernel, where every process that holds it finds the same.
 */
#ifndef SNDTIMEO_SOCKET_H
#define SNDTIMEO_SOCKET_H

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "destination.h"
#include "limits.h"

/** Points to 0 where another thread may be refused a send: there are other threads, or may be (musl does not tell), and
 * socket_covered() has said yes in this process. */
extern _Atomic(const char *) socket_only_thread __attribute__((visibility("hidden")));

/** Whether unix stream sockets are covered, too, because a rule names one (the others have no limits then). Set at start,
 * as the next. */
extern bool socket_unix_covered __attribute__((visibility("hidden")));
/** Dry run: everything here that would change a socket does nothing instead, and says that it failed. */
extern bool socket_hands_off __attribute__((visibility("hidden")));

/** Whether the limits cover @p fd: a SOCK_STREAM socket of IPPROTO_TCP or IPPROTO_MPTCP, whatever its family, or a unix
 * one (see above). */
bool socket_covered(int fd);
/** It said yes, or would: of a socket that has an option which only such sockets have. */
void socket_seen(void);

/** Whether it is a unix stream socket. */
bool socket_is_unix(int fd);

/** The address it is connected to, or connects to, also after the connection broke. */
struct destination socket_peer(int fd);
/** Its own. */
struct destination socket_local(int fd);

/** The number the kernel gives a socket for life (SO_COOKIE); false: not a socket, or the kernel does not say. */
bool socket_cookie(int fd, uint64_t *cookie);

/** Whether O_NONBLOCK is set; false also if that cannot be known. */
bool socket_nonblocking(int fd);

/** Wait until @p room has room (POLLOUT) or is broken, as ppoll(2) would. A process that may have no descriptors
 * (RLIMIT_NOFILE 0, as vsftpd and OpenSSH set it for children that talk to the network) is refused even one by poll(2);
 * there it is asked in another way, which says POLLOUT of what is broken as well. */
int socket_await(struct pollfd *room, const struct timespec *timeout, const sigset_t *mask);

/** Whether @p fd would be writable (or broken) right now. */
bool socket_writable(int fd);

/** Bytes of input the program has not read yet (SIOCINQ), 0 if unknown. */
int socket_unread(int fd);

/** Bytes that are not acknowledged, or that the other end of a unix socket has not read (SIOCOUTQ), 0 if unknown. */
int socket_unacknowledged(int fd);

/** What TCP_INFO, and MPTCP_INFO for an MPTCP socket, say of a connection; SIOCOUTQ for a unix socket. */
struct look {
	bool connecting;        /**< SYN-SENT or SYN-RECEIVED */
	bool closed;            /**< CLOSED: not connected yet, or no more */
	bool established;       /**< a connection data can be sent on: ESTABLISHED or CLOSE-WAIT */
	bool outstanding;       /**< bytes handed over and not acknowledged */
	uint64_t progress;      /**< changes if and only if the peer acknowledged bytes or moved its window */
	int64_t last_ack_ns;    /**< time since the last acknowledgement of any kind; progress is not younger than that */
	uint32_t window;        /**< send window, bytes */
	uint32_t segment;       /**< largest segment, bytes */
	uint32_t in_flight;     /**< segments sent and not acknowledged */
	uint32_t retransmits;   /**< timeouts of the segment now being sent again, or of the window probe */
	bool undisturbed;       /**< nothing is held to be lost, and nothing was sent again */
	bool lost;              /**< the retransmission timer has run out since the last acknowledgement */
	int64_t last_sent_ns;   /**< time since data was sent for the first time, not again */
	int64_t rto_ns;         /**< the retransmission timer (RFC 6298), doubled each time it runs out */
	int64_t rtt_ns;         /**< round trip, smoothed */
	uint64_t acked;         /**< bytes the peer ever acknowledged; 0 over a unix socket */
	int64_t busy_ns;        /**< time that anything was outstanding, all in all; 0 if unknown */
	int64_t last_heard_ns;  /**< time since data came in; last_ack_ns, if less */
	uint32_t state;         /**< as in include/net/tcp_states.h */
	bool is_unix;
};

/** Whether @p fd is a connected TCP socket: all that TCP_INFO is asked for where a whole look is not needed. */
bool socket_established(int fd);

/** Look at a connection; false if @p fd is no TCP or MPTCP socket, nor a connected unix one that is covered. */
bool socket_look(int fd, struct look *look);

/* SO_SNDTIMEO. A value of ours is told from a program's by its milliseconds: 27 after a whole tenth of a second, also
 * once the kernel has rounded it up to its tick. So a second program that inherits the socket can tell, too. */

/** The send timeout of the socket in microseconds, 0: none; false if it cannot be had. */
bool socket_send_timeout(int fd, int64_t *us);
/** Set it; @p us is rounded up to the kernel's tick. */
bool socket_set_send_timeout(int fd, int64_t us);
/** Whether a value that was read back is one that we set. */
bool send_timeout_ours(int64_t us);
/** The kernel's tick, as a value of our mark tells that was read back. */
int64_t socket_tick_ns(int64_t us);
/** How long a blocking call may sit in the kernel before we look for progress ourselves, in microseconds and of our
 * mark: a twentieth of @p limit_ms. */
int64_t send_timeout_slice_us(int32_t limit_ms);
/** The same for a send under these limits; 0 if none is for sends. */
int64_t send_timeout_for(const struct limits *limits);

/** Arm a covered socket, so that a blocking send comes back to us in time: SO_SNDTIMEO, unless the program set its
 * own; off again if the limits have nothing for sends. Nothing happens to any other descriptor. */
void socket_arm(int fd, const struct limits *limits);

/**
 * Arm a covered socket for writers we cannot wrap, as glibc's stdio: the whole limit as SO_SNDTIMEO, and a
 * TCP_NOTSENT_LOWAT that lets a slow peer make room in time.
 *
 * @return whether it was a covered socket whose SO_SNDTIMEO is ours
 */
bool socket_arm_stdio(int fd, const struct limits *limits);

/* TCP_USER_TIMEOUT. While a non-blocking connect is under way it is our means; ours ends in 3 ms. */

/** The socket's TCP_USER_TIMEOUT in ms; false for anything but TCP (MPTCP has none). */
bool socket_user_timeout(int fd, int *ms);
bool socket_set_user_timeout(int fd, int ms);
bool user_timeout_ours(int ms);
/** The value that stands for a limit: the next one of our mark, less than 10 ms above it; 0 for 0. */
int user_timeout_for(int32_t limit_ms);

/** An established, or listening, socket: unless the program has a TCP_USER_TIMEOUT, it gets SNDTIMEO_UNACKED's, or what is
 * ours is taken off if there is none. */
void socket_arm_unacked(int fd, const struct limits *limits);

/** connect(2) to AF_UNSPEC: the kernel gives up what is under way, resets what is established, and wakes everyone who
 * waits, with POLLERR and POLLHUP. The socket can be connected anew. */
bool socket_give_up(int fd);

/** Reset a connection: every holder finds it as after a reset from the peer. */
bool socket_reset(int fd);

/** Take the error off that the socket would report next. */
void socket_take_error(int fd);

/**
 * A verdict: this connection is over, and the kernel is told so that every holder of the socket finds out. Closing
 * resets it from now on (SO_LINGER {1,0}); SO_SNDTIMEO becomes 5 ms, and both together are the mark that
 * socket_ended() reads. Then, if no input waits to be read, the connection is reset on the spot; otherwise its
 * receiving side is shut down, so that readers get what is there and an end after it.
 */
void socket_end(int fd);

/** Whether the socket bears the mark of a verdict. */
bool socket_ended(int fd);

/** Take the mark off a socket that is going to be connected anew. */
void socket_revive(int fd);

#endif
