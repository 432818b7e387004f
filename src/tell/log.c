/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Where lines go: to standard error, the system's log or a file.
 */
#include "tell/log.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>

#include "base/await.h"
#include "base/libc.h"
#include "base/signals.h"
#include "limits/configured.h"

/** Where syslog(3) writes. */
#define SYSTEM_LOG "/dev/log"
/** LOG_USER | LOG_WARNING */
#define SYSTEM_LOG_PRIORITY "<12>"

/** Which file a descriptor is. */
struct file {
	uint32_t device_major, device_minor;
	uint64_t number;
	bool is_socket;
};

/** Standard error at the start. */
static struct {
	struct file file;
	bool known;
} standard_error;

static bool file_at(int fd, struct file *file)
{
	struct statx found;
	if (libc_status(fd, STATX_TYPE | STATX_INO, &found) < 0)
		return false;
	*file = (struct file){found.stx_dev_major, found.stx_dev_minor, found.stx_ino, S_ISSOCK(found.stx_mode)};
	return true;
}

static bool same_file(const struct file *one, const struct file *other)
{
	return one->device_major == other->device_major && one->device_minor == other->device_minor &&
	       one->number == other->number;
}

/** Whether standard error is a connection to whom the program serves: inetd hands a socket over as all three. A journal
 * (systemd) has a unix socket there, and something else as standard input. */
static bool is_a_peers(const struct file *error)
{
	struct file input;
	int domain;
	socklen_t size = sizeof domain;
	if (!error->is_socket)
		return false;
	return libc.getsockopt(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX ||
	       !file_at(STDIN_FILENO, &input) || same_file(&input, error);
}

void log_start(void)
{
	/* A program that was begun without one gives its number to a file of its own. */
	standard_error.known = file_at(STDERR_FILENO, &standard_error.file) && !is_a_peers(&standard_error.file);
}

/** Whether descriptor 2 is what it was at the start, and has room. */
static bool is_standard_error(void)
{
	struct file file;
	struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
	return standard_error.known && file_at(STDERR_FILENO, &file) && same_file(&file, &standard_error.file) &&
	       await_one(&room, &(struct timespec){0}, NULL) == 1 && room.revents == POLLOUT;
}

static int open_log(void)
{
	/* Not to wait for the reader of a FIFO. */
	return libc.open(settings.log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
}

static int open_system_log(void)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = SYSTEM_LOG};
	const int fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && libc.connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		libc.close(fd);
		return -1;
	}
	return fd;
}

static void write_to_file(const char *line, size_t length)
{
	const int fd = open_log();
	if (fd < 0)
		return;
	(void)!libc.write(fd, line, length);
	libc.close(fd);
}

/** A datagram, "<12>name[pid]: what": the log puts the time to it. */
static void write_to_system(const char *line, size_t length)
{
	struct iovec parts[] = {{SYSTEM_LOG_PRIORITY, strlen(SYSTEM_LOG_PRIORITY)}, {(char *)line, length}};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	const int fd = open_system_log();
	if (fd < 0)
		return;
	(void)!libc.sendmsg(fd, &message, MSG_NOSIGNAL);
	libc.close(fd);
}

/** What a write may raise: a pipe has lost its reader, a file is longer than RLIMIT_FSIZE. */
static const int raised[] = {SIGPIPE, SIGXFSZ};

static void deliver(enum log_target target, const char *line, size_t length)
{
	sigset_t ours, before, pending;
	const int error = errno;
	const int cancelled = signals_hold_cancellation();
	/* One that comes of our writing is taken back before the thread can see it. */
	libc.sigpending(&pending);
	libc.sigemptyset(&ours);
	for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
		if (!libc.sigismember(&pending, raised[i]))
			libc.sigaddset(&ours, raised[i]);
	libc.sigprocmask(SIG_BLOCK, &ours, &before);
	switch (target) {
	case LOG_TO_STDERR:
		if (is_standard_error())
			(void)!libc.write(STDERR_FILENO, line, length);
		break;
	case LOG_TO_FILE: write_to_file(line, length); break;
	/* Its own newline. */
	case LOG_TO_SYSLOG: write_to_system(line, length - 1); break;
	case LOG_TO_NOTHING: break;
	}
	libc.sigtimedwait(&ours, NULL, &(struct timespec){0});
	libc.sigprocmask(SIG_SETMASK, &before, NULL);
	signals_release_cancellation(cancelled);
	errno = error;
}

/** In place: the stack that this runs on may be a signal handler's, and small. */
static void terminate(enum log_target target, const struct text *line)
{
	line->at[line->length] = '\n';
	deliver(target, line->at, line->length + 1);
}

void log_line(const struct text *line)
{
	if (settings.log != LOG_TO_NOTHING)
		terminate(settings.log, line);
}

void log_complaint(const struct text *line)
{
	terminate(LOG_TO_STDERR, line);
}

int log_defect(void)
{
	int fd = -1;
	if (settings.log == LOG_TO_FILE)
		fd = open_log();
	else if (settings.log == LOG_TO_SYSLOG)
		fd = open_system_log();
	else
		return 0;
	if (fd < 0)
		return errno;
	libc.close(fd);
	return 0;
}
