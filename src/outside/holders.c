/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The processes that have a socket, and duplicates of it.
 */
#include "outside/holders.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/text.h"
#include "connection/socket.h"
#include "tell/report.h"

/** How long a close() waits at most. */
#define CLOSE_MOST_US 1000

static void wake(int signal)
{
	(void)signal;
}

void holders_start(void)
{
	const struct sigaction action = {.sa_handler = wake};
	sigset_t alarm;

	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

void holders_release(int fd)
{
	/* Again and again, for the first may come before the call waits. Whether it will is not asked: that may change meanwhile. */
	static const struct itimerval often = {{0, CLOSE_MOST_US}, {0, CLOSE_MOST_US}}, never;

	setitimer(ITIMER_REAL, &often, NULL);
	close(fd);
	setitimer(ITIMER_REAL, &never, NULL);
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

bool holders_are_there(struct watched *w)
{
	const int fd = holders_duplicate(w);

	if (fd >= 0)
		holders_release(fd);
	return fd >= 0;
}
