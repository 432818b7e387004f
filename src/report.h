/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One line for every event, in one write(2), to a place that is never disturbed by it.
 */
#ifndef SNDTIMEO_REPORT_H
#define SNDTIMEO_REPORT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct look;

/** Remember the program's name, once, before any report. */
void report_start(void);

/** Write @p line and a newline to standard error, if that can take it at once; a socket is not written to, because its
 * peer may be reading a protocol. Async-signal-safe, never waits, raises no SIGPIPE, leaves errno alone. */
void report_line(const char *line);

/** A connect deadline has passed: to @p peer (NULL: unknown), after @p waited_ms. Nothing is said if the log is off. */
void report_connect(const struct sockaddr_in6 *peer, int64_t waited_ms);

/**
 * A send timed out. Nothing is said if the log is off.
 *
 * @param look the connection as it was found
 * @param waited_ms time without progress
 * @param accepted, asked bytes of the call; asked 0: a wait, not a call
 */
void report_send(int fd, const struct look *look, int64_t waited_ms, uint64_t accepted, uint64_t asked);

#endif
