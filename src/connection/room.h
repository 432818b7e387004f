/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What room a socket's buffers have (SO_MEMINFO), for TCP over IPv4 and IPv6. Everything here is async-signal-safe.
 */
#ifndef SNDTIMEO_ROOM_H
#define SNDTIMEO_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/** Bytes that a blocking sendfile(2) or splice(2) may be given so that it does not wait: half of the free room, 0 if there is
 * none; -1 if that is not known. */
int64_t room_without_wait(int fd);

/** Whether input that nobody reads fills half of the receive buffer, so that the peer may be waiting for us. */
bool room_input_is_full(int fd);

enum room {
	ROOM_ENOUGH,
	ROOM_NONE,     /**< poll(2) does not say that it can be written to; a send may be taken all the same */
	ROOM_UNKNOWN,
};

/** Whether the socket would take more. Unlike poll(2), this leaves no mark on it. @p not_sent: tcpi_notsent_bytes */
enum room room_for_more(int fd, uint32_t not_sent);

#endif
