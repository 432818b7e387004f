/* SPDX-License-Identifier: MIT */
/** @file
 * @brief Looks for functions at run time, as programs do that are built for more than one libc, and calls those that are there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *found(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

static void expect(const char *name, long result)
{
	if (result < 0 && errno != ENOSYS)
		printf("%s: %s\n", name, strerror(errno));
}

int main(void)
{
	int (*ends_range)(unsigned, unsigned, int) = (int (*)(unsigned, unsigned, int))found("close_range");
	void (*ends_from)(int) = (void (*)(int))found("closefrom");
	int (*waits)(int, struct epoll_event *, int, const struct timespec *, const void *) =
		(int (*)(int, struct epoll_event *, int, const struct timespec *, const void *))found("epoll_pwait2");
	pid_t (*forks)(void) = (pid_t (*)(void))found("_Fork");
	ssize_t (*writes)(int, const struct iovec *, int, off_t, int) =
		(ssize_t (*)(int, const struct iovec *, int, off_t, int))found("pwritev2");
	const struct timespec moment = {.tv_nsec = 1000000};
	struct iovec nothing = {"", 0};
	struct epoll_event event;
	int file = dup(STDOUT_FILENO);

	if (ends_range)
		expect("close_range", ends_range((unsigned)file, (unsigned)file, 0));
	file = dup(STDOUT_FILENO);
	if (ends_from) {
		ends_from(file);
		if (close(file) == 0)
			puts("closefrom: it was open");
	}
	if (waits)
		expect("epoll_pwait2", waits(epoll_create1(0), &event, 1, &moment, NULL));
	if (forks) {
		pid_t child = forks();

		if (child == 0)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			puts("_Fork: no child");
	}
	if (writes)
		expect("pwritev2", writes(STDOUT_FILENO, &nothing, 1, -1, 0));
	puts("all called");
	return 0;
}
