/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that have a socket, and duplicates of it.
 */
#include "outside/holders.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/text.h"
#include "connection/socket.h"
#include "tell/report.h"

/** How long a close() waits at most. */
#define CLOSE_MOST_US 1000

static pid_t self;
/** SIGALRM comes again and again. */
static bool hurried;

static void wake(int signal)
{
	(void)signal;
}

/** One is not enough, for it may come before the call waits. */
static void hurry(bool on)
{
	static const struct itimerval often = {{0, CLOSE_MOST_US}, {0, CLOSE_MOST_US}}, never;

	if (on != hurried)
		setitimer(ITIMER_REAL, on ? &often : &never, NULL);
	hurried = on;
}

void holders_start(void)
{
	/* Nothing but a close() is cut short. */
	const struct sigaction action = {.sa_handler = wake, .sa_flags = SA_RESTART};
	sigset_t alarm;

	self = getpid();
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

void holders_release(int fd)
{
	/* Whether it is going to wait is not asked: that may change meanwhile. */
	hurry(true);
	close(fd);
}

void holders_rest(void)
{
	hurry(false);
}

void holders_complain(struct member *member, int error)
{
	char said[160];
	struct text text;

	if (member->forbidden || !error || error == EBADF || error == ESRCH)
		return;
	member->forbidden = true;
	text_start(&text, said, sizeof said);
	text_add(&text, "cannot look into ");
	text_add_foreign(&text, member->process.name, 40);
	text_add_format(&text, "[%jd] (", (intmax_t)member->process.id);
	text_add_error(&text, error);
	text_add(&text, "): it has no limits");
	report_complaint(said);
}

static bool has_inode(int fd, uint64_t inode)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_ino == inode;
}

int holders_duplicate(struct watched *w)
{
	for (size_t i = 0; i < w->n_holders; i++) {
		struct holder *holder = &w->holders[i];

		if (!holder->member || holder->member->ended)
			continue;
		const int fd = process_duplicate(holder->member->through, holder->fd);

		if (fd < 0)
			holders_complain(holder->member, errno);
		else if (w->cookie ? socket_cookie(fd) == w->cookie : has_inode(fd, w->inode))
			return fd;
		else
			holders_release(fd);
	}
	return -1;
}

/** Whether a descriptor of @p member is what we hold on to: kcmp(2), for which nothing is duplicated.
 * @return -1: the kernel does not tell */
static int is_held(const struct member *member, int fd, int held)
{
	const long differs = syscall(SYS_kcmp, self, member->seen.id, KCMP_FILE, held, fd);

	return differs >= 0 || errno == EBADF || errno == ESRCH ? differs == 0 : -1;
}

bool holders_are_there(struct watched *w)
{
	for (size_t i = 0; i < w->n_holders; i++) {
		const struct holder *holder = &w->holders[i];
		const int held = holder->member && !holder->member->ended ? is_held(holder->member, holder->fd, w->held) : 0;

		if (held > 0)
			return true;
		if (held == 0)
			continue;
		const int fd = holders_duplicate(w);

		if (fd >= 0)
			holders_release(fd);
		return fd >= 0;
	}
	return false;
}
