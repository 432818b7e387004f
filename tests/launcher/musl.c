/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Sends to a peer that never reads, itself, until that fails; prints the errno and how long it took, in ms.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char data[1 << 20];

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof here;
	int listener = socket(AF_INET, SOCK_STREAM, 0), sender = socket(AF_INET, SOCK_STREAM, 0);

	alarm(20);
	if (bind(listener, (struct sockaddr *)&here, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&here, &length) ||
	    connect(sender, (struct sockaddr *)&here, length)) {
		perror("musl");
		return 1;
	}
	long began = now_ms();

	while (send(sender, data, sizeof data, 0) >= 0)
		;
	int error = errno;

	printf("%d %ld\n", error, now_ms() - began);
	return 0;
}
