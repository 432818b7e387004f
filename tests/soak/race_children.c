/* SPDX-License-Identifier: MIT */
/** @file
 * @brief The children of race.h: they close numbers that they inherited, which is nobody else's business.
 */
#include "race.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Numbers that a child closes. */
#define MOST_NUMBERS 128

static pid_t spawn(void)
{
	char *arguments[] = { (char *)"true", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	for (int fd = 3; fd < 32; fd++)
		posix_spawn_file_actions_addclose(&actions, fd);
	if (posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

void make_children(struct worker *worker)
{
	const uint64_t how = below(worker, 8);
	const int first = 3 + (int)below(worker, 40);
	pid_t pid;

	worker->doing = how < 3 ? "fork" : how < 7 ? "vfork" : "posix_spawn";
	if (how < 3) {
		pid = fork();
		if (pid == 0) {
			for (int fd = 3; how && fd < MOST_NUMBERS; fd++)
				close(fd);
			_exit(0);
		}
	} else if (how < 7) {
		/* Its closes are of its own table, but it has our memory. */
		pid = vfork();
		if (pid == 0) {
			for (int fd = first; fd < first + 20; fd++)
				close(fd);
			_exit(0);
		}
	} else {
		pid = spawn();
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	atomic_fetch_add(&counts.children, 1);
	nap_us((long)below(worker, 4000));
}
