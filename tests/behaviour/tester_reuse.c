/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's steps that end a number while another thread's call waits on it, in every way there is, and use
 * it again.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tester.h"

static void end_by_stream(int fd)
{
	FILE *stream = fdopen(fd, "r");

	if (!stream || fclose(stream))
		die("fclose: %s", strerror(errno));
}

/* By libc, if it has that (glibc 2.34). */
static long end_range(int fd)
{
	int (*call)(unsigned, unsigned, int) = (int (*)(unsigned, unsigned, int))dlsym(RTLD_DEFAULT, "close_range");

	return call ? call((unsigned)fd, (unsigned)fd, 0) : syscall(SYS_close_range, fd, fd, 0);
}

#ifdef __SANITIZE_THREAD__
/* Numbers are ended below while another thread is in a call on them, on purpose. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:end_number\n";
}
#endif

/* End @p fd in the way of that name; @p other takes its place where the way needs one. */
static void end_number(int fd, const char *how, int other)
{
	long failed = -1;

	if (strcmp(how, "close") == 0)
		failed = close(fd);
	else if (strcmp(how, "dup2") == 0)
		failed = dup2(other, fd) != fd;
	else if (strcmp(how, "dup3") == 0)
		failed = dup3(other, fd, O_CLOEXEC) != fd;
	else if (strcmp(how, "close_range") == 0)
		failed = end_range(fd);
	/* As programs do that nobody can look over the shoulder of: io_uring, static libraries. */
	else if (strcmp(how, "syscall") == 0)
		failed = syscall(SYS_close, fd);
	else if (strcmp(how, "fclose") == 0)
		end_by_stream(fd), failed = 0;
	if (failed)
		die("%s: %s", how, strerror(errno));
}

/* reuse HOW SLOT tcp4|tcp6 PORT: ends the slot's number by close, dup2, dup3, close_range, syscall or fclose,
 * and gets it for a new socket in slot SLOT, which is connected to PORT, if that is not 0, before or right after. Reports
 * whether it is the same number, and what connect said. */
void step_reuse(struct step *step)
{
	const int number = slot_of(step)->fd, family = strcmp(word(step, 2), "tcp6") == 0 ? AF_INET6 : AF_INET;
	const bool replaces = strncmp(word(step, 0), "dup", 3) == 0;
	struct slot *slot = numbered_slot((int)number_word(step, 1));
	const unsigned port = (unsigned)number_word(step, 3);
	struct sockaddr_storage address;
	const socklen_t size = loopback(&address, family, port);
	int made = -1, connected = 0;

	if (!replaces)
		end_number(number, word(step, 0), -1);
	made = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (port)
		connected = connect(made, (struct sockaddr *)&address, size);
	if (replaces) {
		end_number(number, word(step, 0), made);
		close(made);
		made = number;
	}
	*slot = (struct slot){ .fd = made, .family = family, .sent = calloc(1, sizeof *slot->sent) };
	report(step, "same", made == number);
	report(step, "connected", connected);
}

/* carry CALL BYTES [flags=] [iov=]: a synchronous writer's one send, after a wait for room in the same thread */
void step_carry(struct step *step)
{
	struct waiter waiter = waiter_of(step, option(step, "wait", "poll"), "out");
	const struct shape shape = shape_of(step);
	int revents;

	wait_once(&waiter, slot_of(step), 5000, &revents);
	struct measured m = send_once(word(step, 0), slot_of(step), (size_t)number_word(step, 1), &shape);

	report_measured(step, &m);
}

static char *const no_arguments[] = { (char *)"true", NULL };

/* shared HOW [exec=1]: a vfork child, whose memory is ours, ends the slot's number in a table of its own; then it exits, or
 * becomes true(1) */
void step_shared(struct step *step)
{
	const int fd = slot_of(step)->fd;
	const bool execs = number_option(step, "exec", 0) != 0;
	const char *how = word(step, 0);
	int status = -1;
	const pid_t made = vfork();

	if (made == 0) {
		end_number(fd, how, STDIN_FILENO);
		if (execs)
			execv("/bin/true", no_arguments);
		_exit(0);
	}
	if (made < 0 || waitpid(made, &status, 0) != made)
		die("vfork: %s", strerror(errno));
	report(step, "status", status);
}
