/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A libc that makes no system call: preloaded behind a library, so that what a call costs is that library's alone.
 *
 * Everything is complete at once. read() and write() are the kernel's until bench_stub_answers is set, because a library
 * may read its settings when it starts.
 */
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

extern bool bench_stub_answers;
bool bench_stub_answers;

ssize_t write(int fd, const void *data, size_t length)
{
	return bench_stub_answers ? (ssize_t)length : syscall(SYS_write, fd, data, length);
}

ssize_t read(int fd, void *room, size_t length)
{
	return bench_stub_answers ? (ssize_t)length : syscall(SYS_read, fd, room, length);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
	(void)fd, (void)data, (void)flags;
	return (ssize_t)length;
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *address, socklen_t size)
{
	(void)fd, (void)data, (void)flags, (void)address, (void)size;
	return (ssize_t)length;
}

ssize_t recv(int fd, void *room, size_t length, int flags)
{
	(void)fd, (void)room, (void)flags;
	return (ssize_t)length;
}

ssize_t recvfrom(int fd, void *room, size_t length, int flags, struct sockaddr *address, socklen_t *size)
{
	(void)fd, (void)room, (void)flags, (void)address, (void)size;
	return (ssize_t)length;
}

static ssize_t sum(const struct iovec *parts, size_t count)
{
	size_t length = 0;
	for (size_t i = 0; i < count; i++)
		length += parts[i].iov_len;
	return (ssize_t)length;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	(void)fd, (void)flags;
	return sum(message->msg_iov, message->msg_iovlen);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	(void)fd;
	return sum(parts, (size_t)count);
}

int poll(struct pollfd *waits, nfds_t count, int timeout_ms)
{
	(void)timeout_ms;
	for (nfds_t i = 0; i < count; i++)
		waits[i].revents = POLLIN;
	return (int)count;
}
