/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Steps on what a socket looks like to others: to a process that shares it, and to a program without the library.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tester.h"

/* The number that the stranger finds its socket at: above the standard ones, which have rules of their own. */
#define STRANGERS_FD 7

/** What another process reads of a socket. -1: not to be had. */
struct sight {
	long sndtimeo_us, rcvtimeo_us;
	long user_timeout, notsent_lowat, keepalive;
	long linger, linger_s;
	long status_flags;
};

static long time_option(int fd, int option)
{
	struct timeval time = { 0 };
	socklen_t size = sizeof time;

	return syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &time, &size) ? -1 : time.tv_sec * 1000000L + time.tv_usec;
}

static long number_of(int fd, int level, int option)
{
	int value = 0;
	socklen_t size = sizeof value;

	return syscall(SYS_getsockopt, fd, level, option, &value, &size) ? -1 : value;
}

static void look(int fd, struct sight *sight)
{
	struct linger linger = { 0 };
	socklen_t size = sizeof linger;
	const long failed = syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, &size);

	*sight = (struct sight){
		.sndtimeo_us = time_option(fd, SO_SNDTIMEO),
		.rcvtimeo_us = time_option(fd, SO_RCVTIMEO),
		.user_timeout = number_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
		.notsent_lowat = number_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT),
		.keepalive = number_of(fd, SOL_SOCKET, SO_KEEPALIVE),
		.linger = failed ? -1 : linger.l_onoff,
		.linger_s = failed ? -1 : linger.l_linger,
		.status_flags = syscall(SYS_fcntl, fd, F_GETFL),
	};
}

/*
 * seen [waiting=1]: what another process sees of the slot's socket, through its own descriptor for it
 *
 * The process is made past the library and makes raw system calls alone, so that nothing can put right what it is shown.
 * waiting: a send waits at this moment, and TCP_USER_TIMEOUT is left out: it may be there for a nudge.
 */
void step_seen(struct step *step)
{
	const int fd = slot_of(step)->fd;
	struct sight *sight = mmap(NULL, sizeof *sight, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;

	if (sight == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	const long other = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (other == 0) {
		look(fd, sight);
		syscall(SYS_exit_group, 0);
	}
	if (other < 0 || syscall(SYS_wait4, other, &status, 0, 0) != other || status)
		die("the process that looks at sockets failed");
	report(step, "seen_sndtimeo_us", sight->sndtimeo_us);
	report(step, "seen_rcvtimeo_us", sight->rcvtimeo_us);
	if (!number_option(step, "waiting", 0))
		report(step, "seen_user_timeout", sight->user_timeout);
	report(step, "seen_notsent_lowat", sight->notsent_lowat);
	report(step, "seen_keepalive", sight->keepalive);
	report(step, "seen_linger", sight->linger);
	report(step, "seen_linger_s", sight->linger_s);
	report(step, "seen_status_flags", sight->status_flags);
	munmap(sight, sizeof *sight);
}

/* own: the program's own limits, as programs set them: SO_SNDTIMEO 5 s, TCP_USER_TIMEOUT 20 s, SO_LINGER on for 3 s */
void step_own(struct step *step)
{
	const int fd = slot_of(step)->fd, user_timeout_ms = 20000;
	const struct timeval send_time = { .tv_sec = 5 };
	const struct linger linger = { .l_onoff = 1, .l_linger = 3 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_time, sizeof send_time) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms) ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger))
		die("setsockopt: %s", strerror(errno));
}

/*
 * stranger BYTES [chunk=BYTES] [own=1]: a program that has no library in it goes on sending on the slot's socket; it gets an
 * environment that is empty, or our own
 *
 * That is static_writer.c's, of which TESTER_STATIC is the path. It reports ret and errno itself.
 */
void step_stranger(struct step *step)
{
	struct slot *slot = slot_of(step);
	char *path = getenv("TESTER_STATIC"), offset[32], fd[16], results[16];
	char *arguments[] = { path, fd, offset, (char *)word(step, 0), (char *)option(step, "chunk", "1000000000"),
			      results, step->label, NULL };
	/* Where no static program can be made it is one without LD_PRELOAD. */
	char *environment[] = { NULL };
	int status = -1;

	if (!path)
		die("TESTER_STATIC");
	snprintf(fd, sizeof fd, "%d", STRANGERS_FD);
	snprintf(results, sizeof results, "%d", RESULTS_FD);
	snprintf(offset, sizeof offset, "%llu", (unsigned long long)*slot->sent);
	const pid_t stranger = fork();

	if (stranger == 0) {
		if (dup2(slot->fd, STRANGERS_FD) == STRANGERS_FD && fcntl(STRANGERS_FD, F_SETFD, 0) == 0)
			execve(path, arguments, number_option(step, "own", 0) ? environ : environment);
		_exit(3);
	}
	if (stranger < 0 || waitpid(stranger, &status, 0) != stranger || status)
		die("%s ended with status 0x%x", path, (unsigned)status);
	*slot->sent += (uint64_t)number_word(step, 0);
}
