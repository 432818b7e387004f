/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A library (libearly.so) whose constructor uses sockets, for rule 2: preloaded behind ours it is initialised
 * before ours, and the wrappers must work already.
 */
#include "early.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* Public: the tester finds it by name. The last stays zero and ends the list. */
__attribute__((visibility("default"))) struct early_result early_results[16];

static int n_results;

static void keep(const char *name, long value)
{
	early_results[n_results++] = (struct early_result){ name, value < 0 ? -errno : value };
}

static void use_pair(void)
{
	int ends[2];
	char byte;

	keep("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	struct pollfd writable = { .fd = ends[0], .events = POLLOUT };

	keep("poll", poll(&writable, 1, 1000));
	keep("send", send(ends[0], "12", 2, 0));
	keep("write", write(ends[0], "345", 3));
	keep("read", read(ends[1], &byte, 1));
	close(ends[0]);
	close(ends[1]);
}

/* A connection to ourselves: the whole way, connect to send, with the limits' covered kind of socket. */
static void use_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, size) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		return;
	keep("refused", connect(client, (struct sockaddr *)&address, size));
	keep("listen", listen(listener, 1));
	keep("connect", connect(client, (struct sockaddr *)&address, size));
	keep("tcp_send", send(client, "123", 3, 0));
	close(client);
	close(listener);
}

/* ---- any call as the first --------------------------------------------------------------------------------------- */

ssize_t __read_chk(int fd, void *data, size_t length, size_t size);
ssize_t __recv_chk(int fd, void *data, size_t length, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t length, size_t size, int flags, struct sockaddr *from,
		       socklen_t *from_length);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t size);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments);

/* What the calls work on: six bytes wait in `ends[1]`, `pipe[0]` and `file`. */
static struct {
	int ends[2], pipe[2], file, epoll;
	char bytes[16];
	struct iovec parts[2];
	struct mmsghdr message;
	struct pollfd polled;
	fd_set set;
	struct sockaddr_un address;
	socklen_t size;
	struct epoll_event event;
} on;

static void prepare(void)
{
	(void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, on.ends);
	(void)!pipe2(on.pipe, O_CLOEXEC);
	on.file = memfd_create("early", MFD_CLOEXEC);
	on.epoll = epoll_create1(EPOLL_CLOEXEC);
	syscall(SYS_write, on.ends[0], "abcdef", 6);
	syscall(SYS_write, on.pipe[1], "abcdef", 6);
	syscall(SYS_pwrite64, on.file, "abcdef", 6, (off_t)0);
	on.parts[0] = (struct iovec){ on.bytes, 2 };
	on.parts[1] = (struct iovec){ on.bytes + 2, 3 };
	on.message.msg_hdr = (struct msghdr){ .msg_iov = on.parts, .msg_iovlen = 2 };
	on.polled = (struct pollfd){ .fd = on.ends[1], .events = POLLIN | POLLOUT };
	FD_SET(on.ends[1], &on.set);
	on.address.sun_family = AF_UNIX;
	on.size = sizeof on.address;
	on.event.events = EPOLLIN;
	syscall(SYS_epoll_ctl, on.epoll, EPOLL_CTL_ADD, on.ends[1], &on.event);
}

__attribute__((format(printf, 2, 3))) static long first_vdprintf_of(int checked, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const int printed = checked ? __vdprintf_chk(on.ends[0], 1, format, arguments) :
				      vdprintf(on.ends[0], format, arguments);
	va_end(arguments);
	return printed;
}

#define FIRST(name, call) static long first_##name(void) { return call; }
/* And what it left behind. */
#define FIRST_LEAVES(name, call, left)                                                                             \
	static long first_##name(void)                                                                             \
	{                                                                                                          \
		const long ret = call;                                                                             \
		return ret * 1000 + (left);                                                                        \
	}
#define FIRST_RECEIVES(name, call) FIRST_LEAVES(name, call, on.bytes[0] + on.bytes[ret > 0 ? ret - 1 : 0])
#define HERE (struct sockaddr *)&on.address
#define MOMENT (&(struct timespec){ 0, 1000000 })

