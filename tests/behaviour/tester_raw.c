/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's steps that go past the library: sockets that it never saw made, writes that it never sees, and
 * kernels that do not answer what it asks.
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../peers/pattern.h"
#include "tester.h"

#define CHUNK_BYTES 65536

static void take_raw(struct slot *slot, long fd, int family)
{
	if (fd < 0)
		die("no descriptor: %s", strerror(errno));
	*slot = (struct slot){ .fd = (int)fd, .family = family, .sent = calloc(1, sizeof *slot->sent) };
}

/* rawsock tcp4|tcp6: a socket made past the library */
void step_rawsock(struct step *step)
{
	const int family = strcmp(word(step, 0), "tcp6") == 0 ? AF_INET6 : AF_INET;

	take_raw(slot_of(step), syscall(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, 0), family);
}

/* rawconnect PORT: connected past the library */
void step_rawconnect(struct step *step)
{
	struct slot *slot = slot_of(step);
	struct sockaddr_storage address;
	const socklen_t size = loopback(&address, slot->family, (unsigned)number_word(step, 0));

	report(step, "ret", syscall(SYS_connect, slot->fd, &address, size));
}

/* ---- descriptors that come from elsewhere ------------------------------------------------------------------------ */

struct envelope {
	char byte;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

static void fill_envelope(struct envelope *envelope, struct msghdr *message)
{
	*envelope = (struct envelope){ .iov = { &envelope->byte, 1 } };
	*message = (struct msghdr){ .msg_iov = &envelope->iov, .msg_iovlen = 1, .msg_control = envelope->control,
				    .msg_controllen = sizeof envelope->control };
}

/* Sent past the library: the receiver's side alone is to be seen. */
static void post(int fd, int through)
{
	struct envelope envelope;
	struct msghdr message;

	fill_envelope(&envelope, &message);
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	*rights = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) };
	memcpy(CMSG_DATA(rights), &fd, sizeof fd);
	if (syscall(SYS_sendmsg, through, &message, 0) != 1)
		die("sendmsg: %s", strerror(errno));
}

static int receive(int through, const char *by)
{
	struct envelope envelope;
	struct mmsghdr messages[1] = { 0 };
	int fd = -1;

	fill_envelope(&envelope, &messages->msg_hdr);
	const long received = strcmp(by, "recvmmsg") == 0
				      ? recvmmsg(through, messages, 1, MSG_CMSG_CLOEXEC, NULL)
				      : recvmsg(through, &messages->msg_hdr, MSG_CMSG_CLOEXEC);
	struct cmsghdr *rights = CMSG_FIRSTHDR(&messages->msg_hdr);

	if (received != 1 || !rights)
		die("%s: %s", by, strerror(errno));
	memcpy(&fd, CMSG_DATA(rights), sizeof fd);
	return fd;
}

static int by_message(int fd, const char *by)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		die("socketpair: %s", strerror(errno));
	post(fd, ends[0]);
	fd = receive(ends[1], by);
	close(ends[0]);
	close(ends[1]);
	return fd;
}

static long by_pidfd(int fd)
{
	const long pidfd = syscall(SYS_pidfd_open, getpid(), 0), got = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	syscall(SYS_close, pidfd);
	return got;
}

/* hand SLOT recvmsg|recvmmsg|pidfd|dup: the descriptor again in slot SLOT; the first is closed past the library */
void step_hand(struct step *step)
{
	const struct slot from = *slot_of(step);
	struct slot *to = numbered_slot((int)number_word(step, 0));
	const char *by = word(step, 1);
	long fd;

	if (strcmp(by, "pidfd") == 0)
		fd = by_pidfd(from.fd);
	else if (strcmp(by, "dup") == 0)
		fd = syscall(SYS_dup, from.fd);
	else
		fd = by_message(from.fd, by);
	report(step, "ret", fd < 0 ? -errno : 0);
	if (fd < 0)
		return;
	take_raw(to, fd, from.family);
	syscall(SYS_close, from.fd);
}

/* ---- writes that nobody sees ------------------------------------------------------------------------------------- */

