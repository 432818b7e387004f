/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A program that knows nothing of sndtimeo, for tests/quick/quick.sh: one scene with a peer of its own, on loopback.
 *
 * Prints what came of it: "whole", the name of the error, or "late" if nothing did within LATE_SECONDS; and, first, whether it is
 * of 32 or 64 bits, and whether the library is in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Longer than any limit that the script sets, even on a busy machine. */
#define LATE_SECONDS 6
#define UPLOAD_SIZE (64u << 20)

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "scene: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void too_late(int signal)
{
	(void)signal;
	_exit(write(STDOUT_FILENO, "late\n", 5) == 5 ? 1 : 2);
}

static void show_ourselves(void)
{
	char line[4096];
	FILE *maps = fopen("/proc/self/maps", "re");
	const char *with = "without";

	if (!maps)
		fail("/proc/self/maps");
	while (fgets(line, sizeof line, maps))
		if (strstr(line, "/libsndtimeo.so"))
			with = "with";
	fclose(maps);
	printf("%d bits %s ", (int)sizeof(void *) * 8, with);
	fflush(stdout);
}

/* Its name is what a script compares, not what it is called in some language. */
static const char *error_name(void)
{
	return errno == ETIMEDOUT ? "ETIMEDOUT" : strerror(errno);
}

static int listening(int backlog, struct sockaddr_in *address)
{
	socklen_t size = sizeof *address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) != 0 || listen(fd, backlog) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) != 0)
		fail("listen");
	return fd;
}

static int connected(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
		fail("connect");
	return fd;
}

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 7 + at / 251);
}

/* The peer: takes everything in, slowly at first, and says whether it is all there and right. */
static _Noreturn void take(int listener)
{
	static unsigned char buffer[1 << 20];
	int fd = accept(listener, NULL, NULL);
	size_t at = 0;
	ssize_t count;

	if (fd < 0)
		_exit(2);
	usleep(300000);
	while ((count = read(fd, buffer, sizeof buffer)) > 0)
		for (ssize_t i = 0; i < count; i++)
			if (buffer[i] != byte_at(at++))
				_exit(1);
	_exit(count == 0 && at == UPLOAD_SIZE ? 0 : 1);
}

static void upload(int fd)
{
	unsigned char *data = malloc(UPLOAD_SIZE);
	ssize_t count;

	if (!data)
		fail("malloc");
	for (size_t i = 0; i < UPLOAD_SIZE; i++)
		data[i] = byte_at(i);
	for (size_t at = 0; at < UPLOAD_SIZE; at += (size_t)count) {
		count = send(fd, data + at, UPLOAD_SIZE - at, MSG_NOSIGNAL);
		if (count < 0) {
			puts(error_name());
			exit(1);
		}
	}
	free(data);
}

static void healthy(void)
{
	struct sockaddr_in address;
	int listener = listening(1, &address), status;
	pid_t peer = fork();

	if (peer < 0)
		fail("fork");
	if (peer == 0)
		take(listener);
	int fd = connected(&address);

	upload(fd);
	close(fd);
	if (waitpid(peer, &status, 0) != peer || status != 0) {
		puts("damaged");
		exit(1);
	}
	puts("whole");
}

/* The peer's kernel takes in what fits, and nobody reads it. */
static void stall(void)
{
	struct sockaddr_in address;
	int listener = listening(1, &address), fd = connected(&address), peer = accept(listener, NULL, NULL);

	if (peer < 0)
		fail("accept");
	upload(fd);
	puts("whole");
}

/* A listener that accepts nobody: once its queue is full, the kernel answers no SYN. */
static void full_queue(void)
{
	struct sockaddr_in address;

	listening(0, &address);
	for (int i = 0; i < 8; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			fail("socket");
		if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
			puts(error_name());
			exit(1);
		}
	}
	puts("whole");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*play)(void);
	} scenes[] = {{"healthy", healthy}, {"stall", stall}, {"full-queue", full_queue}};

	/* healthy takes as long as it takes. */
	signal(SIGALRM, too_late);
	for (size_t i = 0; argc == 2 && i < sizeof scenes / sizeof scenes[0]; i++) {
		if (strcmp(argv[1], scenes[i].name) != 0)
			continue;
		show_ourselves();
		if (scenes[i].play != healthy)
			alarm(LATE_SECONDS);
		scenes[i].play();
		return 0;
	}
	fputs("usage: scene healthy|stall|full-queue\n", stderr);
	return 2;
}