FIRST(connect, connect(on.ends[0], HERE, 2))
FIRST(listen, listen(on.ends[0], 1))
FIRST(close, close(on.pipe[1]))
FIRST_LEAVES(getpeername, getpeername(on.ends[0], HERE, &on.size), on.size)
FIRST(send, send(on.ends[0], "12345", 5, 0))
FIRST(sendto, sendto(on.ends[0], "12345", 5, MSG_DONTWAIT, NULL, 0))
FIRST(sendmsg, sendmsg(on.ends[0], &on.message.msg_hdr, 0))
FIRST_LEAVES(sendmmsg, sendmmsg(on.ends[0], &on.message, 1, 0), on.message.msg_len)
FIRST(write, write(on.ends[0], "12345", 5))
FIRST(writev, writev(on.ends[0], on.parts, 2))
FIRST(sendfile, sendfile(on.ends[0], on.file, &(off_t){ 1 }, 4))
FIRST(sendfile64, sendfile64(on.ends[0], on.file, &(off64_t){ 2 }, 9))
FIRST(splice, splice(on.pipe[0], NULL, on.ends[0], NULL, 3, 0))
FIRST_RECEIVES(recv, recv(on.ends[1], on.bytes, 3, MSG_PEEK))
FIRST_RECEIVES(recvfrom, recvfrom(on.ends[1], on.bytes, 3, 0, HERE, &on.size))
FIRST_RECEIVES(recvmsg, recvmsg(on.ends[1], &on.message.msg_hdr, 0))
FIRST_RECEIVES(read, read(on.ends[1], on.bytes, 3))
FIRST_RECEIVES(readv, readv(on.ends[1], on.parts, 2))
FIRST_RECEIVES(__recv_chk, __recv_chk(on.ends[1], on.bytes, 3, sizeof on.bytes, MSG_PEEK))
FIRST_RECEIVES(__recvfrom_chk, __recvfrom_chk(on.ends[1], on.bytes, 3, sizeof on.bytes, 0, NULL, NULL))
FIRST_RECEIVES(__read_chk, __read_chk(on.ends[1], on.bytes, 3, sizeof on.bytes))
FIRST_LEAVES(poll, poll(&on.polled, 1, 1000), on.polled.revents)
FIRST_LEAVES(ppoll, ppoll(&on.polled, 1, MOMENT, NULL), on.polled.revents)
FIRST_LEAVES(__poll_chk, __poll_chk(&on.polled, 1, 1000, sizeof on.polled), on.polled.revents)
FIRST_LEAVES(__ppoll_chk, __ppoll_chk(&on.polled, 1, MOMENT, NULL, sizeof on.polled), on.polled.revents)
FIRST(select, select(on.ends[1] + 1, NULL, &on.set, NULL, NULL))
FIRST(pselect, pselect(on.ends[1] + 1, &on.set, NULL, NULL, MOMENT, NULL))
FIRST(epoll_ctl, epoll_ctl(on.epoll, EPOLL_CTL_DEL, on.ends[1], NULL))
FIRST(epoll_wait, epoll_wait(on.epoll, &on.event, 1, 1000))
FIRST(epoll_pwait, epoll_pwait(on.epoll, &on.event, 1, -1, NULL))
FIRST(epoll_pwait2, epoll_pwait2(on.epoll, &on.event, 1, MOMENT, NULL))
FIRST_LEAVES(getsockopt, getsockopt(on.ends[0], SOL_SOCKET, SO_TYPE, on.bytes, &on.size), on.bytes[0])
FIRST(setsockopt, setsockopt(on.ends[0], SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int)))
FIRST_LEAVES(fcntl, fcntl(on.ends[0], F_SETFL, O_NONBLOCK), (int)syscall(SYS_fcntl, on.ends[0], F_GETFL, 0))
FIRST(fcntl64, fcntl64(on.file, F_GETFL))
FIRST_LEAVES(ioctl, ioctl(on.ends[1], FIONREAD, on.bytes), on.bytes[0])
FIRST(dup, dup(on.file))
FIRST(dup2, dup2(on.file, 77))
FIRST_LEAVES(dup3, dup3(on.file, 78, O_CLOEXEC), (int)syscall(SYS_fcntl, 78, F_GETFD))
FIRST(fdopen, fileno(fdopen(on.file, "r")))
FIRST(dprintf, dprintf(on.ends[0], "%d %s", 12345, "early"))
FIRST(vdprintf, first_vdprintf_of(0, "%d %s", 12345, "early"))
FIRST(__dprintf_chk, __dprintf_chk(on.ends[0], 1, "%d %s", 12345, "early"))
FIRST(__vdprintf_chk, first_vdprintf_of(1, "%d %s", 12345, "early"))

static void call_first(const char *name)
{
	static const struct {
		const char *name;
		long (*call)(void);
	} calls[] = {
#define ENTRY(name) { #name, first_##name },
		EARLY_FIRST(ENTRY)
#undef ENTRY
	};

	prepare();
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			keep("first", calls[i].call());
}

__attribute__((constructor)) static void start_early(void)
{
	const char *first = getenv(EARLY_FIRST_VARIABLE);

	if (first) {
		call_first(first);
		return;
	}
	use_pair();
	use_tcp();
}