static ssize_t by_aio(int fd, void *bytes, size_t size)
{
	struct aiocb block = { .aio_fildes = fd, .aio_buf = bytes, .aio_nbytes = size };
	const struct aiocb *list[] = { &block };

	if (aio_write(&block))
		return -1;
	while (aio_error(&block) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	errno = aio_error(&block);
	return aio_return(&block);
}

/* What a program without our library writes, as static ones and set-user-ID ones are. */
static ssize_t by_program(int fd, size_t size)
{
	char count[32];
	int status = -1;
	pid_t made;

	snprintf(count, sizeof count, "%zu", size);
	made = fork();
	if (made == 0) {
		syscall(SYS_dup3, fd, STDOUT_FILENO, 0);
		unsetenv("LD_PRELOAD");
		execlp("head", "head", "-c", count, "/dev/zero", (char *)NULL);
		_exit(127);
	}
	if (made < 0 || waitpid(made, &status, 0) != made)
		die("fork: %s", strerror(errno));
	errno = status;
	return status ? -1 : (ssize_t)size;
}

static ssize_t write_past(const char *by, int fd, void *bytes, size_t size)
{
	if (strcmp(by, "aio") == 0)
		return by_aio(fd, bytes, size);
	if (strcmp(by, "sendto") == 0)
		return syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL, NULL, 0);
	return syscall(SYS_write, fd, bytes, size);
}

/* past write|sendto|aio|program BYTES [chunk=]: all of it, past the library; reports what went, and what ended it */
void step_past(struct step *step)
{
	const char *by = word(step, 0);
	struct slot *slot = slot_of(step);
	const size_t bytes = (size_t)number_word(step, 1), chunk = (size_t)number_option(step, "chunk", CHUNK_BYTES);
	struct measured m = { .start_us = now_us() };
	unsigned char *buffer = malloc(chunk);

	if (strcmp(by, "program") == 0)
		MEASURE(&m, by_program(slot->fd, bytes));
	while (strcmp(by, "program") != 0 && (size_t)m.ret < bytes) {
		const size_t left = bytes - (size_t)m.ret, size = left < chunk ? left : chunk;

		pattern_fill(buffer, size, *slot->sent);
		const ssize_t sent = write_past(by, slot->fd, buffer, size);

		m.error = sent < 0 ? errno : 0;
		if (sent < 0)
			break;
		m.ret += sent;
		*slot->sent += (uint64_t)sent;
	}
	m.end_us = now_us();
	free(buffer);
	report_measured(step, &m);
}

/* waits child|fcntl|ioctl: the slot's socket waits from now on, which a forked child or a system call says and no wrapper of fcntl */
void step_waits(struct step *step)
{
	const char *by = word(step, 0);
	const int fd = slot_of(step)->fd;
	const long flags = syscall(SYS_fcntl, fd, F_GETFL, 0) & ~O_NONBLOCK;
	int zero = 0, status = 0;

	if (strcmp(by, "fcntl") == 0)
		report(step, "ret", syscall(SYS_fcntl, fd, F_SETFL, flags));
	else if (strcmp(by, "ioctl") == 0)
		report(step, "ret", syscall(SYS_ioctl, fd, FIONBIO, &zero));
	else {
		const pid_t made = fork();

		if (made == 0)
			_exit(fcntl(fd, F_SETFL, flags) != 0);
		report(step, "ret", made > 0 && waitpid(made, &status, 0) == made ? status : -1);
	}
}

/* ---- options and kernels ----------------------------------------------------------------------------------------- */

/* linger ON SECONDS */
void step_linger(struct step *step)
{
	const struct linger linger = { (int)number_word(step, 0), (int)number_word(step, 1) };

	report(step, "ret", setsockopt(slot_of(step)->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

static const struct refusal {
	const char *name;
	unsigned error;
} refusals[] = { { "eperm", EPERM }, { "enosys", ENOSYS }, { "einval", EINVAL }, { "enoprotoopt", ENOPROTOOPT } };

/* deny cookie|tcp_info ERROR: getsockopt of that fails so from now on; ret is -1 where there is no seccomp */
void step_deny(struct step *step)
{
	const bool cookie = strcmp(word(step, 0), "cookie") == 0;
	unsigned error = 0;

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (strcmp(refusals[i].name, word(step, 1)) == 0)
			error = refusals[i].error;
	/* The lower half of each argument, on little-endian machines. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cookie ? SOL_SOCKET : IPPROTO_TCP, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cookie ? SO_COOKIE : TCP_INFO, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof filter / sizeof *filter, .filter = filter };
	long failed = syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	/* Past the library: this is the kernel that the program finds, and no sandbox of its own. */
	if (!failed)
		failed = syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	report(step, "ret", failed);
}
