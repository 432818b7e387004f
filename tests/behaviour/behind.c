/* SPDX-License-Identifier: MIT */
/** @file
 * @brief A library (libbehind*.so) that replaces send() and read(), and not sendto(), and counts its calls: preloaded
 * behind ours it is what ours has to call. With BEHIND_CLOSE_MS its close() returns so long after the number is free.
 *
 * Built twice, with the hash table that loaders use today and with the one they used before.
 */
#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "early.h"

/* Public: the tester finds it by name. */
__attribute__((visibility("default"))) struct early_result behind_results[] = { { "send", 0 }, { "read", 0 }, { NULL, 0 } };

__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t length, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int);

	*(void **)&next = dlsym(RTLD_NEXT, "send");
	behind_results[0].value++;
	return next(fd, data, length, flags);
}

__attribute__((visibility("default"))) ssize_t read(int fd, void *data, size_t length)
{
	ssize_t (*next)(int, void *, size_t);

	*(void **)&next = dlsym(RTLD_NEXT, "read");
	behind_results[1].value++;
	return next(fd, data, length);
}

__attribute__((visibility("default"))) int close(int fd)
{
	int (*next)(int);
	const char *late_ms = getenv("BEHIND_CLOSE_MS");

	*(void **)&next = dlsym(RTLD_NEXT, "close");
	const int result = next(fd);
	if (late_ms)
		poll(NULL, 0, atoi(late_ms));
	return result;
}
