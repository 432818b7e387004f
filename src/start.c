/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Starts the library: bindings, limits, and the sockets that came over exec.
 */
#include "start.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include "clock.h"
#include "libc.h"
#include "memory.h"
#include "report.h"
#include "slow.h"
#include "socket.h"

/** Inherited descriptors are looked for below this number, in one poll(2). */
#define INHERITED_MOST 1024

bool active;
static struct limits limits;

const struct limits *limits_for(int fd)
{
	(void)fd;
	return &limits;
}

static void complain(const char *line, void *context)
{
	(void)context;
	report_line(line);
}

/** What an exec left on a connected socket: the deadline of a connect that the program before us never learned was
 * through. */
static void drop_old_deadline(int fd)
{
	struct look look;
	int ms;
	if (socket_user_timeout(fd, &ms) && user_timeout_ours(ms) && socket_look(fd, &look) && !look.connecting)
		socket_set_user_timeout(fd, 0);
}

static void arm_inherited(void)
{
	struct pollfd open[INHERITED_MOST];
	struct rlimit most;
	nfds_t count = INHERITED_MOST;
	/* poll(2) refuses more entries than descriptors may be open. */
	if (getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur < count)
		count = (nfds_t)most.rlim_cur;
	for (nfds_t i = 0; i < count; i++)
		open[i] = (struct pollfd){.fd = (int)i};
	if (libc.poll(open, count, 0) < 0)
		return;
	for (nfds_t i = 0; i < count; i++) {
		const int fd = open[i].fd;
		if ((open[i].revents & POLLNVAL) || !socket_covered(fd))
			continue;
		drop_old_deadline(fd);
		/* inetd's heirs print to their peer. */
		if (fd <= STDERR_FILENO)
			arm_for_stdio(fd);
		else
			socket_arm(fd, limits_for(fd)->send_ms);
	}
}

void start(void)
{
	static atomic_flag begun = ATOMIC_FLAG_INIT;
	if (atomic_flag_test_and_set(&begun)) {
		bind_libc();
		return;
	}
	bind_libc();
	/* The environment of a program that runs with more rights than its caller is not to be trusted. */
	if (getauxval(AT_SECURE))
		return;
	limits_from_environment(&limits, environ, complain, NULL);
	if (!limits.connect_ms && !limits.send_ms)
		return;
	/* What gets that number later is a file of the program's own. */
	if (libc.fcntl(STDERR_FILENO, F_GETFD) < 0)
		limits.log_off = true;
	clock_start();
	memory_start();
	report_start();
	active = true;
	if (limits.send_ms)
		arm_inherited();
}

/* A program without libc has nothing to limit, and us nothing to run with. */
#pragma weak dlsym

__attribute__((constructor)) static void construct(void)
{
	if (!dlsym)
		return;
	const int before = errno;
	start();
	errno = before;
}
