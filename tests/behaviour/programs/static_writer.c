/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A program that no preloaded library gets into, where it can be linked statically: writes to a socket it was
 * given, as a child of a program that has the library.
 *
 *     static_writer FD OFFSET BYTES CHUNK RESULTS_FD LABEL
 *
 * It writes so many bytes of the pattern, from that byte on, at most CHUNK in one call, and gives up at the first error,
 * as programs with blocking sockets do. It says so in the tester's form: LABEL.ret, LABEL.errno.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../peers/pattern.h"

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	const int fd = atoi(argv[1]), results_fd = atoi(argv[5]);
	const uint64_t offset = strtoull(argv[2], NULL, 10);
	const size_t bytes = strtoul(argv[3], NULL, 10), chunk = strtoul(argv[4], NULL, 10);
	unsigned char *pattern = malloc(bytes);
	size_t sent = 0;
	int error = 0;

	if (!pattern)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	pattern_fill(pattern, bytes, offset);
	while (sent < bytes) {
		const size_t left = bytes - sent;
		const ssize_t count = write(fd, pattern + sent, left < chunk ? left : chunk);

		if (count < 0) {
			error = errno;
			break;
		}
		sent += (size_t)count;
	}
	dprintf(results_fd, "%s.ret=%zu\n%s.errno=%d\n", argv[6], sent, argv[6], error);
	free(pattern);
	return 0;
}
