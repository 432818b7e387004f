/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What was seen of a connection at one moment: a plain struct, whoever looked and from where.
 */
#ifndef SNDTIMEO_LOOK_H
#define SNDTIMEO_LOOK_H

#include <stdbool.h>
#include <stdint.h>

/** What TCP_INFO, and MPTCP_INFO for an MPTCP socket, say of a connection; SIOCOUTQ where they say less, and for a unix
 * socket. */
struct look {
	bool connecting;        /**< SYN-SENT or SYN-RECEIVED */
	bool closed;            /**< CLOSED: not connected yet, or no more */
	bool established;       /**< a connection data can be sent on: ESTABLISHED or CLOSE-WAIT */
	bool outstanding;       /**< bytes handed over and not acknowledged */
	bool partial;           /**< the kernel says less than it should: progress is SIOCOUTQ falling, or nothing */
	bool is_unix;
	bool undisturbed;       /**< nothing is held to be lost, and nothing was sent again */
	bool has_timestamps;    /**< RFC 7323: each acknowledgement of new data sets the timer back, and what doubles it */
	bool lost;              /**< the retransmission timer has run out since the last acknowledgement */
	uint64_t progress;      /**< changes if and only if the peer acknowledged bytes or moved its window */
	int64_t last_ack_ns;    /**< time since the last acknowledgement of any kind; progress is not younger than that */
	uint32_t window;        /**< send window, bytes */
	uint32_t segment;       /**< largest segment, bytes */
	uint32_t in_flight;     /**< segments sent and not acknowledged */
	uint32_t not_sent;      /**< bytes handed over and not sent for the first time */
	uint32_t probes;        /**< window probes that were not answered */
	uint32_t retransmits;   /**< timeouts of the segment now being sent again, or of the window probe */
	int64_t last_sent_ns;   /**< time since data was sent for the first time, not again */
	int64_t rto_ns;         /**< the retransmission timer (RFC 6298), doubled each time it runs out */
	int64_t rtt_ns;         /**< round trip, smoothed */
	uint64_t acked;         /**< bytes the peer ever acknowledged; 0 over a unix socket */
	int64_t busy_ns;        /**< time that anything was outstanding, all in all; 0 if unknown */
	int64_t shut_ns;        /**< time that the peer's window held bytes back, all in all; 0 if unknown */
	int64_t last_heard_ns;  /**< time since data came in; last_ack_ns, if less */
	uint32_t state;         /**< as in include/net/tcp_states.h */
};

#endif
