/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The slow path of everything that receives: after a verdict an end of input is a time-out.
 */
#include <errno.h>
#include <string.h>

#include "deadline.h"
#include "memory.h"
#include "place.h"
#include "slow.h"
#include "socket.h"
#include "start.h"

ssize_t receive_slow(int fd, ssize_t result, size_t asked)
{
	/* Of a call that succeeded: as it was before. */
	const int error = errno;
	if (!active)
		return result;
	if (memory_hinted(fd))
		connect_learn(fd);
	if (result < 0 && error == ETIMEDOUT)
		unacked_passed(fd);
	/* What a connection that was reset, or shut down for reading, answers. */
	if ((result == 0 && asked) || (result < 0 && (error == ECONNRESET || error == ENOTCONN || error == EPIPE))) {
		if (socket_ended(fd)) {
			/* All input is read: now it can be reset. */
			struct memory *m = memory_at(fd);
			if (memory_has(m, MEMORY_LINGERING)) {
				memory_clear(m, MEMORY_LINGERING);
				socket_reset(fd);
			}
			errno = ETIMEDOUT;
			return -1;
		}
	}
	errno = error;
	return result;
}

void receive_arm(const struct msghdr *message)
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
			if (socket_covered(fd))
				adopt(fd);
		}
	}
	errno = before;
}
