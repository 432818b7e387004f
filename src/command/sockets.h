/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The sockets of another process that limits can cover, and what the kernel says of each.
 *
 * Asked through a duplicate of the descriptor, so that the network namespace does not matter. Where that is refused,
 * the kernel's table of TCP sockets says a part of it.
 */
#ifndef SNDTIMEO_SOCKETS_H
#define SNDTIMEO_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection/look.h"
#include "outside/process.h"
#include "limits/destination.h"

/** As in include/net/tcp_states.h. */
enum socket_state {
	SOCKET_ESTABLISHED = 1,
	SOCKET_SYN_SENT,
	SOCKET_SYN_RECEIVED,
	SOCKET_FIN_WAIT_1,
	SOCKET_FIN_WAIT_2,
	SOCKET_TIME_WAIT,
	SOCKET_CLOSED,
	SOCKET_CLOSE_WAIT,
	SOCKET_LAST_ACK,
	SOCKET_LISTEN,
	SOCKET_CLOSING,
	SOCKET_NEW_SYN_RECEIVED,
	SOCKET_STATES,
};

struct socket_facts {
	int fd; /**< the lowest one in the process */
	bool asked; /**< false: only state, addresses and unacknowledged bytes are known */
	uint64_t number; /**< its cookie, if it was asked, else its inode */
	enum socket_state state;
	struct destination peer, local;
	int64_t unacknowledged;
	bool outstanding;
	bool nonblocking;
	bool ended;              /**< it had its verdict */
	int64_t send_timeout_us; /**< the program's own; 0: none */
	bool has_user_timeout;   /**< MPTCP and unix sockets have none */
	int user_timeout_ms;     /**< 0: the kernel's own */
	bool is_unix;
	bool has_traffic;        /**< what follows is known: it is a TCP connection, and the kernel says all of it */
	bool is_mptcp;           /**< ... but what is in flight, and look.acked counts from a number of its own */
	struct look look;
	uint32_t retransmitted;  /**< segments sent again, ever */
};

struct sockets {
	struct socket_facts *all; /**< by fd; allocated */
	size_t count;
	int list_error;      /**< why the descriptors could not be listed; 0: they were */
	int duplicate_error; /**< why some could not be duplicated; 0: all were */
};

/** @param with_unix whether unix stream sockets are covered, too */
struct sockets sockets_of(const struct process *process, bool with_unix);

/** Bytes of a connection with traffic that were sent and are not acknowledged; -1: it is not known, */
int64_t sockets_in_flight(const struct socket_facts *facts);
/** and that wait for the window, or for room in the network. */
int64_t sockets_not_sent(const struct socket_facts *facts);

#endif
