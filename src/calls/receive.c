/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What a receive that is not plain tells: after a verdict an end of input is a time-out.
 */
#include "calls/receive.h"

#include <errno.h>
#include <string.h>

#include "calls/options.h"
#include "connection/connection.h"
#include "connection/deadline.h"
#include "connection/socket.h"
#include "limits/configured.h"

/** All input is read: now it can be reset. */
static void reset_lingering(int fd)
{
	struct connection c;
	connection_open(&c, fd, descriptor_word(fd), 0);
	if (memory_has(c.memory, MEMORY_LINGERING) && connection_hold(&c)) {
		memory_clear(c.memory, MEMORY_LINGERING);
		socket_reset(connection_at(&c));
	}
	connection_release(&c);
}

ssize_t receive_limited(int fd, ssize_t result, size_t asked)
{
	/* Of a call that succeeded: as it was before. */
	const int error = errno;
	if (!active)
		return result;
	if (descriptor_has(fd, DESCRIPTOR_NOTICED))
		deadline_learn(fd);
	if (result < 0 && error == ETIMEDOUT)
		connection_unacked_passed(fd);
	/* What a connection that was reset, or shut down for reading, answers. */
	const bool over = result < 0 ? error == ECONNRESET || error == ENOTCONN || error == EPIPE : result == 0 && asked;
	if (over && socket_ended(fd)) {
		reset_lingering(fd);
		errno = ETIMEDOUT;
		return -1;
	}
	/* A file took the number over. */
	if (result < 0 && error == ENOTSOCK)
		connection_not_covered(fd, descriptor_word(fd));
	errno = error;
	return result;
}

void receive_rights(const struct msghdr *message)
{
	const int before = errno;
	/* Not CMSG_NXTHDR(), which may be a function of glibc's. The kernel wrote these, and each is whole. */
	const char *at_header = message->msg_control, *const end = at_header + message->msg_controllen;
	while (active && (size_t)(end - at_header) >= sizeof(struct cmsghdr)) {
		const struct cmsghdr *c = (const struct cmsghdr *)at_header;
		if (c->cmsg_len < sizeof *c || c->cmsg_len > (size_t)(end - at_header))
			break;
		at_header += CMSG_ALIGN(c->cmsg_len) < (size_t)(end - at_header) ? CMSG_ALIGN(c->cmsg_len)
		                                                                 : (size_t)(end - at_header);
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
			adopt(fd);
		}
	}
	errno = before;
}
