/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Everything that sends, beyond what is complete at once on a socket that needs no care.
 *
 * All are async-signal-safe, may be left by siglongjmp() or cancellation while they wait, and report as the replaced
 * call would: its result, and errno only on failure.
 */
#ifndef SNDTIMEO_SEND_H
#define SNDTIMEO_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/libc.h"
#include "connection/descriptor.h"

/** A call that sends, in one form for all of them. */
struct outgoing {
	enum {
		WITH_WRITE, WITH_SEND, WITH_SENDTO, WITH_WRITEV, WITH_SENDMSG, WITH_SENDFILE, WITH_SENDFILE64, WITH_SPLICE
	} how;
	int flags;                    /**< of send(2) or splice(2) */
	int fd;
	uint32_t word;                /**< descriptor_word(fd) before the first try */
	int before;                   /**< errno, before it */
	size_t length;                /**< bytes asked for; of parts and messages they are counted after the kernel read them */
	union {
		const void *data;
		const struct iovec *parts;
		const struct msghdr *message;
	};
	union {
		struct { const struct sockaddr *to; socklen_t to_length; };
		int count;                                                /**< of parts */
		struct { int from; void *offset; off64_t *to_offset; };   /**< offset: off_t, off64_t */
	};
};

/** The flags of a first try: it does not wait, and SIGPIPE is raised afterwards where it is due. */
#define TRY_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
/** What makes a first try without a look wrong. */
#define LOOK_FIRST (DESCRIPTOR_NOTICED | DESCRIPTOR_FASTOPEN | DESCRIPTOR_OURS)

/** A send to a descriptor that is not plain: all of it. */
ssize_t send_limited(struct outgoing *o);

/** The rest of a send that was tried with TRY_FLAGS on a descriptor without LOOK_FIRST. @param sent what came of it, errno in
 * place */
ssize_t send_incomplete(struct outgoing *o, ssize_t sent);

/** The call as the program made it. */
ssize_t send_as_made(const struct outgoing *o);

/** sendfile(2) and splice(2) to a descriptor that is not plain. */
ssize_t send_file_limited(struct outgoing *o);

/** sendmmsg(2) to one. */
int sendmmsg_limited(int fd, struct mmsghdr *messages, unsigned count, int flags);

/** As many parts as writev(2) takes (IOV_MAX of the kernel). */
#define SEND_PARTS_MOST 1024u

/** The kernel takes no more than this in one call, whatever it is asked (read(2), NOTES). */
#define CALL_MOST ((size_t)0x7ffff000)

/** Bytes in all @p parts. */
static inline size_t length_of(const struct iovec *parts, size_t count)
{
	size_t length = 0;
	for (size_t i = 0; i < count; i++)
		length += parts[i].iov_len;
	return length;
}

#endif
