/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Misbehaving TCP peers, each a thread of the test that starts it (or of serve.c, at the far end of a link).
 *
 * Everything here ends the test process with a message if the machine refuses something (no socket, no port).
 */
#ifndef SNDTIMEO_TESTS_PEER_H
#define SNDTIMEO_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** What a peer does once it has read `stop_bytes`. */
enum peer_stop {
	PEER_READS_ON,   /**< nothing special: it reads until the connection ends */
	PEER_STALLS,     /**< reads no more, until peer_resume() */
	PEER_RESETS,     /**< resets the connection */
	PEER_CLOSES,     /**< closes the connection in good order, once its input is drained for the moment */
};

/** How a peer behaves. All zero is a healthy one: it reads as fast as it can until the connection ends. */
struct peer_script {
	int family;              /**< AF_INET (also when 0) or AF_INET6 */
	const char *address;     /**< IPv4, instead of loopback; NULL: loopback */
	unsigned port;           /**< 0: of the kernel's choice */
	bool mptcp;              /**< speaks it; the test is aborted if the kernel does not */
	int rcvbuf_bytes;        /**< SO_RCVBUF of its socket; 0: the kernel's own */
	int mss_bytes;           /**< TCP_MAXSEG of its socket, because loopback's 64 KB segments hide small windows; 0: off */
	int start_ms;            /**< waits so long after accepting before its first read */
	size_t chunk_bytes;      /**< reads so much, then waits `pause_ms`; 0: no pauses */
	int pause_ms;
	enum peer_stop stop;     /**< what it does after `stop_bytes` */
	size_t stop_bytes;
	size_t greeting_bytes;   /**< sends so many bytes of the pattern as soon as it has accepted */
	bool says_no_more;       /**< ends its own side in good order, at once, and goes on reading */
	int talk_ms;             /**< sends one byte every so many milliseconds, whatever it reads; 0: silent */
};

/** How a peer's connection ended. */
enum peer_end {
	PEER_NOT_ENDED,   /**< it was still open when the test stopped watching, or never accepted */
	PEER_SAW_EOF,     /**< a clean end of file: whatever was sent looks complete to the peer */
	PEER_SAW_RESET,   /**< ECONNRESET */
	PEER_SAW_OTHER,   /**< another error */
	PEER_ENDED_IT,    /**< the peer itself reset or closed the connection */
};

struct peer_report {
	uint64_t bytes;      /**< what it read */
	bool in_pattern;     /**< whether that was byte for byte what a sender of pattern.h sends */
	enum peer_end end;
};

struct peer;

/** Listen, and serve one connection as @p script says, in a thread of its own. */
struct peer *peer_start(const struct peer_script *script);
/** @return the port it listens on, on 127.0.0.1 or ::1. */
unsigned peer_port(const struct peer *peer);
/** From now on read everything at full speed, whatever the script said. */
void peer_resume(struct peer *peer);
/**
 * Wait at most @p wait_ms for the connection to end, then stop the peer and free it.
 * @return what it saw.
 */
struct peer_report peer_finish(struct peer *peer, int wait_ms);

/**
 * An address that never answers, without root: a listener whose accept queue is full, so that the kernel drops every
 * further SYN.
 */
struct blackhole;

/** @param family AF_INET or AF_INET6 */
struct blackhole *blackhole_start(int family);
unsigned blackhole_port(const struct blackhole *hole);
/** From now on it answers. */
void blackhole_open(struct blackhole *hole);
/** The same, @p ms from now. */
void blackhole_open_after(struct blackhole *hole, int ms);
/** Read to its end what connected since. @return how many bytes; -1: it did not end in good order, or there was none */
int64_t blackhole_read(struct blackhole *hole);
void blackhole_finish(struct blackhole *hole);

/** @return a port of loopback's @p family that refuses connections; it stays taken until the process ends. */
unsigned refusing_port(int family);

#endif
