/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Programs that must come to read before their peer takes more, or that send what they have and then listen.
 *
 * echo WAIT CALL BYTES: one thread, a non-blocking socket: waits for room (1 s) by poll or select, sends what fits, then
 * takes what has come back from a peer that echoes. Says how many bytes came back.
 * relay KIND DELAY_MS: splice() from a pipe that gets a request of 7 bytes after so long, through a blocking socket or a
 * synchronous writer's; then reads the answer. Says what splice returned, and the answer's length.
 * tail KIND: sendfile() of more than is in the file; then reads the answer.
 * end KIND: splice() from a pipe that has ended; then sends, and reads the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program.h"

#define REQUEST "request"

static long fork_past(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* A child, past the library, that ends with its parent. Echoes, or answers whatever it reads with two bytes. */
static void serve(int fd, int other, long echoes)
{
	static char bytes[65536];
	ssize_t count;

	if (fork_past() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	syscall(SYS_close, other);
	while ((count = syscall(SYS_read, fd, bytes, sizeof bytes)) > 0)
		for (ssize_t done = 0, sent; done < (echoes ? count : 2); done += sent)
			if ((sent = syscall(SYS_write, fd, bytes + done, (echoes ? count : 2) - done)) < 0)
				syscall(SYS_exit_group, 1);
	syscall(SYS_exit_group, 0);
}

static int ready(const char *call, int fd, int writes, long ms)
{
	struct pollfd waited = { .fd = fd, .events = writes ? POLLOUT : POLLIN };
	struct timeval time = { ms / 1000, ms % 1000 * 1000L };
	fd_set set;

	if (strcmp(call, "select") != 0)
		return poll(&waited, 1, (int)ms) > 0;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, writes ? NULL : &set, writes ? &set : NULL, NULL, &time) > 0;
}

static ssize_t give(const char *call, int fd, const char *bytes, size_t size)
{
	return strcmp(call, "write") == 0 ? write(fd, bytes, size) : send(fd, bytes, size, MSG_NOSIGNAL);
}

static int echo(int fd, const struct words *words)
{
	const size_t bytes = strtoul(words->word[3], NULL, 10);
	char *data = calloc(1, bytes);
	static char back[1 << 20];
	size_t sent = 0, got = 0;
	const int64_t start = now_ms();
	ssize_t count = 0;

	while (got < bytes) {
		if (sent < bytes && ready(words->word[1], fd, 1, 1000) &&
		    (count = give(words->word[2], fd, data + sent, bytes - sent)) > 0)
			sent += (size_t)count;
		if (count < 0 && errno != EAGAIN)
			break;
		while (got < bytes && ready(words->word[1], fd, 0, sent < bytes ? 0 : 1000)) {
			if ((count = recv(fd, back, sizeof back, 0)) <= 0)
				break;
			got += (size_t)count;
		}
		if (count == 0)
			break;
	}
	say("echoed", (long)got);
	say("error", count < 0 ? errno : 0);
	say("ms", now_ms() - start);
	return 0;
}

/* A pipe with a request in it from a child after so long, which then holds it open; or one that has ended. */
static int source(long delay_ms, int ended)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		fail("pipe");
	if (!ended && fork_past() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause_ms(delay_ms);
		syscall(SYS_write, ends[1], REQUEST, 7);
		pause_ms(8000);
		syscall(SYS_exit_group, 0);
	}
	syscall(SYS_close, ends[1]);
	return ends[0];
}

static void relay(int fd, const struct words *words)
{
	const int ended = strcmp(words->word[0], "end") == 0, file = memfd_create("file", 0);
	ssize_t moved;

	if (strcmp(words->word[0], "tail") == 0) {
		syscall(SYS_write, file, REQUEST, 7);
		moved = sendfile(fd, file, &(off_t){ 0 }, 65536);
	} else {
		moved = splice(source(atol(words->word[2]), ended), NULL, fd, NULL, 65536, 0);
	}
	say_result("moved", moved, errno);
	if (ended)
		say("sent", send(fd, REQUEST, 7, MSG_NOSIGNAL));
}

static int relay_and_listen(int fd, const struct words *words)
{
	char answer[16];
	const int64_t start = now_ms();

	if (strcmp(words->word[1], "writer") == 0)
		ready("poll", fd, 1, 5000);
	relay(fd, words);
	fcntl(fd, F_SETFL, 0);
	say("answer", recv(fd, answer, sizeof answer, 0));
	say("ms", now_ms() - start);
	return 0;
}

int main(int argc, char **argv)
{
	const struct words words = words_of(argc, argv);
	const int echoes = strcmp(words.word[0], "echo") == 0;
	int ends[2];

	connect_pair(ends);
	/* What fits into the buffers on the way deadlocks nobody. */
	for (int end = 0; end < 2; end++) {
		setsockopt(ends[end], SOL_SOCKET, SO_SNDBUF, &(int){ 100000 }, sizeof(int));
		setsockopt(ends[end], SOL_SOCKET, SO_RCVBUF, &(int){ 100000 }, sizeof(int));
	}
	serve(ends[1], ends[0], echoes);
	syscall(SYS_close, ends[1]);
	if (echoes || strcmp(words.word[1], "writer") == 0)
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return echoes ? echo(ends[0], &words) : relay_and_listen(ends[0], &words);
}
