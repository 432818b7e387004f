/* SPDX-License-Identifier: MIT */
/** @file
 * @brief What room a socket's buffers have (SO_MEMINFO).
 */
#include "connection/room.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/libc.h"

/** What a socket's buffers take and hold (linux/sock_diag.h). */
enum { SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF, SK_MEMINFO_SNDBUF = 3, SK_MEMINFO_WMEM_QUEUED = 5, SK_MEMINFO_MOST = 9 };

static bool memory_of_buffers(int fd, uint32_t memory[SK_MEMINFO_MOST])
{
	memset(memory, 0, SK_MEMINFO_MOST * sizeof *memory);
	socklen_t size = SK_MEMINFO_MOST * sizeof *memory;
	return libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0;
}

bool room_input_is_full(int fd)
{
	uint32_t memory[SK_MEMINFO_MOST];
	return memory_of_buffers(fd, memory) && memory[SK_MEMINFO_RMEM_ALLOC] >= memory[SK_MEMINFO_RCVBUF] / 2;
}

int64_t room_without_wait(int fd)
{
	uint32_t memory[SK_MEMINFO_MOST];
	if (!memory_of_buffers(fd, memory) || !memory[SK_MEMINFO_SNDBUF])
		return -1;
	return memory[SK_MEMINFO_WMEM_QUEUED] < memory[SK_MEMINFO_SNDBUF]
	               ? (memory[SK_MEMINFO_SNDBUF] - memory[SK_MEMINFO_WMEM_QUEUED]) / 2 : 0;
}

/** As sk_stream_is_writeable() has it (include/net/sock.h): a third of the buffer has to be free, and less than
 * TCP_NOTSENT_LOWAT not sent yet. */
enum room room_for_more(int fd, uint32_t not_sent)
{
	uint32_t memory[SK_MEMINFO_MOST];
	int low = 0;
	socklen_t size = sizeof low;
	if (!memory_of_buffers(fd, memory))
		return ROOM_UNKNOWN;
	const uint32_t queued = memory[SK_MEMINFO_WMEM_QUEUED], buffer = memory[SK_MEMINFO_SNDBUF];
	if (queued >= buffer || buffer - queued < queued / 2)
		return ROOM_NONE;
	if (libc.getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, &size) == 0 && low > 0 && not_sent >= (uint32_t)low)
		return ROOM_NONE;
	return ROOM_ENOUGH;
}
