/* SPDX-License-Identifier: MIT */
/** @file
 * @brief select() with more descriptors than its sets have room for: the kernel stops at the end of its own table.
 *
 * store CALL NFDS MS: while it waits for a full socket, another thread stores something right behind the set.
 * guard CALL NFDS MS: right behind the set there is no memory.
 * MS is the wait's timeout, -1: none. Both say what the call returned, what is in the set then, and how much of the store
 * is still there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program.h"

static struct {
	fd_set set;
	volatile long stored[1024];
} together;

static void *store(void *context)
{
	(void)context;
	pause_ms(250);
	for (int i = 0; i < 1024; i++)
		together.stored[i] = i + 1;
	return NULL;
}

static long is_stored(void)
{
	long count = 0;

	for (int i = 0; i < 1024; i++)
		count += together.stored[i] == i + 1;
	return count;
}

/* A set whose last byte is the last of a page, with none behind it. */
static fd_set *guarded(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE))
		fail("mmap");
	return (fd_set *)(pages + page - sizeof(fd_set));
}

static int wait_for(const char *call, int n, fd_set *set, long ms)
{
	struct timespec until = { ms / 1000, ms % 1000 * 1000000L };
	struct timeval time = { ms / 1000, ms % 1000 * 1000L };

	if (strcmp(call, "pselect") == 0)
		return pselect(n, NULL, set, NULL, ms < 0 ? NULL : &until, NULL);
	return select(n, NULL, set, NULL, ms < 0 ? NULL : &time);
}

int main(int argc, char **argv)
{
	const struct words words = words_of(argc, argv);
	const int most = atoi(words.word[2]);
	struct rlimit limit;
	const int guard = strcmp(words.word[0], "guard") == 0;
	fd_set *set = guard ? guarded() : &together.set;
	int ends[2], ret;
	pthread_t thread;

	connect_pair(ends);
	/* As far as it is allowed: what the library may take for the kernel's table. */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)most < limit.rlim_max ? (rlim_t)most : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	/* Non-blocking, and refused by a send that the library sees. */
	fill(ends[0]);
	say("refused", send(ends[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN);
	if (!guard && pthread_create(&thread, NULL, store, NULL))
		fail("thread");
	FD_ZERO(set);
	FD_SET(ends[0], set);
	const int64_t start = now_ms();

	ret = wait_for(words.word[1], most, set, atol(words.word[3]));
	say_result("wait", ret, errno);
	say("wait.ms", now_ms() - start);
	say("in_set", FD_ISSET(ends[0], set) != 0);
	if (!guard) {
		pthread_join(thread, NULL);
		say("stored", is_stored());
	}
	return 0;
}
