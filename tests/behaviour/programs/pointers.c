/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Calls with pointers to nowhere, and numbers beyond all bounds: what the kernel says of them.
 *
 * CALL KIND NONBLOCKING: on a pipe or a unix or tcp socket; says what it returned. Where libc itself looks at what a pointer
 * points to, it is not among the calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pointers.h"
#include "program.h"

static int fd, peer, instance;
/* Volatile: else the compiler sees what we do, and warns. */
static void *volatile nowhere = (void *)16, *volatile kernels = (void *)-4096;
static volatile size_t huge = (size_t)-1;
static volatile int many = 1 << 20, negative = -1;
static char *edge;
static struct iovec bad_iov[2], edge_iov[2];
static struct msghdr bad_message, null_iov_message;
static struct mmsghdr messages[2], good_and_bad[2], *at_edge;
static socklen_t size = 4;
static struct pollfd fds[1];
static struct timeval moment = { 0, 1000 };
static struct timespec instant = { 0, 1000000 };
static char byte;

int ioctl(int, unsigned long, ...);

static int ioctl_at(void *argument)
{
	/* FIONBIO */
	return ioctl(fd, 0x5421, argument);
}

/* A page, at whose end memory ends. */
static char *make_edge(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE))
		fail("mmap");
	return pages + page;
}

static void prepare(const struct words *words)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int ends[2];

	open_pair(words->word[1], ends);
	fd = ends[0];
	peer = ends[1];
	if (*words->word[2])
		fcntl(fd, F_SETFL, O_NONBLOCK);
	edge = make_edge();
	instance = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(instance, EPOLL_CTL_ADD, fd, &event);
	fds[0] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	bad_iov[0] = (struct iovec){ &byte, 1 };
	bad_iov[1] = (struct iovec){ nowhere, 10 };
	edge_iov[0] = (struct iovec){ edge - 100, 100 };
	edge_iov[1] = (struct iovec){ edge - 100, 200 };
	bad_message = (struct msghdr){ .msg_iov = &bad_iov[1], .msg_iovlen = 1 };
	null_iov_message = (struct msghdr){ .msg_iov = nowhere, .msg_iovlen = 1 };
	messages[0].msg_hdr = (struct msghdr){ .msg_iov = bad_iov, .msg_iovlen = 1 };
	messages[1].msg_hdr = bad_message;
	good_and_bad[0] = messages[0];
	good_and_bad[1].msg_hdr = null_iov_message;
	at_edge = (struct mmsghdr *)edge - 1;
	*at_edge = messages[0];
	/* Something to receive. */
	(void)!send(peer, "x", 1, MSG_NOSIGNAL);
}

int main(int argc, char **argv)
{
	const struct words words = words_of(argc, argv);
	long ret;

	signal(SIGPIPE, SIG_IGN);
	prepare(&words);
#define DO(name, call)                                                                                             \
	if (strcmp(words.word[0], #name) == 0) {                                                                   \
		errno = 0;                                                                                         \
		ret = (long)(call);                                                                                \
		say_result("call", ret, errno);                                                                    \
		return 0;                                                                                          \
	}
	CALLS(DO)
	return 2;
}
