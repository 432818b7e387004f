/* SPDX-License-Identifier: MIT */
/** @file
 * @brief sender ADDRESS PORT BYTES [ticks]: sends as much in blocking sends, and says what came of it. With ticks, a
 * signal that restarts system calls comes all the time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static unsigned char data[65536];
static volatile sig_atomic_t ticks;

static void on_tick(int number)
{
	(void)number;
	ticks = ticks + 1;
}

static void start_ticks(void)
{
	const struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	const struct itimerval period = {{0, 10000}, {0, 10000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &period, NULL);
}

static int fail(const char *call, long done)
{
	printf("%s: %s after %ld bytes\n", call, strerror(errno), done);
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in peer = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	/* Small, so that it has to wait. */
	const int size = 65536;
	long bytes, done = 0;

	if (argc < 4 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1)
		return 2;
	peer.sin_port = htons((unsigned short)atoi(argv[2]));
	bytes = atol(argv[3]);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (argc > 4)
		start_ticks();
	if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0)
		return fail("connect", 0);
	while (done < bytes) {
		const size_t at = (size_t)done % sizeof data, left = (size_t)(bytes - done);
		const ssize_t count =
			send(fd, data + at, left < sizeof data - at ? left : sizeof data - at, MSG_NOSIGNAL);

		if (count < 0)
			return fail("send", done);
		done += count;
	}
	if (close(fd) != 0)
		return fail("close", done);
	printf("sent %ld\n", done);
	if (argc > 4)
		printf("some ticks: %s\n", ticks > 0 ? "yes" : "no");
	return 0;
}
