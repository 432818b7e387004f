/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where a connection leads, in one form for rules, log lines and the summary.
 */
#ifndef SNDTIMEO_DESTINATION_H
#define SNDTIMEO_DESTINATION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"

/** All zero: unknown. Two are the same if all their bytes are. */
struct destination {
	enum {
		DESTINATION_UNKNOWN,
		DESTINATION_IPV4,   /**< also where it came as an IPv4-mapped IPv6 address */
		DESTINATION_IPV6,
		DESTINATION_UNIX,
	} kind;
	uint16_t port;              /**< in host order; 0 for unix */
	bool abstract;              /**< unix: the name is abstract (unix(7)); path has it without its NUL */
	union {
		char path[sizeof ((struct sockaddr_un *)0)->sun_path + 1];   /**< filled up with NULs; "": unnamed */
		uint8_t address[16];    /**< in network order; IPv4 in the first four */
	};
};

/** Read an address as connect(2) takes it and getpeername(2) gives it; unknown if it is none of ours, or NULL.
 * Async-signal-safe, as all here. */
struct destination destination_of(const struct sockaddr *address, socklen_t length);

/** IN6_IS_ADDR_V4MAPPED(), which in a build without optimization is a call of htonl() in some libc. */
bool destination_is_mapped(const struct in6_addr *address);

bool destination_same(const struct destination *one, const struct destination *other);

/** Append it as people write it: "192.0.2.7:443", "[2001:db8::7]:443", "unix:/run/app.sock", "unix:@abstract",
 * "an unnamed unix socket", "an unknown peer". */
void text_add_destination(struct text *t, const struct destination *destination);

#endif
