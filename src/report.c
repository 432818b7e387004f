/* SPDX-License-Identifier: MIT */
/** @file
 * @brief One line for every event, in one write(2), to a place that is never disturbed by it.
 */
#include "report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>

#include "libc.h"
#include "socket.h"
#include "start.h"
#include "text.h"

/** Short of PIPE_BUF: a pipe that says it has room takes the line whole. */
#define LINE_SIZE 512
/** Characters of the program's name; a longer one is cut off visibly. */
#define NAME_MOST 40

/** The name at the start: libc points into the arguments, where programs write what they are about. */
static char program[NAME_MOST + 2];

/** write(2) that raises no SIGPIPE: one that is ours is taken back before the thread can see it. */
static void write_quietly(int fd, const char *data, size_t length)
{
	sigset_t pipe, before, pending;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	sigpending(&pending);
	const ssize_t written = libc.write(fd, data, length);
	if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &(struct timespec){0});
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void finish(struct text *line)
{
	/* The buffer has room for the newline: LINE_SIZE is one more than text_start() was told. */
	line->at[line->length] = '\n';
	const int before = errno;
	int type;
	socklen_t size = sizeof type;
	struct pollfd target = {.fd = STDERR_FILENO, .events = POLLOUT};
	/* In a sandbox that forbids to ask, it may be a socket. */
	if (libc.getsockopt(STDERR_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) < 0 && errno == ENOTSOCK &&
	    libc.poll(&target, 1, 0) == 1 && target.revents == POLLOUT)
		write_quietly(STDERR_FILENO, line->at, line->length + 1);
	errno = before;
}

void report_start(void)
{
	memcpy(program, program_invocation_short_name, strnlen(program_invocation_short_name, sizeof program - 1));
}

void report_line(const char *said)
{
	char buffer[LINE_SIZE];
	struct text line;
	text_start(&line, buffer, sizeof buffer - 1);
	text_add(&line, said);
	finish(&line);
}

static void begin(struct text *line, char *buffer, const char *what)
{
	text_start(line, buffer, LINE_SIZE - 1);
	text_add(line, "sndtimeo: ");
	text_add_foreign(line, program, NAME_MOST);
	text_add(line, "[");
	text_add_number(line, getpid());
	text_add(line, "]: ");
	text_add(line, what);
	text_add(line, " to ");
}

static void add_peer(struct text *line, const struct sockaddr_in6 *peer)
{
	char address[INET6_ADDRSTRLEN];
	const bool v6 = peer && peer->sin6_family == AF_INET6;
	struct sockaddr_in v4;
	if (!peer || (!v6 && peer->sin6_family != AF_INET)) {
		text_add(line, "an unknown peer");
		return;
	}
	memcpy(&v4, peer, sizeof v4);
	if (v6 && IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr)) {
		memcpy(&v4.sin_addr, peer->sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
		inet_ntop(AF_INET, &v4.sin_addr, address, sizeof address);
		text_add(line, address);
	} else if (v6) {
		inet_ntop(AF_INET6, &peer->sin6_addr, address, sizeof address);
		text_add(line, "[");
		text_add(line, address);
		text_add(line, "]");
	} else {
		inet_ntop(AF_INET, &v4.sin_addr, address, sizeof address);
		text_add(line, address);
	}
	text_add(line, ":");
	text_add_number(line, ntohs(v6 ? peer->sin6_port : v4.sin_port));
}

void report_connect(const struct sockaddr_in6 *peer, int64_t waited_ms)
{
	char buffer[LINE_SIZE];
	struct text line;
	if (limits_for(-1)->log_off)
		return;
	begin(&line, buffer, "connect");
	add_peer(&line, peer);
	text_add(&line, " timed out after ");
	text_add_seconds(&line, waited_ms);
	text_add(&line, ": no answer to SYN");
	finish(&line);
}

/** The reason as the kernel knows it. */
static const char *reason(const struct look *look)
{
	/* Below one segment the sender waits for a larger window (RFC 9293, 3.8.6.2.1) rather than fill it. With
	 * something in flight and timeouts running, what was sent within the window was not answered. */
	if (look->in_flight == 0 && look->window < look->segment)
		return "the peer is connected but does not read (its window is closed)";
	if (look->retransmits > 0)
		return "no acknowledgement arrives (network or host gone)";
	return look->window < look->segment ? "the peer is connected but does not read (its window is closed)"
	                                    : "no acknowledgement arrives";
}

void report_send(int fd, const struct look *look, int64_t waited_ms, uint64_t accepted, uint64_t asked)
{
	char buffer[LINE_SIZE];
	struct text line;
	struct sockaddr_in6 peer = {.sin6_family = AF_UNSPEC};
	socklen_t size = sizeof peer;
	int bytes = 0;
	if (limits_for(fd)->log_off)
		return;
	begin(&line, buffer, "send");
	libc.getpeername(fd, (struct sockaddr *)&peer, &size);
	add_peer(&line, &peer);
	text_add(&line, " timed out after ");
	text_add_seconds(&line, waited_ms);
	text_add(&line, ": ");
	if (asked) {
		text_add_bytes(&line, accepted);
		text_add(&line, " of ");
		text_add_bytes(&line, asked);
		text_add(&line, " accepted, ");
	}
	libc.ioctl(fd, SIOCOUTQ, &bytes);
	text_add_bytes(&line, (uint64_t)bytes);
	text_add(&line, " unacknowledged");
	bytes = socket_unread(fd);
	if (bytes > 0) {
		text_add(&line, ", ");
		text_add_bytes(&line, (uint64_t)bytes);
		text_add(&line, " of input unread");
	}
	text_add(&line, ": ");
	text_add(&line, reason(look));
	finish(&line);
}
