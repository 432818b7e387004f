/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Steps on named unix sockets, and ways to end the process.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tester.h"

/* A name in no folder: the first byte is 0 (unix(7)). */
static socklen_t named(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strncpy(address->sun_path + 1, name, sizeof address->sun_path - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

struct reader {
	int listener;
	long start_ms, chunk_bytes, pause_ms, closes_ms;
	const struct step *step;
};

/* By raw system calls: the library is to see one side alone. */
static void *read_slowly(void *context)
{
	const struct reader *reader = context;
	const long fd = syscall(SYS_accept4, reader->listener, NULL, NULL, SOCK_CLOEXEC);
	static char buffer[1 << 20];
	long total = 0, count;

	usleep((useconds_t)reader->start_ms * 1000);
	if (reader->closes_ms) {
		usleep((useconds_t)reader->closes_ms * 1000);
		syscall(SYS_close, fd);
		return NULL;
	}
	while ((count = syscall(SYS_read, fd, buffer, reader->chunk_bytes)) > 0) {
		total += count;
		usleep((useconds_t)reader->pause_ms * 1000);
	}
	report(reader->step, "read", total);
	return NULL;
}

/* unixserve NAME [start=MS] [chunk=BYTES] [pause=MS] [accepts=0] [backlog=N] [closes=MS]: listens, and reads from one
 * connection in a thread; accepts=0: only listens; closes: it is closed unread after so long */
void step_unixserve(struct step *step)
{
	struct sockaddr_un address;
	const socklen_t size = named(&address, word(step, 0));
	struct reader *reader = calloc(1, sizeof *reader);
	pthread_t thread;

	*reader = (struct reader){
		.listener = out_of_the_way(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
		.start_ms = number_option(step, "start", 0),
		.chunk_bytes = number_option(step, "chunk", 65536),
		.pause_ms = number_option(step, "pause", 0),
		.closes_ms = number_option(step, "closes", 0),
		.step = step,
	};
	if (bind(reader->listener, (struct sockaddr *)&address, size) ||
	    syscall(SYS_listen, reader->listener, number_option(step, "backlog", 8)))
		die("unixserve: %s", strerror(errno));
	if (number_option(step, "accepts", 1) &&
	    (pthread_create(&thread, NULL, read_slowly, reader) || pthread_detach(thread)))
		die("no thread");
}

/* unixlisten NAME: a listener of that name in this slot */
void step_unixlisten(struct step *step)
{
	struct sockaddr_un address;
	const socklen_t size = named(&address, word(step, 0));
	struct slot *slot = slot_of(step);

	*slot = (struct slot){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .family = AF_UNIX,
			       .sent = calloc(1, sizeof *slot->sent) };
	if (bind(slot->fd, (struct sockaddr *)&address, size) || listen(slot->fd, 8))
		die("unixlisten: %s", strerror(errno));
}

/* unix NAME: a socket in this slot, connected to a listener of that name */
void step_unix(struct step *step)
{
	struct sockaddr_un address;
	const socklen_t size = named(&address, word(step, 0));
	struct slot *slot = slot_of(step);
	struct measured m;

	*slot = (struct slot){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .family = AF_UNIX,
			       .sent = calloc(1, sizeof *slot->sent) };
	MEASURE(&m, connect(slot->fd, (struct sockaddr *)&address, size));
	check_errno(&m);
	report_measured(step, &m);
}

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static char *const no_arguments[] = { (char *)"true", NULL };

/* A child that shares our memory until it is another program, or none. */
static void run_vfork_child(void)
{
	const pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execv("/no/such/program", no_arguments);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("vfork: %s", strerror(errno));
}

/* leave HOW: end the process, or become true(1), in one of the ways there are */
void step_leave(struct step *step)
{
	const char *how = word(step, 0);

	if (strcmp(how, "_exit") == 0)
		_exit(0);
	if (strcmp(how, "_Exit") == 0)
		_Exit(0);
	if (strcmp(how, "quick_exit") == 0)
		quick_exit(0);
	if (strcmp(how, "execl") == 0)
		execl("/bin/true", "true", (char *)NULL);
	if (strcmp(how, "execlp") == 0)
		execlp("true", "true", (char *)NULL);
	if (strcmp(how, "execle") == 0)
		execle("/bin/true", "true", (char *)NULL, environ);
	if (strcmp(how, "execv") == 0)
		execv("/bin/true", no_arguments);
	if (strcmp(how, "execvp") == 0)
		execvp("true", no_arguments);
	if (strcmp(how, "execvpe") == 0)
		execvpe("true", no_arguments, environ);
	if (strcmp(how, "execve") == 0)
		execve("/bin/true", no_arguments, environ);
	if (strcmp(how, "signal") == 0) {
		signal(SIGTERM, leave);
		raise(SIGTERM);
	}
	if (strcmp(how, "vfork") == 0) {
		run_vfork_child();
		return;
	}
	die("leave %s: %s", how, strerror(errno));
}
