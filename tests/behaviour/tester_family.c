/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The tester's processes and threads that end before others of the same program do.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../peers/pattern.h"
#include "tester.h"

#define CHUNK_BYTES 65536

/* orphan: the rest of the script is a grandchild's, whose own parent has ended; this process lives on until that has ended */
void step_orphan(struct step *step)
{
	int ends[2];
	char end;

	/* Its thread would be this process', and its lock whose it was. */
	watch_stop(slot_of(step));
	if (pipe(ends))
		die("pipe: %s", strerror(errno));
	const pid_t made = fork();

	if (made == 0) {
		if (fork() != 0)
			_exit(0);
		close(ends[0]);
		return;
	}
	close(ends[1]);
	if (made < 0 || waitpid(made, NULL, 0) != made)
		die("fork: %s", strerror(errno));
	/* It says nothing, and closes its end. */
	while (read(ends[0], &end, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* quit: the first thread ends, and those in the background go on */
void step_quit(struct step *step)
{
	(void)step;
	pthread_exit(NULL);
}

/* name: a name with what would break a line, and a reader of /proc/PID/stat */
void step_name(struct step *step)
{
	report(step, "ret", prctl(PR_SET_NAME, "a\n) R 1", 0, 0, 0));
}

/* crowd poll|closed BYTES: a loop that waits for room with many descriptors, or by one that is closed since */
void step_crowd(struct step *step)
{
	enum { CROWD = 1500 };
	static struct pollfd all[CROWD + 1];
	const char *by = word(step, 0);
	struct slot *slot = slot_of(step);
	const long bytes = number_word(step, 1);
	const int instance = epoll_create1(EPOLL_CLOEXEC), copy = dup(slot->fd);
	struct epoll_event event = { .events = EPOLLOUT };
	unsigned char *buffer = malloc(CHUNK_BYTES);
	struct measured m = { .start_us = now_us() };

	if (epoll_ctl(instance, EPOLL_CTL_ADD, copy, &event) || close(copy) || !buffer)
		die("epoll_ctl: %s", strerror(errno));
	for (int i = 0; i < CROWD; i++)
		all[i] = (struct pollfd){ .fd = -1 };
	all[CROWD] = (struct pollfd){ .fd = slot->fd, .events = POLLOUT };
	while (m.ret < bytes) {
		pattern_fill(buffer, CHUNK_BYTES, *slot->sent);
		const ssize_t sent = send(slot->fd, buffer, CHUNK_BYTES, MSG_NOSIGNAL);

		m.error = sent < 0 ? errno : 0;
		if (sent >= 0) {
			m.ret += sent;
			*slot->sent += (uint64_t)sent;
		} else if (errno != EAGAIN)
			break;
		else if (strcmp(by, "poll") == 0)
			poll(all, CROWD + 1, -1);
		else
			epoll_wait(instance, &event, 1, -1);
	}
	m.end_us = now_us();
	free(buffer);
	report_measured(step, &m);
}
